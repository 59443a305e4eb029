"""Lips that are drawn as far apart as was asked for, whatever mouth the portrait shows.

A portrait with shut lips keeps them shut until it is asked for more than a little, and one that shows its teeth is
hard to shut: the warp has the one or the other to start from, and people differ. So a portrait is tried before it
speaks. It is drawn with its lips at openings from shut to wide, the face tracker reads how far they are apart, and
every frame then asks for what is read as the opening that was meant.
"""

from collections.abc import Callable

import numpy as np
from scipy.ndimage import gaussian_filter1d
from scipy.optimize import isotonic_regression

from moditalker.atom.controls import untangle
from moditalker.face.geometry import FaceFrame
from moditalker.face.layout import LIP_BRANCH, mouth_opening

PROBES = 16
"""Frames that are tried: one block of MToV."""
LEAST = 0.02
"""Where openings lie within less (inter-ocular distances), nobody speaks and nothing is tried."""
_WIDER, _FARTHEST = 1.2, 0.08
"""Up to how much more than the widest opening is tried, and by how much an asked one is changed at most."""
_PRICE, _SMOOTH, _CELL = 0.2, 0.01, 0.001
"""What a change of what is asked costs against an error of what is read; the deviation of the Gaussian that the
correction is smoothed with and the grid it lies on, inter-ocular distances."""

Read = Callable[[np.ndarray], np.ndarray]
"""(n, 68, 3) landmarks that are asked for -> (n, 68, 3) landmarks that a tracker reads in what is drawn."""

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
        read: draws landmarks and tracks what was drawn; called once with ``PROBES`` frames, or not at all.
    Returns:
        (T, 68, 3), only lips and jaw differ.
    """
    residual, pose = frame.analyse(landmarks)
    points = residual + frame.shape
    meant = mouth_opening(points)
    if np.ptp(meant) < LEAST:
        return landmarks
    tried = _tried(frame, points, meant)
    asked = correction(mouth_opening(tried), mouth_opening(read(tried)), meant)
    residual = untangle(parted(points, asked - meant) - frame.shape, frame.shape)
    return frame.compose(residual, pose)


def correction(tried: np.ndarray, seen: np.ndarray, meant: np.ndarray) -> np.ndarray:
    """Openings to ask for.

    What is seen grows with what is asked for (isotonic regression), in steps rather than evenly: lips part suddenly.
    So the curve is not inverted; of all openings the one is asked for that is seen nearly as what was meant and is not
    much different from it.

    Args:
        tried: (n,) openings that were asked for on trial.
        seen: (n,) what was read then.
        meant: (T,) openings as they shall be read.
    Returns:
        (T,) not negative; all in inter-ocular distances.
    """
    order = np.argsort(tried)
    tried, rising = tried[order], isotonic_regression(seen[order]).x
    grid = np.arange(0, max(tried[-1], meant.max()) + _CELL, _CELL)
    shown = np.interp(grid, tried, rising)
    cost = np.abs(shown[None] - grid[:, None]) + _PRICE * np.abs(grid[None] - grid[:, None])
    change = np.clip(grid[cost.argmin(1)] - grid, -_FARTHEST, _FARTHEST)
    change = gaussian_filter1d(change, _SMOOTH / _CELL, mode="nearest")
    return np.maximum(meant + np.interp(meant, grid, change), 0)


def _tried(frame: FaceFrame, points: np.ndarray, meant: np.ndarray) -> np.ndarray:
    """(PROBES, 68, 3) landmarks of a still head, lips from shut to wide, shaped as in the frames that open so far."""
    order = np.argsort(meant)
    wanted = np.interp(np.linspace(0, 1, PROBES), np.linspace(0, 1, len(meant)), meant[order])
    wanted[0], wanted[-1] = 0, _WIDER * wanted[-1]
    nearest = order[np.linspace(0, len(order) - 1, PROBES).round().astype(int)]
    tried = np.repeat(frame.shape[None], PROBES, 0)
    tried[:, LIP_BRANCH] = parted(points[nearest], wanted - meant[nearest])[:, LIP_BRANCH]
    return frame.compose(untangle(tried - frame.shape, frame.shape), np.zeros((PROBES, 6), np.float32))
