"""Irises: where they are in MediaPipe's face mesh, and where eyes look by them."""

from dataclasses import dataclass

import numpy as np

from moditalker.face.layout import LEFT_EYE, MEDIAPIPE_TO_68, RIGHT_EYE

_RINGS = (slice(468, 473), slice(473, 478))
"""Of each iris in the mesh: its centre, and four points of its edge."""
EYE_WIDTHS_A_RADIUS = 2.5
"""Widths of an eye's opening are turned into sines of angles by this: about 30 mm of width, and 12 mm from an eyeball's
centre to its front (anatomical means)."""


@dataclass(frozen=True)
class Irises:
    """Of the person's right eye and of the left one.

    Attributes:
        centres: (..., 2, 2) pixels.
        radii: (..., 2) pixels.
    """

    centres: np.ndarray
    radii: np.ndarray


def irises_of(mesh: np.ndarray) -> Irises:
    """The irises of MediaPipe's mesh (..., 478, 3), pixels."""
    centres = np.stack([mesh[..., ring, :2][..., 0, :] for ring in _RINGS], -2)
    edges = np.stack([mesh[..., ring, :2][..., 1:, :] for ring in _RINGS], -3)
    radii = np.linalg.norm(edges - centres[..., None, :], axis=-1).mean(-1)
    return Irises(centres, radii)


def in_eyes(centres: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """Where points lie in the two eyes, whichever way the head is turned.

    Args:
        centres: (..., 2, 2) a point of the person's right eye and one of the left, pixels.
        landmarks: (..., 68, 2 or 3) pixels.
    Returns:
        (..., 2, 2) from the middle between an eye's corners, in widths of the eye: along its corners to the person's
        own left, and across them down.
    """
    found = []
    for eye, points in enumerate((RIGHT_EYE, LEFT_EYE)):
        first, last = landmarks[..., points[0], :2], landmarks[..., points[3], :2]
        line = last - first
        width = np.linalg.norm(line, axis=-1, keepdims=True)
        along = line / width
        across = np.stack([-along[..., 1], along[..., 0]], -1)
        apart = (centres[..., eye, :] - (first + last) / 2) / width
        found.append(np.stack([(apart * along).sum(-1), (apart * across).sum(-1)], -1))
    return np.stack(found, -2)


def gaze_of(meshes: np.ndarray) -> np.ndarray:
    """Where the eyes of (T, 478, 3) look within the head: (T, 2) radians to the person's own left, and down.

    The mean of both eyes. Zero is an iris in the middle between the corners, so what is down has a bias of its own for
    every face: differences between frames are what can be trusted.
    """
    places = in_eyes(irises_of(meshes).centres, meshes[:, MEDIAPIPE_TO_68]).mean(-2)
    return np.arcsin(np.clip(EYE_WIDTHS_A_RADIUS * places, -0.9, 0.9)).astype(np.float32)
