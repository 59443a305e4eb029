"""How far curves of motion are from real ones as a whole: Fréchet distance, spread and beat alignment."""

import numpy as np
from scipy.fft import dct
from scipy.linalg import sqrtm
from scipy.ndimage import gaussian_filter1d
from scipy.signal import argrelmin, find_peaks

WINDOW, HOP = 24, 12
"""Frames of a window, and between two of them."""
_KEPT = 8
"""Coefficients of a window's cosine transform: up to four swings a second."""
_NEAR = 3.0
"""Frames by which a beat may miss another one and count half and a little."""


def window_features(curves: np.ndarray) -> np.ndarray:
    """Windows of one clip as a distribution's samples.

    Args:
        curves: (T, C), T at least ``WINDOW``.
    Returns:
        (C, n, 8): low coefficients of each window's cosine transform, the clip's own mean taken away.
    """
    centred = curves - curves.mean(0)
    starts = range(0, len(centred) - WINDOW + 1, HOP)
    windows = np.stack([centred[start : start + WINDOW] for start in starts])
    return np.asarray(dct(windows, axis=1, norm="ortho")[:, :_KEPT].transpose(2, 0, 1))


def frechet_of_curves(real: np.ndarray, made: np.ndarray) -> float:
    """Mean over curves of the Fréchet distance (D. C. Dowson and B. V. Landau, 1982), in the real one's variances.

    Args:
        real, made: (C, N, 8), see ``window_features``.
    """
    distances = []
    for one, other in zip(real, made, strict=True):
        covariances = np.cov(one.T), np.cov(other.T)
        # Identity on the diagonal, far below what matters: a still curve has no covariance to take a root of.
        small = 1e-9 * np.trace(covariances[0]) * np.eye(len(covariances[0]))
        root = sqrtm((covariances[0] + small) @ (covariances[1] + small)).real
        apart = ((one.mean(0) - other.mean(0)) ** 2).sum()
        distances.append((apart + np.trace(covariances[0] + covariances[1] - 2 * root)) / np.trace(covariances[0]))
    # Rounding may leave a little less than nothing.
    return max(0.0, float(np.mean(distances)))


def spread(curves: np.ndarray) -> np.ndarray:
    """(C,) standard deviation of each of (T, C) curves."""
    return np.asarray(curves.std(0))


def beat_alignment(head: np.ndarray, loudness: np.ndarray) -> float:
    """How well a head's beats meet those of the speech (L. Siyao et al., Bailando, 2022), 0 to 1.

    A head's beat is where it turns most slowly between two turns; the speech's is where it gets louder fastest.

    Args:
        head: (T, 3) rotation vectors.
        loudness: (T,).
    Returns:
        Mean over the head's beats; NaN where either has none.
    """
    speed = gaussian_filter1d(np.linalg.norm(np.diff(head, axis=0), axis=1), 1.0)
    turns = argrelmin(speed)[0] + 0.5
    rising = np.clip(np.gradient(gaussian_filter1d(loudness, 1.0)), 0, None)
    beats = find_peaks(rising, height=0.5 * rising.std())[0]
    if len(turns) == 0 or len(beats) == 0:
        return float("nan")
    apart = np.abs(turns[:, None] - beats).min(1)
    return float(np.exp(-(apart**2) / (2 * _NEAR**2)).mean())
