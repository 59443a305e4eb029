"""The picture's border: nothing is taken from beyond it.

Beyond the border there are no pixels. A warp that needs some got the last row again and again, so that what a picture
shows at its border became stripes when the head went away from it. So what is taken from the direction of the border
fades out towards it: the border stays where it is. What is taken from inside is left alone, for a head may leave the
picture.
"""

from dataclasses import dataclass

import cv2
import numpy as np

_WIDTH = 0.2
"""How far inside displacements fade out, as a share of the reach of what may move: 0.6 inter-ocular distances."""
_FACE = 0.3
"""Inside this share of the reach lies the face: nothing fades there unless it must."""
_MOVES = 128
"""Share of 255 from which a pixel at the border counts as one that moves."""
_STEEP = 2.5
"""A displacement fades out over so many times its own length at least: pixels must not change their order."""


class Border:
    """Fades displacements out at the borders that a part of a picture touches.

    Args:
        size: width and height of the picture, pixels.
        low, high: (2,) int x and y of the part.
        centre: (2,) of what may move, pixels.
        radii: its reach to the right and below, pixels.
        whole: (A + H, W) uint8, what of the picture moves, of 255, with A rows that it has been given above; None where
            all moves. Borders that nothing of it reaches, and the upper one, need nothing.
    """

    def __init__(
        self,
        size: tuple[int, int],
        low: np.ndarray,
        high: np.ndarray,
        centre: np.ndarray,
        radii: tuple[float, float],
        whole: np.ndarray | None,
    ) -> None:
        self._sides: list[_Side] = []
        for axis in (0, 1):
            inside = np.arange(low[axis], high[axis], dtype=np.float32)
            along = slice(low[1 - axis], high[1 - axis])
            for nearest, touched, room in (
                (0, low[axis] == 0, centre[axis]),
                (-1, high[axis] == size[axis], size[axis] - 1 - centre[axis]),
            ):
                if not touched or (whole is not None and (axis, nearest) == (1, 0)):
                    continue
                distance = inside if nearest == 0 else size[axis] - 1 - inside
                width = float(np.clip(room - _FACE * radii[axis], 0, _WIDTH * radii[axis]))
                edge = np.full(size[1 - axis], 255, np.uint8)
                if whole is not None:
                    edge = whole[-size[1] :, nearest] if axis == 0 else whole[nearest]
                moves = _spread(edge >= _MOVES, _WIDTH * radii[1 - axis])[along]
                if moves.any():
                    self._sides.append(_Side(axis, nearest, distance, moves, width))

    def __call__(self, displacement: np.ndarray) -> None:
        """Fade (height, width, 2) pixels of the part, in place."""
        for side in self._sides:
            across = displacement[..., 1] if side.axis == 1 else displacement[..., 0].T
            outward = side.moves * (np.minimum(across, 0) if side.nearest == 0 else np.maximum(across, 0))
            longest = float(np.abs(outward[side.nearest]).max())
            if longest > 0:
                share = np.clip(side.distance / max(side.width, _STEEP * longest), 0, 1)
                across -= outward * (1 - share * share * (3 - 2 * share))[:, None]


@dataclass(frozen=True)
class _Side:
    """A border of the picture.

    Attributes:
        axis: 0 for the left and the right one, 1 for the upper and the lower one.
        nearest: index of the column or row that lies at it.
        distance: (n,) pixels from it to each column or row.
        moves: (m,) from 0 to 1, where along it something moves.
        width: over which displacements fade out, pixels.
    """

    axis: int
    nearest: int
    distance: np.ndarray
    moves: np.ndarray
    width: float


def _spread(marked: np.ndarray, width: float) -> np.ndarray:
    """(n,) bool -> float32: one as far as half a width beyond what is marked, and falling to nothing over another."""
    reach = 2 * round(width / 2) + 1
    wide = cv2.dilate(marked.astype(np.float32)[None], np.ones((1, 2 * reach - 1), np.uint8))
    return np.asarray(cv2.blur(wide, (reach, 1), borderType=cv2.BORDER_REPLICATE))[0]
