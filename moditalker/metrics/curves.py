"""Two curves against each other: correlation, ratio of deviations, slope.

The curves are the opening and the width of the mouth (``face.layout``): distances between landmarks in units of the
inter-ocular distance, which neither the size of the face nor the pose of the head changes.
"""

import numpy as np

_STILL = 1e-6


def correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Pearson's correlation of two (T,) curves, -1 to 1; 0 when one of the two does not move."""
    if first.std() < _STILL or second.std() < _STILL:
        return 0.0
    return float(np.corrcoef(first, second)[0, 1])


def deviation_ratio(generated: np.ndarray, real: np.ndarray) -> float:
    """Standard deviation of the generated (T,) curve in units of the real one's; 1 is as lively as life."""
    return float(generated.std() / max(float(real.std()), _STILL))


def slope(asked: np.ndarray, shown: np.ndarray) -> float:
    """By how much ``shown`` grows when ``asked`` grows by one: least squares on (T,) curves; 0 when nothing moves."""
    if asked.std() < _STILL:
        return 0.0
    return float(np.polyfit(asked, shown, 1)[0])
