"""Answers of one rater are not independent: what that costs."""

import numpy as np

from moditalker.study.analysis.intervals import FEWEST_RATERS


def design_effect(values: np.ndarray, raters: np.ndarray) -> float:
    """How many times as many answers are needed as independent ones would be, at least 1.

    The variance of the mean with errors clustered by rater (Liang and Zeger 1986, with the small-sample factor
    R / (R - 1)) over the variance of as many independent answers; Kish's design effect.

    Args:
        values: (N,) zeros and ones.
        raters: (N,) whose each is.

    Returns:
        NaN for fewer raters than `FEWEST_RATERS`.
    """
    mean = values.mean() if len(values) else 0.0
    _, codes = np.unique(raters, return_inverse=True)
    count = int(codes.max()) + 1 if len(codes) else 0
    if count < FEWEST_RATERS:
        return float("nan")
    if mean in (0.0, 1.0):
        return 1.0
    sums = np.bincount(codes, values - mean, count)
    clustered = count / (count - 1) * float((sums**2).sum()) / len(values) ** 2
    return max(1.0, clustered / (mean * (1 - mean) / len(values)))
