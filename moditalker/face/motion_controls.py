"""What a user may turn: lips, blinking and head motion, each without touching the others."""

import numpy as np
from scipy.ndimage import gaussian_filter1d

from moditalker.face.layout import (
    LIDS,
    LIP_BRANCH,
    LOWER_INNER_LIP,
    OTHER_BRANCH,
    STABLE,
    UPPER_INNER_LIP,
    lip_gap,
)

MOUTH_AND_JAW = np.setdiff1d(LIP_BRANCH, STABLE)
"""What the lip scale moves: not the temples, on which head pose is measured."""

EXPRESSION = np.setdiff1d(OTHER_BRANCH, [*STABLE, *np.ravel(LIDS)])
"""What the expression scale moves: brows and the lower nose; lids have a scale of their own."""

# How far a sampled head may go before it is held back softly: turning, shifting, growing.
_POSE_LIMITS = np.array([0.22, 0.25, 0.18, 0.25, 0.2, 0.08], np.float32)

_TREMBLE_FRAMES = 1.5


def scale_lips(residual: np.ndarray, shape: np.ndarray, scale: float, closed: np.ndarray | None = None) -> np.ndarray:
    """Make the mouth move more or less, from its most closed state outwards.

    Args:
        residual: (T, 68, 3) inter-ocular distances.
        shape: (68, 3) the portrait in its face-centric frame.
        scale: 0 keeps the mouth closed, 1 changes nothing.
        closed: (68, 3) the mouth's most closed state, a residual; ``most_closed`` of these frames by default.
    Returns:
        (T, 68, 3)
    """
    if scale == 1.0:
        return residual
    closed = most_closed(residual, shape) if closed is None else closed
    scaled = residual.copy()
    moved = residual[:, MOUTH_AND_JAW]
    scaled[:, MOUTH_AND_JAW] = closed[MOUTH_AND_JAW] + scale * (moved - closed[MOUTH_AND_JAW])
    return scaled


def scale_expression(residual: np.ndarray, scale: float, gain: np.ndarray | None = None) -> np.ndarray:
    """(T, 68, 3) with brows and nose going further from the portrait, or less far; 1 changes nothing.

    Args:
        residual: (T, 68, 3).
        scale: of all frames.
        gain: (T,) of each.
    """
    if scale == 1.0 and gain is None:
        return residual
    scaled = residual.copy()
    scaled[:, EXPRESSION] *= scale if gain is None else scale * gain[:, None, None]
    return scaled


def most_closed(residual: np.ndarray, shape: np.ndarray) -> np.ndarray:
    """(68, 3) mean of the tenth of (T, 68, 3) residuals in which the mouth of (68, 3) ``shape`` is open least."""
    opening = lip_gap(residual + shape)
    return np.asarray(residual[opening <= np.quantile(opening, 0.1)].mean(0))


def untangle(residual: np.ndarray, shape: np.ndarray) -> np.ndarray:
    """Part lips and lids that have passed through each other: both points of a pair move to their middle.

    Args:
        residual: (T, 68, 3) inter-ocular distances.
        shape: (68, 3) the portrait in its face-centric frame.
    Returns:
        (T, 68, 3)
    """
    points = residual + shape
    for upper, lower in (*zip(UPPER_INNER_LIP, LOWER_INNER_LIP, strict=True), *LIDS):
        crossed = points[:, upper, 1] > points[:, lower, 1]
        middle = (points[crossed, upper, 1] + points[crossed, lower, 1]) / 2
        points[crossed, upper, 1] = middle
        points[crossed, lower, 1] = middle
    return points - shape


def settle_pose(pose: np.ndarray, scale: float) -> np.ndarray:
    """Head motion around the portrait's own pose, its strength scaled and its extremes held back softly.

    Args:
        pose: (T, 6), see ``FaceFrame.analyse``.
        scale: 0 is still, 1 as sampled.
    Returns:
        (T, 6), every number within its limit.
    """
    smooth = smooth_pose(pose)
    return limit_pose((smooth - smooth.mean(0)) * scale)


def smooth_pose(pose: np.ndarray) -> np.ndarray:
    """(T, 6) without tremble: the network has learnt the tracker's with the motion, and a head has none."""
    return np.asarray(gaussian_filter1d(pose, _TREMBLE_FRAMES, axis=0, mode="nearest"))


def limit_pose(pose: np.ndarray) -> np.ndarray:
    """(T, 6) around the portrait's own pose, its extremes held back softly; every number within its limit."""
    return np.asarray(_POSE_LIMITS * np.tanh(pose / _POSE_LIMITS), np.float32)


def fit_length(pose: np.ndarray, frames: int) -> np.ndarray:
    """Play (T, 6) forwards and backwards until it fills ``frames``."""
    if len(pose) == 1:
        return np.repeat(pose, frames, 0)
    cycle = np.concatenate([np.arange(len(pose)), np.arange(len(pose) - 2, 0, -1)])
    return pose[cycle[np.arange(frames) % len(cycle)]]
