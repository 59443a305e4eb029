"""What the published networks are shown, where the released code and this project differ: named choices.

``released`` is what the authors' code feeds its networks, and so what their checkpoints were trained on. ``ours`` is
what is trained here by default. Both kinds are read from landmarks in *crop space*, see
``moditalker.paper.head_square``.
"""

from typing import Literal, get_args

import cv2
import numpy as np

from moditalker.render.landmark_map import draw_landmarks, lower_face_mask
from moditalker.utils.errors import InputError

Inputs = Literal["released", "ours"]
"""Whose inputs: AToM's identity, the drawn landmarks, and what of the pose frames is hidden."""
Chain = Literal["first", "last"]
"""What a block of MToV starts from: the portrait each time (``first``), or the last frame of the block before."""

_DISC = 3 / 256
"""Radius of a landmark's disc, as a share of the side: 3 pixels of 256."""
_NOSE_BASE = 33
"""The landmark below which the released pose frames are black."""


def check_choice(inputs: str | None = None, chain: str | None = None) -> None:
    """Raise an InputError that names the choices when one of the two is none of them; None is not looked at."""
    for name, value, allowed in (("inputs", inputs, get_args(Inputs)), ("chain", chain, get_args(Chain))):
        if value is not None and value not in allowed:
            raise InputError(f"{name} must be {' or '.join(repr(one) for one in allowed)}, got {value!r}.")


def drawings(landmarks: np.ndarray, size: int, inputs: Inputs) -> np.ndarray:
    """Landmarks as pictures.

    Args:
        landmarks: (T, 68, 2) crop space, pixels.
        size: side, pixels.
        inputs: ``released``: a white disc of radius 3 (at 256 pixels) on black for each landmark; ``ours``: outlines
            and filled lips and eyes in three colours, see ``draw_landmarks``.
    Returns:
        (T, 3, size, size) uint8.
    """
    if inputs == "ours":
        return draw_landmarks(landmarks, size)
    radius = max(1, round(_DISC * size))
    pictures = np.zeros((len(landmarks), size, size), np.uint8)
    for picture, points in zip(pictures, landmarks, strict=True):
        for x, y in points.round().astype(int).tolist():
            cv2.circle(picture, (x, y), radius, 255, cv2.FILLED)
    return np.repeat(pictures[:, None], 3, 1)


def visible(landmarks: np.ndarray, size: int, inputs: Inputs) -> np.ndarray:
    """Where pose frames may be seen.

    Args:
        landmarks: (T, 68, 2) crop space, pixels.
        size: side, pixels.
        inputs: ``released``: all rows above landmark 33, the base of the nose; ``ours``: all but the hull of nose and
            jaw, see ``lower_face_mask``.
    Returns:
        (T, 1, size, size) bool.
    """
    if inputs == "ours":
        return lower_face_mask(landmarks, size).astype(bool)
    rows = np.arange(size) < landmarks[:, _NOSE_BASE, 1].round()[:, None]
    return np.repeat(rows[:, None, :, None], size, -1)
