"""Mean opinion scores."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import statsmodels.api as sm

from moditalker.study.analysis.intervals import FEWEST_RATERS


@dataclass(frozen=True)
class Score:
    """A method by one question: the mean of its ratings, a 95 % interval, how many, and their standard deviation."""

    question: str
    method: str
    mean: float
    low: float
    high: float
    count: int
    deviation: float


def scores(answers: pd.DataFrame, methods: list[str], questions: list[str]) -> list[Score]:
    """Every method that was rated, by every question.

    The interval is that of a mean with errors clustered by rater, and Student's t with as many degrees of freedom as
    there are raters less one (statsmodels). A method that one rater rated alone, or whose ratings are all the same, has
    none (NaN): nothing varies there that an interval could be made of.

    Args:
        answers: ratings, see `answers.table_of`.
        methods, questions: in order.
    """
    found = []
    for question in questions:
        for method in methods:
            mine = answers[(answers.question == question) & (answers.left == method)]
            if mine.empty:
                continue
            values = mine.value.to_numpy(float)
            low, high = mean_interval(values, mine.rater.to_numpy())
            deviation = float(values.std(ddof=1)) if len(values) > 1 else float("nan")
            found.append(Score(question, method, float(values.mean()), low, high, len(values), deviation))
    return found


def mean_interval(values: np.ndarray, raters: np.ndarray) -> tuple[float, float]:
    """95 % interval of a mean over raters; see `scores`."""
    _, groups = np.unique(raters, return_inverse=True)
    if groups.max(initial=0) + 1 < FEWEST_RATERS or np.ptp(values) == 0:
        return float("nan"), float("nan")
    told = sm.OLS(values, np.ones(len(values))).fit(cov_type="cluster", cov_kwds={"groups": groups}, use_t=True)
    low, high = told.conf_int(0.05)[0]
    return float(low), float(high)
