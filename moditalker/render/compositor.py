"""The full picture: the portrait warped at its own resolution, with the aligned face's changes laid over it.

What MToV adds is a difference to the warp, so the portrait's own sharpness stays wherever nothing had to change. With a
backdrop only the person is warped and changed.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

import cv2
import numpy as np

from moditalker.render.background import Backdrop, showing


class Lids(Protocol):
    """What moves within the eyes, see ``mtov.lids``."""

    def boxes(self, frame: int) -> list[tuple[np.ndarray, np.ndarray]]: ...

    def __call__(self, frame: int, points: np.ndarray) -> np.ndarray: ...


class Flow(Protocol):
    """A backward map: (P, 2) points of the frames -> (T, P, 2) points of the portrait, picture space."""

    @property
    def lids(self) -> Lids: ...

    def __call__(self, points: np.ndarray) -> np.ndarray: ...


Retouch = Callable[[np.ndarray, int], None]
"""Paints into a (H, W, 3) uint8 frame, in place; called with its index too."""

_CELL = 8
"""The warp is evaluated on a grid of so many pixels and interpolated."""
_FEATHER, _FADE = 0.1, 0.25
"""Within the aligned face its changes fade out over this part of its side, and shifts beyond it."""


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
        self._x0, self._y0 = int(low[0]), int(low[1])
        self._width, self._height = max(2, int(high[0]) - self._x0), max(2, int(high[1]) - self._y0)
        self._columns = max(2, -(-self._width // _CELL) + 1)
        self._rows = max(2, -(-self._height // _CELL) + 1)
        x = np.linspace(self._x0, self._x0 + self._width - 1, self._columns)
        y = np.linspace(self._y0, self._y0 + self._height - 1, self._rows)
        self._grid = np.stack(np.meshgrid(x, y), -1).reshape(-1, 2)
        # Pixel positions on the coarse grid, for cv2.remap of the flow itself.
        column = np.linspace(0, self._columns - 1, self._width, dtype=np.float32)
        row = np.linspace(0, self._rows - 1, self._height, dtype=np.float32)
        fine_x, fine_y = np.meshgrid(column, row)
        self._fine = fine_x.astype(np.float32), fine_y.astype(np.float32)
        self._pixels = np.stack(np.meshgrid(np.arange(self._width), np.arange(self._height)), -1).astype(np.float32)
        self._pixels += np.array([self._x0, self._y0], np.float32)
        self._source_pixels = self._pixels + np.array([0, len(self._source) - len(picture)], np.float32)
        self._region = slice(self._y0, self._y0 + self._height), slice(self._x0, self._x0 + self._width)

    def __call__(
        self,
        flow: Flow,
        delta: np.ndarray,
        matrices: np.ndarray,
        retouch: Retouch | None = None,
        shift: np.ndarray | None = None,
    ) -> np.ndarray:
        """Draw consecutive frames.

        Args:
            flow: backward map of the T frames.
            delta: (T, 3, S, S) to be added to the warp in the aligned face, as of 0 to 255.
            matrices: (T, 2, 3) picture -> aligned.
            retouch: what is done to the warp before ``delta`` is added.
            shift: (T, 2, s, s) where in the warp each of s x s cells of the aligned face is taken from, pixels of the
                aligned face to the right and below; it fades out beyond that face. None for nowhere else.
        Returns:
            (T, H, W, 3) uint8
        """
        # Displacements and not places are interpolated: cv2.remap rounds to a 32nd of a cell, a quarter of a pixel.
        coarse = (flow(self._grid) - self._grid).reshape(-1, self._rows, self._columns, 2)
        window = _feather(delta.shape[-1], delta.shape[-1] * _FEATHER)
        frames = np.repeat(self.picture[None], len(delta), 0)
        for index, (frame, points, change, matrix) in enumerate(zip(frames, coarse, delta, matrices, strict=True)):
            moves = cv2.remap(np.ascontiguousarray(points, np.float32), *self._fine, cv2.INTER_LINEAR)
            self._slide_lids(moves, flow.lids, index)
            if shift is not None:
                self._shift(moves, shift[index], matrix, size=delta.shape[-1])
            places = cv2.split(self._source_pixels + moves)
            frame[self._region] = _taken(self._source, places)
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
        person[here] = _taken(backdrop.whole, places)
        self._add(frame, change, matrix, person)
        both = cv2.add(frame[here], showing(backdrop.behind[here], person[here]), dtype=cv2.CV_16S)
        frame[here] = cv2.subtract(both, _taken(backdrop.through, places), dtype=cv2.CV_8U)

    def _slide_lids(self, moves: np.ndarray, lids: Lids, index: int) -> None:
        """Let the lids of a frame slide over the eyes; (height, width, 2) displacements, in place."""
        origin = np.array([self._x0, self._y0])
        for low, high in lids.boxes(index):
            x0, y0 = np.clip(np.floor(low - origin).astype(int), 0, [self._width, self._height])
            x1, y1 = np.clip(np.ceil(high - origin).astype(int) + 1, 0, [self._width, self._height])
            if x1 <= x0 or y1 <= y0:
                continue
            here = self._pixels[y0:y1, x0:x1]
            resting = lids(index, here.reshape(-1, 2)).reshape(here.shape)
            x, y = cv2.split((resting - origin).astype(np.float32))
            moves[y0:y1, x0:x1] = cv2.remap(moves, x, y, cv2.INTER_LINEAR) + (resting - here)

    def _shift(self, moves: np.ndarray, shift: np.ndarray, matrix: np.ndarray, size: int) -> None:
        """Look displacements (height, width, 2) up elsewhere, as (2, s, s) says, and add that; in place."""
        if not shift.any():
            return
        cells = shift.shape[-1]
        margin = round(cells * _FADE)
        # A cell's middle in the aligned face, then in the picture, then in what moves.
        inverse = cv2.invertAffineTransform(matrix)
        cell = np.array([[size / cells, 0], [0, size / cells]])
        middle = np.full(2, (size / cells - 1) / 2) - margin * size / cells
        place = np.concatenate([inverse[:, :2] @ cell, (inverse @ [*middle, 1] - [self._x0, self._y0])[:, None]], 1)
        seen = (shift.transpose(1, 2, 0) @ inverse[:, :2].T).astype(np.float32)
        seen = np.pad(seen, ((margin, margin), (margin, margin), (0, 0)), mode="edge")
        seen *= _feather(len(seen), margin)
        here = cv2.warpAffine(seen, place, (self._width, self._height), flags=cv2.INTER_LINEAR)
        origin = np.array([self._x0, self._y0], np.float32)
        moves[:] = _taken(moves, cv2.split(self._pixels + here - origin)) + here

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


def _taken(picture: np.ndarray, places: Sequence[np.ndarray]) -> np.ndarray:
    """(H, W) or (H, W, C) of any type looked up at x and y, (h, w) each, the border repeated."""
    x, y = places
    return np.asarray(cv2.remap(picture, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))


def _feather(size: int, margin: float) -> np.ndarray:
    """(size, size, 1): one, and falling to nothing over the margin, so that no border shows."""
    ramp = np.clip(np.minimum(np.arange(size), np.arange(size)[::-1]) / margin, 0, 1)
    ramp = ramp * ramp * (3 - 2 * ramp)
    return (ramp[:, None] * ramp[None, :])[..., None].astype(np.float32)
