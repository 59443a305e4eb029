"""``Motion``: all that a portrait does in a video, as curves that can be looked at, changed and kept."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from moditalker.atom.blinks import LID_POINTS, close_eyes
from moditalker.face.geometry import FaceFrame
from moditalker.face.layout import LIP_BRANCH, OTHER_BRANCH, POINTS
from moditalker.face.motion_controls import limit_pose, untangle
from moditalker.utils.errors import InputError

SHAPES: dict[str, tuple[int, ...]] = {
    "lips": (len(LIP_BRANCH), 3),
    "expression": (len(OTHER_BRANCH), 3),
    "blinks": (2,),
    "head": (6,),
    "gaze": (2,),
}
"""Of each part, without the axis of the frames."""
FARTHEST = 3.0
"""The largest scale of a part."""


def check_scales(scales: Mapping[str, Any]) -> None:
    """Make sure that parts can be scaled so.

    Raises:
        InputError: no such part, or a scale that is no number between 0 and ``FARTHEST``.
    """
    for name, scale in scales.items():
        if name not in SHAPES:
            raise InputError(f"A motion has the parts {', '.join(SHAPES)}, and no {name!r:.40}.")
        number = isinstance(scale, (int, float)) and not isinstance(scale, bool)
        if not number or not 0 <= scale <= FARTHEST:
            raise InputError(f"The scale of {name} is a number between 0 and {FARTHEST:g}, got {scale!r:.40}.")


@dataclass(frozen=True)
class Motion:
    """T frames of a face at 25 frames a second, relative to the portrait; float32. x is right, y down, z away.

    Attributes:
        lips: (T, 37, 3) displacement of jaw and mouth (``LIP_BRANCH``), inter-ocular distances.
        expression: (T, 31, 3) the same of brows, nose and eyes (``OTHER_BRANCH``); the lids without their blinks.
        blinks: (T, 2) how far the person's left eye and the right one are closed: 0 as in the portrait, 1 shut.
        head: (T, 6) pose, see ``FaceFrame.analyse``.
        gaze: (T, 2) where the eyes look relative to the head, radians: to the person's own left, and down.
    """

    lips: np.ndarray
    expression: np.ndarray
    blinks: np.ndarray
    head: np.ndarray
    gaze: np.ndarray

    @classmethod
    def of(cls, residual: np.ndarray, blinks: np.ndarray, head: np.ndarray, gaze: np.ndarray | None = None) -> "Motion":
        """From its parts.

        Args:
            residual: (T, 68, 3) inter-ocular distances, without blinks.
            blinks: (T,) of both eyes, or (T, 2).
            head: (T, 6).
            gaze: (T, 2); straight ahead when None.
        """
        both = np.repeat(blinks[:, None], 2, 1) if blinks.ndim == 1 else blinks
        looks = np.zeros((len(residual), 2)) if gaze is None else gaze
        parts = residual[:, LIP_BRANCH], residual[:, OTHER_BRANCH], both, head, looks
        return cls(*(np.ascontiguousarray(part, np.float32) for part in parts))

    def __len__(self) -> int:
        return len(self.lips)

    def __getitem__(self, frames: slice) -> "Motion":
        """Some of the frames."""
        return Motion(*(getattr(self, field.name)[frames] for field in fields(self)))

    def scaled(self, scales: Mapping[str, Any]) -> "Motion":
        """With parts that go farther from the portrait, or less far; the others keep their bits.

        Args:
            scales: of parts by their names, 0 to ``FARTHEST``; 1 changes nothing.
        Raises:
            InputError: no such part, or a scale out of its range.
        """
        check_scales(scales)
        changed: dict[str, np.ndarray] = {}
        for name, scale in scales.items():
            if scale != 1:
                part = np.float32(scale) * getattr(self, name)
                # A head that goes farther than a body lets it is held back, as a sampled one is.
                changed[name] = limit_pose(part) if name == "head" else part
        if "blinks" in changed:
            changed["blinks"] = np.clip(changed["blinks"], 0, 1)
        return replace(self, **changed)

    def residual(self, shape: np.ndarray) -> np.ndarray:
        """(T, 68, 3) displacements of a portrait's (68, 3) landmarks, blinks included, inter-ocular distances."""
        residual = np.zeros((len(self), POINTS, 3), np.float32)
        residual[:, LIP_BRANCH], residual[:, OTHER_BRANCH] = self.lips, self.expression
        # Lids meet where the expression has brought them.
        residual[:, LID_POINTS] += close_eyes(residual, shape + residual, self.blinks)[:, LID_POINTS]
        return untangle(residual, shape)

    def landmarks(self, face: FaceFrame) -> np.ndarray:
        """(T, 68, 3) in a portrait's pixels."""
        return face.compose(self.residual(face.shape), self.head)
