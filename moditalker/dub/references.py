"""Frames of a person that lend the new mouth its looks: one with the lips shut, one with the teeth in sight.

They are kept as heads of one size that are held upright by their eyes, so that a reference and any frame of the video
share one picture space whatever way the person moves through the picture.
"""

from dataclasses import dataclass

import cv2
import numpy as np

from moditalker.face.geometry import aligning_matrix
from moditalker.face.layout import interocular_distance, mouth_opening
from moditalker.face.tracker import yaw_degrees

_MARGIN = 0.25
"""Around the aligned face, in sides of it."""
_SIDES = (128, 340)
"""Smallest and largest side of the aligned face in a head, pixels."""
_ALIGNED_UNITS = 2.27
"""That side in inter-ocular distances."""
SHUT, OPEN = 0.02, 0.09
"""Openings of the mouths that are looked for."""
_SHUT_AT_MOST, _OPEN_AT_LEAST = 0.05, 0.035
_YAW_WEIGHT, _OPENING_WEIGHT = 1 / 30, 25.0


@dataclass(frozen=True)
class HeadSpace:
    """The picture space of heads.

    Attributes:
        side: of the aligned face in it, pixels.
    """

    side: int

    @classmethod
    def fitting(cls, landmarks: np.ndarray) -> "HeadSpace":
        """About as large as a face (68, 3) is in its frame."""
        side = _ALIGNED_UNITS * float(interocular_distance(landmarks[:, :2]))
        return cls(int(np.clip(side, *_SIDES)) // 4 * 4)

    @property
    def size(self) -> int:
        """Side of a head's picture, pixels."""
        return round(self.side * (1 + 2 * _MARGIN)) // 2 * 2

    def matrices(self, landmarks: np.ndarray) -> np.ndarray:
        """(..., 68, 3) pixels of frames -> (..., 2, 3) from frames to heads."""
        matrix = aligning_matrix(landmarks, self.side).astype(np.float64)
        matrix[..., 2] += _MARGIN * self.side
        return matrix

    def placed(self, landmarks: np.ndarray, matrices: np.ndarray) -> np.ndarray:
        """(T, 68, 3) pixels of frames -> of heads, the depth scaled alike."""
        flat = np.einsum("tij,tnj->tni", matrices[..., :2], landmarks[..., :2]) + matrices[:, None, :, 2]
        scale = np.sqrt(np.abs(np.linalg.det(matrices[..., :2])))
        return np.concatenate([flat, landmarks[..., 2:] * scale[:, None, None]], -1).astype(np.float32)

    def head(self, frame: np.ndarray, landmarks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The head in a frame, (H, W, 3) uint8: its picture and its landmarks (68, 3) there."""
        matrix = self.matrices(landmarks)
        shrinks = float(np.sqrt(abs(np.linalg.det(matrix[:, :2])))) < 0.8
        how = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
        picture = cv2.warpAffine(frame, matrix, (self.size, self.size), flags=how, borderMode=cv2.BORDER_REPLICATE)
        return picture, self.placed(landmarks[None], matrix[None])[0]


@dataclass(frozen=True)
class Reference:
    """A head that lends its mouth.

    Attributes:
        coded: its picture as PNG, for a film has many shots.
        landmarks: (68, 3) in the picture's pixels.
        cost: how far it is from what is wanted; 0 at best.
    """

    coded: np.ndarray
    landmarks: np.ndarray
    cost: float

    @property
    def picture(self) -> np.ndarray:
        """(S, S, 3) uint8."""
        decoded = cv2.imdecode(self.coded, cv2.IMREAD_COLOR)
        assert decoded is not None
        return np.asarray(cv2.cvtColor(decoded, cv2.COLOR_BGR2RGB))


@dataclass
class References:
    """The best reference of either kind so far; None where nothing came near."""

    shut: Reference | None = None
    open: Reference | None = None

    def found_in(self, frame: np.ndarray, landmarks: np.ndarray, space: HeadSpace) -> "References":
        """The head in a frame, where it is better than what is kept."""
        opening, yaw = float(mouth_opening(landmarks)), abs(yaw_degrees(landmarks)) * _YAW_WEIGHT
        shut = yaw + _OPENING_WEIGHT * max(opening - SHUT, 0)
        wide = yaw + _OPENING_WEIGHT * abs(opening - OPEN)
        better_shut = opening < _SHUT_AT_MOST and (self.shut is None or shut < self.shut.cost - 0.05)
        better_open = opening > _OPEN_AT_LEAST and (self.open is None or wide < self.open.cost - 0.05)
        if not (better_shut or better_open):
            return References()
        picture, placed = space.head(frame, landmarks)
        _, coded = cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
        return References(
            Reference(coded, placed, shut) if better_shut else None,
            Reference(coded, placed, wide) if better_open else None,
        )

    def or_else(self, other: "References") -> "References":
        """These, and where one is missing the other's."""
        return References(self.shut or other.shut, self.open or other.open)

    def better(self, other: "References") -> "References":
        """The better one of either kind."""
        pairs = ((self.shut, other.shut), (self.open, other.open))
        return References(
            *(min((one for one in pair if one), key=lambda one: one.cost, default=None) for pair in pairs)
        )


class Candidates:
    """Frames of one shot that may become its references, once nothing has come before the mouth for a while.

    A finger tip lies on a lip before anybody notices the hand, and still does when the hand is not noticed any more.

    Args:
        patience: so many frames before and after something covers the mouth, none lends its looks.
    """

    def __init__(self, patience: int) -> None:
        self._patience = patience
        self._settled = References()
        self._waiting: list[tuple[int, References]] = []
        self._free_from = 0
        self.doubtful = References()
        """The best of those that were given up, for a video that has no others."""

    def offer(self, index: int, frame: np.ndarray, landmarks: np.ndarray, space: HeadSpace) -> None:
        """Look at frame ``index`` (H, W, 3), which shows a face (68, 3) with nothing before it."""
        self._settle(index)
        if index < self._free_from:
            self.doubtful = self.doubtful.better(self.doubtful.found_in(frame, landmarks, space))
            return
        found = self.chosen().found_in(frame, landmarks, space)
        if found != References():
            self._waiting.append((index, found))

    def covered(self, index: int) -> None:
        """Something is before the mouth in frame ``index``: what came shortly before does not count."""
        self._settle(index)
        for _, found in self._waiting:
            self.doubtful = self.doubtful.better(found)
        self._waiting = []
        self._free_from = index + self._patience

    def _settle(self, index: int) -> None:
        """Take those that have waited long enough by frame ``index``."""
        while self._waiting and self._waiting[0][0] <= index - self._patience:
            self._settled = self._settled.better(self._waiting.pop(0)[1])

    def chosen(self) -> References:
        """The best so far."""
        best = self._settled
        for _, found in self._waiting:
            best = best.better(found)
        return best
