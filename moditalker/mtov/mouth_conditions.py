"""What the mouth renderer is given of each frame beside the draft, made from the portrait and the landmarks."""

import cv2
import numpy as np
import torch

from moditalker.face.geometry import ALIGNED_SIZE, aligned_face, transform_points
from moditalker.mtov.mouth_renderer import FOLD, SIDE, WINDOW
from moditalker.render.grid import Grid, looked_up
from moditalker.render.landmark_map import draw_landmarks
from moditalker.render.warp import FrameWarp

MARGIN = 32
"""What is kept of the portrait around the aligned face of 256 pixels: a chin comes from there when a head turns."""
_CORNER = np.array([WINDOW.left, WINDOW.top], np.float32)


class WarpedWindow:
    """The mouth's window of a portrait, warped.

    Args:
        seen: (320, 320, 3) uint8, the aligned portrait of 256 pixels with ``MARGIN`` around it.
        own: (2, 3) picture space -> window, of the portrait.
    """

    def __init__(self, seen: np.ndarray, own: np.ndarray) -> None:
        self._seen, self._own = seen, own

    def __call__(self, warp: FrameWarp, matrices: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
        """Warp it.

        Args:
            warp: of T frames.
            matrices: (T, 2, 3) picture space -> window, of each frame.
        Returns:
            (T, 3, 96, 128) uint8, and (T, 2, 24, 32) float32, how far to the right and below each quarter was taken
            from, pixels of the window.
        """
        x, y = ((np.arange(n // FOLD) + 0.5) * FOLD - 0.5 for n in (WINDOW.width, WINDOW.height))
        grid = Grid(WINDOW.width, WINDOW.height, x, y, matrices, self._own)
        here = grid.pixels + (_CORNER + MARGIN)
        warped, quarters = [], []
        for displacement in warp.displacements(grid):
            warped.append(looked_up(self._seen, cv2.split(here + displacement)))
            quarters.append(cv2.resize(displacement, None, fx=1 / FOLD, fy=1 / FOLD, interpolation=cv2.INTER_AREA))
        pictures, moved = (torch.from_numpy(np.stack(maps)).permute(0, 3, 1, 2) for maps in (warped, quarters))
        return pictures, moved


def window_matrices(matrices: np.ndarray) -> np.ndarray:
    """(..., 2, 3) picture space -> aligned face of 128 pixels, to (..., 2, 3) picture space -> the mouth's window."""
    windowed = np.asarray(matrices, np.float64) * (SIDE / ALIGNED_SIZE)
    windowed[..., 2] -= _CORNER
    return windowed


def in_window(picture: np.ndarray, matrix: np.ndarray) -> torch.Tensor:
    """(H, W, 3) uint8 and its (2, 3) picture space -> window, to (3, 96, 128) uint8, what the window shows."""
    whole = matrix + np.column_stack([np.zeros((2, 2)), _CORNER])
    return WINDOW.cut(torch.from_numpy(aligned_face(picture, whole, SIDE)).permute(2, 0, 1))


def landmark_maps(landmarks: np.ndarray, matrices: np.ndarray) -> torch.Tensor:
    """(T, 68, 3) picture space and (T, 2, 3) picture space -> window, to (T, 3, 96, 128) uint8."""
    placed = transform_points(matrices, landmarks)
    placed = np.concatenate([placed[..., :2] + _CORNER, placed[..., 2:]], -1)
    return WINDOW.cut(torch.from_numpy(draw_landmarks(placed, SIDE)))
