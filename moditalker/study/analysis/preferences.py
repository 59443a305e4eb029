"""How often one method was preferred to another."""

import itertools
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

from moditalker.study.analysis.clusters import design_effect

LEVEL = 0.95


@dataclass(frozen=True)
class Share:
    """A proportion with a 95 % interval; its bounds are NaN where too few raters answered."""

    rate: float
    low: float
    high: float


@dataclass(frozen=True)
class Preference:
    """Two methods by one question.

    Attributes:
        question: id.
        first, second: methods.
        wins, ties, losses: of the first.
        effective: decided answers, divided by their design effect; NaN with too few raters, and so is p.
        preferred: share of the decided answers that chose the first; None without any.
        p: of a two-sided score test against one half, on the effective number of answers; NaN without decided ones.
        p_holm: corrected for all the pairs and questions that were tested (Holm 1979).
        first_share, tie_share, second_share: of all answers.
    """

    question: str
    first: str
    second: str
    wins: int
    ties: int
    losses: int
    effective: float
    preferred: Share | None
    p: float
    p_holm: float
    first_share: Share
    tie_share: Share
    second_share: Share


def wilson(successes: float, count: float) -> Share:
    """Wilson's (1927) interval at 95 %; neither has to be whole."""
    low, high = proportion_confint(successes, count, alpha=1 - LEVEL, method="wilson")
    return Share(successes / count, float(low), float(high))


def clustered_share(chosen: np.ndarray, raters: np.ndarray) -> tuple[Share, float]:
    """A share with Wilson's interval for as many answers as these are worth; and that number.

    Args:
        chosen: (N,) true or false, N of 1 or more.
        raters: (N,) whose each is.
    """
    values = np.asarray(chosen, float)
    effective = len(values) / design_effect(values, np.asarray(raters))
    if np.isnan(effective):
        return Share(float(values.mean()), float("nan"), float("nan")), effective
    return wilson(values.mean() * effective, effective), effective


def preferences(answers: pd.DataFrame, methods: list[str], questions: list[str]) -> list[Preference]:
    """Every pair of methods that was compared, by every question.

    Args:
        answers: paired ones, see `answers.table_of`.
        methods: the pairs' order.
        questions: ids, in order.
    """
    from scipy.stats import norm

    found = []
    for question, (first, second) in itertools.product(questions, itertools.combinations(methods, 2)):
        both = answers[(answers.question == question) & answers.left.isin([first, second])]
        both = both[both.right.isin([first, second])]
        if both.empty:
            continue
        raters = both.rater.to_numpy()
        decided = both[both.side != "tie"]
        preferred, effective, p = None, 0.0, float("nan")
        if len(decided):
            preferred, effective = clustered_share(decided.winner == first, decided.rater.to_numpy())
            p = 2 * float(norm.sf(abs(preferred.rate - 0.5) / np.sqrt(0.25 / effective)))
        shares = [clustered_share(both.winner == name, raters)[0] for name in (first, "", second)]
        counts = [int((both.winner == name).sum()) for name in (first, "", second)]
        found.append(
            Preference(question, first, second, counts[0], counts[1], counts[2], effective, preferred, p, p, *shares)
        )
    tested = [place for place, entry in enumerate(found) if not np.isnan(entry.p)]
    if tested:
        corrected = multipletests([found[place].p for place in tested], method="holm")[1]
        for place, p_holm in zip(tested, corrected, strict=True):
            found[place] = replace(found[place], p_holm=float(p_holm))
    return found


def left_share(answers: pd.DataFrame) -> Share | None:
    """How often the video at the left was chosen, of the decided answers; far from one half, something is wrong."""
    decided = answers[answers.side != "tie"]
    return clustered_share(decided.side == "left", decided.rater.to_numpy())[0] if len(decided) else None
