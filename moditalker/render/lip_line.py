"""The line at which lips meet, for a warp that is cut there.

A portrait with a wide-open mouth has its lips far apart. One smooth map that brings them together has to bridge that
distance within a few pixels. It overshoots beside them and folds: a second mouth, or a stain, under the lower lip. So
the face above the line and the face below it get a map each, and neither knows the lip on the other side. Between them
lies the inside of the mouth, which ``MouthInterior`` paints.
"""

import numpy as np

from moditalker.face.layout import (
    LOWER_INNER_LIP,
    LOWER_OUTER_LIP,
    POINTS,
    UPPER_INNER_LIP,
    UPPER_OUTER_LIP,
    mouth_opening,
)

_GAPING = 0.18
"""A portrait whose lips are farther apart is cut, inter-ocular distances. With one map, six of eight real mouths that
are 0.21 to 0.38 open fold when they close; with two, none does."""
_SOFT = 0.5
"""How soft the cut is beyond the corners: this share of how far beyond."""
_CORNERS = (60, 64)


def gapes(landmarks: np.ndarray) -> bool:
    """Whether a portrait's mouth, (68, 2 or 3), is so wide open that its warp is to be cut."""
    return bool(mouth_opening(landmarks) > _GAPING)


def sides() -> tuple[np.ndarray, np.ndarray]:
    """Landmarks that the map above the line knows, and those that the map below it knows: (68,) bool each."""
    above, below = np.ones(POINTS, bool), np.ones(POINTS, bool)
    above[[*LOWER_INNER_LIP, *LOWER_OUTER_LIP]] = False
    below[[*UPPER_INNER_LIP, *UPPER_OUTER_LIP]] = False
    return above, below


def share_below(landmarks: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    """How far each pixel belongs to the face below the line.

    Args:
        landmarks: (68, 2) in the pixels' space.
        pixels: (..., 2)
    Returns:
        (...) float32 from 0, above, to 1; half on the line, which is one pixel wide between the corners.
    """
    points = np.asarray(landmarks, np.float64)
    first, last = points[list(_CORNERS)]
    width = max(float(np.linalg.norm(last - first)), 1e-6)
    right = (last - first) / width
    down = np.array([-right[1], right[0]])
    if (points[8] - first) @ down < 0:  # a mirrored face
        down = -down
    middle = (points[UPPER_INNER_LIP] + points[LOWER_INNER_LIP]) / 2 - first
    across = np.maximum.accumulate(np.concatenate([[0], middle @ right, [width]]))
    line = np.concatenate([[0], middle @ down, [0]])
    place = np.asarray(pixels, np.float64) - first
    x, y = place @ right, place @ down
    beyond = np.maximum(np.maximum(-x, x - width), 0)
    soft = np.maximum(1, _SOFT * beyond)
    return np.asarray(np.clip((y - np.interp(x, across, line)) / soft + 0.5, 0, 1), np.float32)
