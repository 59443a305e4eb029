"""Blinks: one number a frame, how far the eyes are closed, measured on landmarks and laid on any portrait."""

import numpy as np
from scipy.signal import find_peaks
from scipy.special import expit

from moditalker.face.layout import LIDS, eye_opening

UPPER_LIDS, LOWER_LIDS = (np.array(points) for points in zip(*LIDS, strict=True))
LID_POINTS = np.concatenate([UPPER_LIDS, LOWER_LIDS])
"""The eight points that a blink moves; eye corners and brows stay."""

_UPPER_SHARE = 0.85
_BLINK, _DECISION = 0.5, 0.05
_APART = 6
COURSE = np.array([0.3, 0.85, 1.0, 0.85, 0.6, 0.25], np.float32)
"""Of the quickest blink: two frames down, three up (lids fall faster than they rise), a little over half of it shut."""


def usual_opening(landmarks: np.ndarray) -> float:
    """How far a person's eyes are open between blinks, inter-ocular distances; (T, 68, 3) any unit."""
    return float(np.quantile(eye_opening(landmarks), 0.8))


def eye_closure(landmarks: np.ndarray, usual: float) -> np.ndarray:
    """How far the eyes are closed.

    Args:
        landmarks: (T, 68, 3), any unit.
        usual: see ``usual_opening``.
    Returns:
        (T,) 0 as usual, 1 shut, below 0 wider than usual; at least -0.3.
    """
    return np.clip(1 - eye_opening(landmarks) / max(usual, 1e-3), -0.3, 1.0).astype(np.float32)


def settle_closure(closure: np.ndarray) -> np.ndarray:
    """Let blinks close and the rest be.

    Trackers seldom see lids meet, and a diffusion model rounds rare events off: where the eyes are half closed, they
    close wholly and for no less than a real blink lasts; what is shallower keeps half of its depth.

    Args:
        closure: (T,) as sampled.
    Returns:
        (T,) at most 1.
    """
    shut = expit((closure - _BLINK) / _DECISION)
    settled = (1 - shut) * 0.5 * np.clip(closure, -0.2, None) + shut
    padded = np.pad(settled, len(COURSE))
    for peak in find_peaks(np.pad(closure, 1), height=_BLINK, distance=_APART)[0] - 1:
        first = peak + len(COURSE) - int(COURSE.argmax())
        padded[first : first + len(COURSE)] = np.maximum(padded[first : first + len(COURSE)], COURSE)
    return padded[len(COURSE) : -len(COURSE)].astype(np.float32)


def close_eyes(residual: np.ndarray, shape: np.ndarray, closure: np.ndarray) -> np.ndarray:
    """Lay blinks on a portrait: its own lids move towards each other, the upper ones most of the way.

    Args:
        residual: (T, 68, 3) inter-ocular distances; what it says of the lids is replaced.
        shape: (68, 3) the portrait in its face-centric frame, or (T, 68, 3) where its lids change by themselves.
        closure: (T,) 0 is as in the portrait, 1 shut; or (T, 2) of the person's left eye and of the right one.
    Returns:
        (T, 68, 3)
    """
    closed = residual.copy()
    gap = shape[..., LOWER_LIDS, :] - shape[..., UPPER_LIDS, :]
    # The lids are those of the right eye first.
    of_lids = closure[:, None] if closure.ndim == 1 else closure[:, [1, 1, 0, 0]]
    way = np.clip(of_lids, None, 1.0)[..., None] * gap
    closed[:, UPPER_LIDS] = _UPPER_SHARE * way
    closed[:, LOWER_LIDS] = (_UPPER_SHARE - 1) * way
    return closed
