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

    def offer(self, frame: np.ndarray, landmarks: np.ndarray, space: HeadSpace) -> None:
        """Keep the head in a frame where it is better than what is kept."""
        opening, yaw = float(mouth_opening(landmarks)), abs(yaw_degrees(landmarks)) * _YAW_WEIGHT
        shut = yaw + _OPENING_WEIGHT * max(opening - SHUT, 0)
        wide = yaw + _OPENING_WEIGHT * abs(opening - OPEN)
        better_shut = opening < _SHUT_AT_MOST and (self.shut is None or shut < self.shut.cost - 0.05)
        better_open = opening > _OPEN_AT_LEAST and (self.open is None or wide < self.open.cost - 0.05)
        if better_shut or better_open:
            picture, placed = space.head(frame, landmarks)
            _, coded = cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
            if better_shut:
                self.shut = Reference(coded, placed, shut)
            if better_open:
                self.open = Reference(coded, placed, wide)

    def or_else(self, other: "References") -> "References":
        """These, and where one is missing the other's."""
        return References(self.shut or other.shut, self.open or other.open)

    def better(self, other: "References") -> "References":
        """The better one of either kind."""
        pairs = ((self.shut, other.shut), (self.open, other.open))
        return References(
            *(min((one for one in pair if one), key=lambda one: one.cost, default=None) for pair in pairs)
        )
