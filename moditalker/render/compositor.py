"""The full picture: the portrait warped at its own resolution, with the aligned face's changes laid over it.

What MToV adds is a difference to the warp, so the portrait's own sharpness stays wherever nothing had to change. With a
backdrop only the person is warped and changed.
"""

from collections.abc import Callable, Sequence

import cv2
import numpy as np

from moditalker.render.background import Backdrop, showing
from moditalker.render.border import Border
from moditalker.render.grid import Grid, feather, looked_up
from moditalker.render.warp import FrameWarp

Retouch = Callable[[np.ndarray, int], None]
"""Paints into a (H, W, 3) uint8 frame, in place; called with its index too."""

_CELL = 8
"""The warp is evaluated on a grid of so many pixels and interpolated."""
_FEATHER = 0.1
"""Within the aligned face its changes fade out over this part of its side."""


class Composer:
    """Draws frames of one portrait.

    Args:
        picture: (H, W, 3) uint8, the portrait.
        centre: (2,) around which pixels may move, picture space.
        radii: x and y reach of what may move, pixels.
        backdrop: what of it stands still; None lets everything move.
    """

    def __init__(
        self, picture: np.ndarray, centre: np.ndarray, radii: tuple[float, float], backdrop: Backdrop | None = None
    ) -> None:
        self.picture, self.backdrop = picture, backdrop
        self._source = picture if backdrop is None else backdrop.made_whole(picture)
        height, width = picture.shape[:2]
        low = np.floor(np.maximum(centre - radii, 0)).astype(int)
        high = np.ceil(np.minimum(centre + radii, [width, height])).astype(int)
        size = np.maximum(2, high - low)
        columns, rows = np.maximum(2, -(-size // _CELL) + 1)
        place = np.array([[1.0, 0, -low[0]], [0, 1, -low[1]]])
        x, y = np.linspace(0, size[0] - 1, columns), np.linspace(0, size[1] - 1, rows)
        self._grid = Grid(int(size[0]), int(size[1]), x, y, place[None], place)
        above = len(self._source) - len(picture)
        self._border = Border(
            (width, height), low, low + size, centre, radii, None if backdrop is None else backdrop.whole
        )
        self._source_pixels = self._grid.pixels + np.array([low[0], low[1] + above], np.float32)
        self._region = slice(low[1], low[1] + size[1]), slice(low[0], low[0] + size[0])

    def __call__(
        self,
        warp: FrameWarp,
        delta: np.ndarray,
        retouch: Retouch | None = None,
        shift: np.ndarray | None = None,
    ) -> np.ndarray:
        """Draw consecutive frames.

        Args:
            warp: of the T frames.
            delta: (T, 3, S, S) to be added to the warp in the aligned face, as of 0 to 255.
            retouch: what is done to the warp before ``delta`` is added.
            shift: (T, 2, s, s), see ``FrameWarp.refined``; None refines nothing.
        Returns:
            (T, H, W, 3) uint8
        """
        window = feather(delta.shape[-1], delta.shape[-1] * _FEATHER)
        frames = np.repeat(self.picture[None], len(delta), 0)
        displacements = warp.displacements(self._grid, shift)
        for index, (frame, displacement, change, matrix) in enumerate(
            zip(frames, displacements, delta, warp.matrices, strict=True)
        ):
            self._border(displacement)
            places = cv2.split(self._source_pixels + displacement)
            frame[self._region] = looked_up(self._source, places)
            if retouch is not None:
                retouch(frame, index)
            changed = change.transpose(1, 2, 0) * window
            if self.backdrop is None:
                self._add(frame, changed, matrix)
            else:
                self._add_before(self.backdrop, frame, changed, matrix, places)
        return frames

    def _add_before(
        self,
        backdrop: Backdrop,
        frame: np.ndarray,
        change: np.ndarray,
        matrix: np.ndarray,
        places: Sequence[np.ndarray],
    ) -> None:
        """Add (S, S, 3) of the aligned face to the person, and have the backdrop where it was; in place.

        ``places`` are those of the portrait made whole.
        """
        here = self._region
        person = np.zeros(frame.shape[:2], np.uint8)
        person[here] = looked_up(backdrop.whole, places)
        self._add(frame, change, matrix, person)
        both = cv2.add(frame[here], showing(backdrop.behind[here], person[here]), dtype=cv2.CV_16S)
        frame[here] = cv2.subtract(both, looked_up(backdrop.through, places), dtype=cv2.CV_8U)

    def _add(self, frame: np.ndarray, change: np.ndarray, matrix: np.ndarray, person: np.ndarray | None = None) -> None:
        """Add (S, S, 3) of the aligned face to a frame, only where the aligned face lies, and the person (H, W)."""
        size = change.shape[0]
        corners = np.array([[0, 0], [size, 0], [0, size], [size, size]], np.float32)
        inverse = cv2.invertAffineTransform(matrix)
        placed = corners @ inverse[:, :2].T + inverse[:, 2]
        height, width = frame.shape[:2]
        x0, y0 = np.clip(np.floor(placed.min(0)).astype(int), 0, [width, height])
        x1, y1 = np.clip(np.ceil(placed.max(0)).astype(int) + 1, 0, [width, height])
        if x1 <= x0 or y1 <= y0:
            return
        shifted = inverse - np.array([[0, 0, x0], [0, 0, y0]], inverse.dtype)
        enlarged = np.sqrt(abs(np.linalg.det(inverse[:, :2])))
        how = cv2.INTER_CUBIC if enlarged > 1 else cv2.INTER_LINEAR
        spread = cv2.warpAffine(change, shifted, (int(x1 - x0), int(y1 - y0)), flags=how)
        if person is not None:
            spread = spread * (person[y0:y1, x0:x1, None] / np.float32(255))
        part = frame[y0:y1, x0:x1]
        part[:] = np.clip(part + spread, 0, 255).round().astype(np.uint8)
