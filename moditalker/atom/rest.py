"""Lips and head at rest where nobody speaks."""

import numpy as np

from moditalker.face.layout import (
    LOWER_INNER_LIP,
    LOWER_LIP_SIDES,
    LOWER_OUTER_LIP,
    UPPER_INNER_LIP,
    UPPER_LIP_SIDES,
    UPPER_OUTER_LIP,
    lip_gap,
)
from moditalker.face.motion_controls import MOUTH_AND_JAW

# How much of the gap between the lips each point closes: negative is up. Lower lip and jaw come most of the way.
_CLOSING = np.zeros(68, np.float32)
_CLOSING[UPPER_INNER_LIP] = 0.25
_CLOSING[LOWER_INNER_LIP] = -0.75
_CLOSING[UPPER_OUTER_LIP] = 0.25
_CLOSING[UPPER_LIP_SIDES] = 0.12
_CLOSING[LOWER_OUTER_LIP] = -0.7
_CLOSING[LOWER_LIP_SIDES] = -0.35
_CLOSING[6:11] = -0.5
_CLOSING[[4, 5, 11, 12]] = -0.25
_PAIRS = np.stack([UPPER_INNER_LIP, LOWER_INNER_LIP], 1)


def close_lips(points: np.ndarray) -> np.ndarray:
    """Bring the lips together and leave everything else, corners too, as it is.

    Args:
        points: (68, 3) face-centric, inter-ocular distances.
    Returns:
        (68, 3); inner lips touch, in depth too.
    """
    gaps = np.maximum(points[_PAIRS[:, 1], 1] - points[_PAIRS[:, 0], 1], 0)
    closed = points.copy()
    closed[:, 1] += _CLOSING * gaps.mean()
    middle = closed[_PAIRS].mean(1)
    apart = gaps > 0
    closed[_PAIRS[apart], 1] = middle[apart][:, None, 1]
    closed[_PAIRS, 2] = middle[:, None, 2]
    return closed


def rest_lips(
    residual: np.ndarray, shape: np.ndarray, activity: np.ndarray, rest: np.ndarray | None = None
) -> np.ndarray:
    """Ease the lips to rest where nobody speaks.

    Args:
        residual: (T, 68, 3) inter-ocular distances.
        shape: (68, 3) the portrait in its face-centric frame.
        activity: (T,) from 0, nobody speaks, to 1.
        rest: (68, 3) residual of lips at rest; ``resting`` of these frames by default.
    Returns:
        (T, 68, 3); frames whose activity is 1 are not changed, nor is any point but those of mouth and jaw.
    """
    quiet = 1 - activity
    if quiet.max(initial=0) < 1e-3:
        return residual
    rest = resting(residual, shape, activity) if rest is None else rest
    rested = residual.copy()
    share = quiet[:, None, None].astype(np.float32)
    moved = residual[:, MOUTH_AND_JAW]
    rested[:, MOUTH_AND_JAW] = moved + share * (rest[MOUTH_AND_JAW] - moved)
    return rested


def resting(residual: np.ndarray, shape: np.ndarray, activity: np.ndarray) -> np.ndarray:
    """Lips at rest: as AToM holds them in silence, closed the rest of the way, also of a portrait that shows its teeth.

    Args:
        residual, shape, activity: as for ``rest_lips``; somewhere nobody speaks.
    Returns:
        (68, 3) residual.
    """
    quiet = 1 - activity
    opening = lip_gap(residual + shape)
    candidates = np.flatnonzero(quiet > 0.5 * quiet.max())
    chosen = candidates[opening[candidates] <= np.median(opening[candidates])]
    return np.asarray(close_lips(residual[chosen].mean(0) + shape) - shape)


_RETURN_FRAMES = 25
"""Frames of speech over which a head comes back to where it would have been."""


def rest_head(pose: np.ndarray, activity: np.ndarray, away: np.ndarray | None = None) -> np.ndarray:
    """Let the head hold still where nobody speaks; nowhere does it jump.

    Heads move with what is said, and a silent listener's hardly does. A pause keeps the head where it was, and the
    speech after it leads it back to its course.

    Args:
        pose: (T, 6) as ``FaceFrame.analyse`` gives them.
        activity: (T,) from 0, nobody speaks, to 1.
        away: (6,) how far from its course the head is in the first frame, when something went before.
    Returns:
        (T, 6); unchanged where all of it is speech.
    """
    rested = pose.copy()
    away = np.zeros(pose.shape[1], pose.dtype) if away is None else away
    rested[0] += away
    for frame in range(1, len(pose)):
        held = 1 - activity[frame]
        away = (1 - activity[frame] / _RETURN_FRAMES) * (away - held * (pose[frame] - pose[frame - 1]))
        rested[frame] += away
    return rested
