"""Lips that are drawn as far apart, and in the shape, that was asked for, whatever mouth the portrait shows.

A portrait with shut lips keeps them shut until it is asked for more than a little, and one that shows its teeth is
hard to shut: the warp has the one or the other to start from, people differ, and so do a turned and a straight head,
a round and a wide mouth. So what is to be spoken is tried first. Every frame is drawn, small and around the mouth only,
the face tracker reads its lips, and what they had lacked is asked for in addition: how far they are apart first, then
how wide, round or pursed they are.
"""

from collections.abc import Callable

import numpy as np
from scipy.ndimage import gaussian_filter1d

from moditalker.face.geometry import FaceFrame
from moditalker.face.layout import INNER_LIPS, OUTER_LIPS, mouth_opening
from moditalker.face.motion_controls import untangle

LEAST = 0.02
"""Where openings lie within less (inter-ocular distances), nobody speaks and nothing is tried."""
_SHARE, _FARTHEST = 0.7, 0.08
"""How much of what was lacking is added, and the most that is, inter-ocular distances."""
_SHAPE_SHARE, _SHAPE_FARTHEST = 0.5, 0.06
"""The same of each point of the mouth, for what its opening does not tell."""
_SMOOTH = 0.7
"""Deviation of the Gaussian over what was lacking, frames: the tracker trembles, and lips that followed it would."""

Read = Callable[[np.ndarray], np.ndarray]
"""(T, 68, 3) landmarks that are asked for -> (T, 68, 3) that a tracker reads in what is drawn, in the same pixels."""

_UP, _DOWN = [61, 62, 63, 50, 51, 52, 49, 53], [65, 66, 67, 56, 57, 58, 55, 59, *range(5, 12)]
_MOUTH = np.concatenate([OUTER_LIPS, INNER_LIPS])
_UPPER = 0.35
"""The upper lip's share."""
_PARTING = np.zeros(68, np.float32)
"""How far down each point goes when lips part by one; the jaw follows the lower lip."""
_PARTING[_UP] = [1, 1, 1, 0.9, 0.9, 0.9, 0.5, 0.5]
_PARTING[_DOWN] = [1, 1, 1, 1, 1, 1, 0.6, 0.6, 0.3, 0.6, 0.6, 0.6, 0.6, 0.6, 0.3]
_PARTING[_UP] *= -_UPPER
_PARTING[_DOWN] *= 1 - _UPPER


def parted(points: np.ndarray, by: np.ndarray) -> np.ndarray:
    """Lips farther apart or nearer together; the jaw follows the lower one.

    Args:
        points: (T, 68, 3) face-centric, inter-ocular distances.
        by: (T,) by how much the opening grows, inter-ocular distances.
    Returns:
        (T, 68, 3)
    """
    moved = points.copy()
    moved[..., 1] += _PARTING * by[:, None]
    return moved


def calibrated(frame: FaceFrame, landmarks: np.ndarray, read: Read) -> np.ndarray:
    """Landmarks to ask for, so that the mouth that is drawn is as ``landmarks`` say.

    Args:
        frame: of the portrait.
        landmarks: (T, 68, 3) in its pixels.
        read: draws landmarks and tracks what was drawn; called once with ``landmarks``, or not at all.
    Returns:
        (T, 68, 3), only lips and jaw differ.
    """
    residual, pose = frame.analyse(landmarks)
    points = residual + frame.shape
    meant = mouth_opening(points)
    if np.ptp(meant) < LEAST:
        return landmarks
    seen = frame.analyse(read(landmarks))[0] + frame.shape
    asked = correction(mouth_opening(seen), meant)
    drawn = parted(points, asked - meant) + reshaping(seen, points)
    return frame.compose(untangle(drawn - frame.shape, frame.shape), pose)


def correction(seen: np.ndarray, meant: np.ndarray) -> np.ndarray:
    """Openings to ask for.

    Args:
        seen: (T,) what was read when ``meant`` was asked for.
        meant: (T,) openings as they shall be read.
    Returns:
        (T,) not negative; all in inter-ocular distances.
    """
    lacking = _SHARE * gaussian_filter1d(meant - seen, _SMOOTH, mode="nearest")
    return np.maximum(meant + np.clip(lacking, -_FARTHEST, _FARTHEST), 0)


def reshaping(seen: np.ndarray, meant: np.ndarray) -> np.ndarray:
    """By how much farther to move the mouth's points, its opening aside.

    Args:
        seen: (T, 68, 3) what was read when ``meant`` was asked for, face-centric.
        meant: (T, 68, 3) points as they shall be read; all in inter-ocular distances.
    Returns:
        (T, 68, 3), zero but for x and y of the mouth.
    """
    lacking = np.zeros_like(meant)
    there = np.s_[:, _MOUTH, :2]
    lacking[there] = gaussian_filter1d(meant[there] - seen[there], _SMOOTH, axis=0, mode="nearest")
    opens = mouth_opening(meant + lacking) - mouth_opening(meant)
    lacking[:, _MOUTH, 1] -= _PARTING[_MOUTH] * opens[:, None]
    return np.clip(_SHAPE_SHARE * lacking, -_SHAPE_FARTHEST, _SHAPE_FARTHEST)
