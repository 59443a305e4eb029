"""Whether something covers a mouth: a mask, a microphone, a bar.

Trackers fit lips to whatever is in a mouth's place. But skin above and below lips looks like the skin between the eyes,
and a covering does not: a line from above the lips to below them is then of one colour all along, which is not skin's.
Such lines are looked at in seven places along the mouth, upright and slanted.
"""

import cv2
import numpy as np

from moditalker.face.layout import interocular_distance

_OUTER_UPPER, _OUTER_LOWER = np.array([48, 49, 50, 51, 52, 53, 54]), np.array([48, 59, 58, 57, 56, 55, 54])
_INNER_UPPER, _INNER_LOWER = np.array([60, 61, 61, 62, 63, 63, 64]), np.array([60, 67, 67, 66, 65, 65, 64])
_ABOVE, _BELOW = 0.07, 0.09
"""How far above and below the lips skin is expected, inter-ocular distances."""
_SLANTS = (-0.5, -0.25, 0.0, 0.25, 0.5)
_PLACES = 7
_BLUR = 0.025
"""Deviation of the Gaussian before colours are read, inter-ocular distances."""
_WEIGHTS = np.array([0.6, 1, 1])
"""Of lightness and the two colour axes of CIELAB: shadows change the first."""
_COVERED = 12.0
"""Unlikeness from which a line counts as covered. Of 376 faces in clips and portraits, bearded and painted ones among
them, none reached 7; of 404 with a mask painted over the mouth 99 % passed it, of 404 with a narrow bar 98 %."""


def coverings(picture: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """How unlike skin the lines across a mouth are, and how much they are of one colour.

    Args:
        picture: (H, W, 3) uint8.
        landmarks: (68, 3) of its face, pixels.
    Returns:
        (5, 7) by slant and place along the mouth: the smallest distance in CIELAB from the skin between the eyes, less
        the largest distance from the line's own mean; about -10 for a mouth that is seen, 10 to 100 under a covering.
    """
    unit = float(interocular_distance(landmarks[:, :2]))
    low = np.clip(np.floor(landmarks[:, :2].min(0) - 0.2 * unit).astype(int), 0, np.array(picture.shape[1::-1]) - 2)
    high = np.maximum(np.ceil(landmarks[:, :2].max(0) + 0.2 * unit).astype(int), low + 2)
    part = cv2.GaussianBlur(picture[low[1] : high[1], low[0] : high[0]], (0, 0), max(0.5, _BLUR * unit))
    colours = cv2.cvtColor(part.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    points = landmarks[:, :2].astype(np.float64) - low
    right = (points[45] - points[36]) / unit
    down = np.array([-right[1], right[0]])

    def read(places: np.ndarray) -> np.ndarray:
        x, y = np.clip(np.round(places), 0, np.array(part.shape[1::-1]) - 1).astype(int).reshape(-1, 2).T
        return colours[y, x].reshape(*places.shape[:-1], 3)

    skin = read(
        np.stack(
            [
                *points[[27, 28]],
                points[21:23].mean(0) - 0.1 * unit * down,
                points[40:42].mean(0) + 0.08 * unit * down,
                points[46:48].mean(0) + 0.08 * unit * down,
            ]
        )
    )
    curves = np.stack(
        [
            points[_OUTER_UPPER] - _ABOVE * unit * down,
            (points[_OUTER_UPPER] + points[_INNER_UPPER]) / 2,
            (points[_OUTER_LOWER] + points[_INNER_LOWER]) / 2,
            points[_OUTER_LOWER] + _BELOW * unit * down,
        ]
    )
    along, height = (curves - points[48]) @ right, ((curves - points[48:].mean(0)) @ down).mean(1)
    places = np.linspace(along[1, 1], along[1, -2], _PLACES)
    unlike = []
    for slant in _SLANTS:
        line = [
            np.stack([np.interp(places + slant * tall, x, curve[:, axis]) for axis in (0, 1)], -1)
            for tall, x, curve in zip(height, along, curves, strict=True)
        ]
        seen = read(np.stack(line, 1))
        from_skin = np.linalg.norm((seen[:, :, None] - skin) * _WEIGHTS, axis=-1).min(-1)
        from_mean = np.linalg.norm((seen - seen.mean(1, keepdims=True)) * _WEIGHTS, axis=-1)
        unlike.append(from_skin.min(1) - from_mean.max(1))
    return np.array(unlike)


def is_covered(unlike: np.ndarray) -> bool:
    """Whether something lies over a mouth or a part of it, from its ``coverings``."""
    return bool(unlike.max() > _COVERED)
