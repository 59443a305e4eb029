"""When an interval over raters can be told, and how one is made of drawn samples."""

import numpy as np

FEWEST_RATERS = 2
"""Of one rater alone nobody knows how much raters differ: no interval, no test and no rank's range without another."""


def drawn_interval(drawn: np.ndarray, levels: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
    """The quantiles of drawn samples.

    Args:
        drawn: (samples, values).
        levels: of the lower and the upper bound.

    Returns:
        Two arrays (values,); NaN where all samples are the same, as an interval without a width would say that nothing
        is uncertain.
    """
    low, high = np.quantile(drawn, levels, axis=0)
    flat = np.ptp(drawn, axis=0) < 1e-9
    return np.where(flat, np.nan, low), np.where(flat, np.nan, high)
