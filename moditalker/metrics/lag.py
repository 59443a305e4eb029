"""By how many frames a generated mouth is late: where its curve correlates best with the real one's.

The usual reading of a cross-correlation; frames near the ends, which have no partner at the largest lag, are left out
at every lag, so that all lags are judged on the same real frames.
"""

import numpy as np

from moditalker.metrics.curves import correlation

MAX_LAG = 5
MIN_FRAMES = 50
"""Shorter curves (two seconds) correlate by chance somewhere."""
LAGS = range(-MAX_LAG, MAX_LAG + 1)


def correlation_by_lag(generated: np.ndarray, real: np.ndarray) -> np.ndarray:
    """Correlation of two (T,) curves when the generated one is taken to be late by each of ``LAGS`` frames; (11,)."""
    last = len(real) - MAX_LAG
    return np.array([correlation(generated[MAX_LAG + lag : last + lag], real[MAX_LAG:last]) for lag in LAGS])


def best_lag(generated: np.ndarray, real: np.ndarray) -> int:
    """By how many frames the generated (T,) curve is late (positive) or early (negative), -5 to 5."""
    return LAGS[int(correlation_by_lag(generated, real).argmax())]
