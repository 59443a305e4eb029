"""What the published networks see: a square around the head that stays where it is, landmarks drawn in it, its warp.

In this square the head moves, as in the published data; the compact networks look at an aligned face instead. Landmarks
in it are in *crop space*: its pixels, z in the same unit.
"""

import cv2
import numpy as np
import torch

from moditalker.face.geometry import FaceFrame, transform_points
from moditalker.paper.inputs import Inputs, drawings, visible
from moditalker.render.grid import Grid, sample
from moditalker.render.warp import FrameWarp, face_centre

REACH = 4.2
"""Side of the square in inter-ocular distances."""
_FADE = 0.06
"""Share of the square's side over which it is faded into the picture."""
_UNTOUCHED = np.eye(2, 3, dtype=np.float32)


def crop_matrix(landmarks: np.ndarray, height: int, width: int, size: int) -> np.ndarray:
    """The square around the head of one portrait, or of all frames of a clip.

    Args:
        landmarks: (T, 68, 3) picture space, pixels.
        height, width: of the picture; the square stays inside.
        size: side that it is brought to, pixels.
    Returns:
        (2, 3) float32, picture -> crop, as ``aligned_face`` takes it.
    """
    frames = [FaceFrame(points) for points in landmarks]
    side = min(REACH * float(np.mean([frame.unit for frame in frames])), height, width)
    centre = np.mean([face_centre(frame) for frame in frames], 0)
    low = np.clip(centre - side / 2, 0, np.array([width, height]) - side)
    scale = size / side
    return np.array([[scale, 0, -scale * low[0]], [0, scale, -scale * low[1]]], np.float32)


def into_crop(landmarks: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """(..., 68, 3) picture space -> crop space."""
    depth = landmarks[..., 2:] * matrix[0, 0]
    return np.concatenate([transform_points(matrix, landmarks), depth], -1).astype(np.float32)


def drawn_frames(landmarks: np.ndarray, size: int, inputs: Inputs = "ours") -> torch.Tensor:
    """(T, 68, 3) crop space -> drawings (3, T, size, size) uint8, see ``drawings``."""
    return torch.from_numpy(drawings(landmarks[..., :2], size, inputs)).transpose(0, 1)


def visible_frames(landmarks: np.ndarray, size: int, inputs: Inputs = "ours") -> torch.Tensor:
    """(T, 68, 3) crop space -> (1, T, size, size) bool, False over the lower face, see ``visible``."""
    return torch.from_numpy(visible(landmarks[..., :2], size, inputs)).transpose(0, 1)


def warped_frames(portrait: torch.Tensor, portrait_landmarks: np.ndarray, landmarks: np.ndarray) -> torch.Tensor:
    """The portrait moved to the landmarks: pose frames where there is no driving video.

    Args:
        portrait: (3, S, S) uint8 crop.
        portrait_landmarks: (68, 3) crop space.
        landmarks: (T, 68, 3) crop space.
    Returns:
        (3, T, S, S) uint8
    """
    frame = FaceFrame(portrait_landmarks)
    grid = Grid.aligned(_UNTOUCHED, _UNTOUCHED[None], portrait.shape[-1])
    displacement = np.stack(list(FrameWarp(frame, frame.motion(landmarks)).displacements(grid)))
    warped = sample(portrait.float()[None], torch.from_numpy(displacement))
    return warped.round().clamp(0, 255).to(torch.uint8).transpose(0, 1)


def hide(frames: torch.Tensor, visible: torch.Tensor) -> torch.Tensor:
    """Black out what may not be seen: (..., 3, T, S, S) in [-1, 1] and (..., 1, T, S, S) bool -> like the former."""
    return torch.where(visible, frames, torch.full_like(frames, -1))


class Paster:
    """Lays drawn squares back over the picture that their square was cut from, faded in over a narrow border.

    Args:
        picture: (H, W, 3) uint8.
        matrix: (2, 3) picture -> crop, from ``crop_matrix``.
        size: side of the squares, pixels.
    """

    def __init__(self, picture: np.ndarray, matrix: np.ndarray, size: int) -> None:
        height, width = picture.shape[:2]
        back = cv2.invertAffineTransform(matrix)
        low = np.floor(back[:, 2]).astype(int).clip(0)
        high = np.minimum(np.ceil(back[:, 2] + back[0, 0] * size).astype(int), [width, height])
        self.picture, self._box = picture, (slice(low[1], high[1]), slice(low[0], high[0]))
        self._side = int(high[0] - low[0]), int(high[1] - low[1])
        self._back = back.astype(np.float32)
        self._back[:, 2] -= low
        rise = np.minimum(np.arange(size) + 0.5, size - np.arange(size) - 0.5) / (_FADE * size)
        fade = np.minimum(rise[:, None], rise[None, :]).clip(0, 1).astype(np.float32)
        self._fade = self._placed(fade)[..., None]

    def _placed(self, square: np.ndarray) -> np.ndarray:
        how = cv2.INTER_CUBIC if self._back[0, 0] > 1 and square.ndim == 3 else cv2.INTER_LINEAR
        return cv2.warpAffine(square, self._back, self._side, flags=how, borderMode=cv2.BORDER_REPLICATE)

    def __call__(self, squares: np.ndarray) -> np.ndarray:
        """(n, size, size, 3) uint8 -> (n, H, W, 3) uint8."""
        frames = np.repeat(self.picture[None], len(squares), 0)
        under = self.picture[self._box].astype(np.float32)
        for frame, square in zip(frames, squares, strict=True):
            drawn = self._placed(square).astype(np.float32)
            frame[self._box] = (under + self._fade * (drawn - under)).round().clip(0, 255).astype(np.uint8)
        return frames
