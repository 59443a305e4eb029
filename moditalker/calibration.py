"""Lips that are drawn as far apart as was asked for, whatever mouth the portrait shows.

A portrait with shut lips keeps them shut until it is asked for more than a little, and one that shows its teeth is
hard to shut: the warp has the one or the other to start from, people differ, and so do a turned and a straight head,
a round and a wide mouth. So what is to be spoken is tried first. Every frame is drawn, small and around the mouth only,
the face tracker reads how far its lips are apart, and it then asks for as much more as they had lacked.
"""

from collections.abc import Callable

import numpy as np
from scipy.ndimage import gaussian_filter1d

from moditalker.atom.controls import untangle
from moditalker.face.geometry import FaceFrame
from moditalker.face.layout import mouth_opening

LEAST = 0.02
"""Where openings lie within less (inter-ocular distances), nobody speaks and nothing is tried."""
_SHARE, _FARTHEST = 0.7, 0.08
"""How much of what was lacking is added, and the most that is, inter-ocular distances."""
_SMOOTH = 0.7
"""Deviation of the Gaussian over what was lacking, frames: the tracker trembles, and lips that followed it would."""

Read = Callable[[np.ndarray], np.ndarray]
"""(T, 68, 3) landmarks that are asked for -> (T, 68, 3) landmarks that a tracker reads in what is drawn."""

_UP, _DOWN = [61, 62, 63, 50, 51, 52, 49, 53], [65, 66, 67, 56, 57, 58, 55, 59, *range(5, 12)]
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
    """Landmarks to ask for, so that what is drawn opens as ``landmarks`` say.

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
    asked = correction(mouth_opening(read(landmarks)), meant)
    residual = untangle(parted(points, asked - meant) - frame.shape, frame.shape)
    return frame.compose(residual, pose)


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
