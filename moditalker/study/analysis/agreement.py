"""Do raters agree? Krippendorff's alpha.

Krippendorff (2011), "Computing Krippendorff's Alpha-Reliability": one minus observed over expected disagreement, for
any number of raters and missing answers. The package of that name is under the GPL, which this project's licence keeps
it from importing.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from moditalker.study.analysis.intervals import drawn_interval
from moditalker.study.parts import PAIRED, Question

Level = Literal["nominal", "ordinal"]


@dataclass(frozen=True)
class Agreement:
    """Alpha of one question: 1 is perfect, 0 what chance gives; with a 95 % interval over the judged units."""

    question: str
    alpha: float
    low: float
    high: float
    units: int


def alpha(counts: np.ndarray, level: Level) -> np.ndarray:
    """Krippendorff's alpha.

    Args:
        counts: (..., units, values): how many raters gave a unit each value; values in their order. A unit with fewer
            than two answers counts for nothing.
        level: ``nominal`` (equal or not) or ``ordinal``.

    Returns:
        (...): NaN where nothing varies.
    """
    counts = np.asarray(counts, float)
    answers = counts.sum(-1)
    pairable = np.where(answers >= 2, 1 / np.maximum(answers - 1, 1), 0.0)
    diagonal = np.einsum("...uv,...u->...v", counts, pairable)
    coincidences = np.einsum("...uv,...uw,...u->...vw", counts, counts, pairable, optimize=True)
    places = np.arange(counts.shape[-1])
    coincidences[..., places, places] -= diagonal
    totals = coincidences.sum(-1)
    whole = totals.sum(-1)
    distance = _distance(totals, level)
    observed = (coincidences * distance).sum((-2, -1))
    expected = (totals[..., :, None] * totals[..., None, :] * distance).sum((-2, -1))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(expected > 0, 1 - (whole - 1) * observed / expected, np.nan)


def agreement(answers: pd.DataFrame, question: Question, rng: np.random.Generator, draws: int = 1000) -> Agreement:
    """Alpha of one question's answers; units are pairs of videos, or videos.

    The interval comes from drawing units with replacement.

    Args:
        answers: to that question, see `answers.table_of`.
        question: paired ones have the ordered values first, tie, second; ratings the five points.
        rng: draws the samples.
        draws: how many.
    """
    if question.kind == PAIRED:
        first = np.where(answers.left < answers.right, answers.left, answers.right)
        second = np.where(answers.left < answers.right, answers.right, answers.left)
        unit = answers.item + " " + first + " " + second
        value = np.where(answers.winner == "", 1, np.where(answers.winner == first, 0, 2))
        size = 3
    else:
        unit, value, size = answers.item + " " + answers.left, answers.value.to_numpy(int) - 1, 5
    names, units = np.unique(unit.to_numpy(str), return_inverse=True)
    counts = np.zeros((len(names), size))
    np.add.at(counts, (units, value), 1)
    counts = counts[counts.sum(1) >= 2]
    if not len(counts):
        return Agreement(question.id, float("nan"), float("nan"), float("nan"), 0)
    drawn = alpha(counts[rng.integers(0, len(counts), (draws, len(counts)))], "ordinal")
    drawn = drawn[np.isfinite(drawn)]
    low = high = np.full(1, np.nan)
    if len(drawn):
        low, high = drawn_interval(drawn[:, None], (0.025, 0.975))
    return Agreement(question.id, float(alpha(counts, "ordinal")), float(low[0]), float(high[0]), len(counts))


def _distance(totals: np.ndarray, level: Level) -> np.ndarray:
    """(..., values, values): squared distance between two values, from how often each was given."""
    size = totals.shape[-1]
    if level == "nominal":
        return np.broadcast_to(1 - np.eye(size), (*totals.shape, size))
    below = np.cumsum(totals, -1) - totals / 2
    return (below[..., :, None] - below[..., None, :]) ** 2
