"""How many answers show what, and what so many answers can show."""

import math

from scipy.stats import norm
from statsmodels.stats.power import NormalIndPower
from statsmodels.stats.proportion import proportion_confint, proportion_effectsize

ALPHA = 0.05


def wilson_half_width(count: float) -> float:
    """Half of Wilson's 95 % interval of a rate of one half, from so many independent answers."""
    low, high = proportion_confint(count / 2, count, alpha=ALPHA, method="wilson")
    return float(high - low) / 2


def answers_for_half_width(half_width: float) -> int:
    """The fewest independent answers whose Wilson interval is no wider than that, at a rate of one half."""
    low, high = 1, 2
    while wilson_half_width(high) > half_width:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if wilson_half_width(middle) > half_width else (low, middle)
    return high


def answers_for_power(effect: float, power: float) -> int:
    """Independent answers of which a two-sided test at 5 % tells a rate from one half with that probability.

    Args:
        effect: the rate, not 0.5.
        power: probability of seeing it.
    """
    size = proportion_effectsize(effect, 0.5)
    return math.ceil(NormalIndPower().solve_power(abs(size), power=power, alpha=ALPHA, ratio=0))


def power_of(effect: float, count: float) -> float:
    """The probability that a two-sided test at 5 % of so many independent answers tells a rate from one half."""
    return float(NormalIndPower().power(abs(proportion_effectsize(effect, 0.5)), count, ALPHA, ratio=0))


def ratings_for_half_width(half_width: float, deviation: float) -> int:
    """Independent ratings whose mean has a 95 % interval no wider than that; both in points."""
    return math.ceil((norm.ppf(1 - ALPHA / 2) * deviation / half_width) ** 2)
