"""Everything that the answers say, as numbers."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from moditalker.study.analysis.agreement import Agreement, agreement
from moditalker.study.analysis.bradley_terry import Strength, strengths
from moditalker.study.analysis.exclusions import Kept, apply_rules
from moditalker.study.analysis.power import power_of, wilson_half_width
from moditalker.study.analysis.preferences import Preference, Share, left_share, preferences
from moditalker.study.analysis.ratings import Score, scores
from moditalker.study.definition import Study
from moditalker.study.parts import PAIRED, RATING

SEED = 0
"""Of the drawn samples: the same answers give the same report."""
RATER_CHARACTERS = 8
"""Of a rater's number in tables: who has the whole of it can delete the rater's answers."""


@dataclass(frozen=True)
class Analysis:
    """What was found.

    Attributes:
        kept: what is analysed, and what is not.
        started: raters with an answer.
        withdrawn: raters who took theirs back.
        preferences, strengths, scores, agreement: see their modules.
        times: question, answers, and the quartiles of the seconds to an answer.
        power: of each preference: half-width reached, and the power for the effect that the study's file names; empty
            where too few raters answered.
        left: how often the left one was chosen.
    """

    kept: Kept
    started: int
    withdrawn: int
    preferences: list[Preference]
    strengths: list[Strength]
    scores: list[Score]
    agreement: list[Agreement]
    times: pd.DataFrame
    power: pd.DataFrame
    left: Share | None


def analyse_table(study: Study, table: pd.DataFrame, withdrawn: int = 0, draws: int = 2000) -> Analysis:
    """Analyse answers that are a table already; see `answers.table_of`."""
    kept = apply_rules(study, table)
    rng = np.random.default_rng(SEED)
    methods = [method.id for method in study.methods]
    paired = kept.answers[kept.answers.kind == PAIRED]
    rated = kept.answers[kept.answers.kind == RATING]
    by_question = {question.id: kept.answers[kept.answers.question == question.id] for question in study.questions}
    strong = []
    for question in study.of_kind(PAIRED):
        if len(by_question[question.id]):
            strong += strengths(by_question[question.id], methods, question.id, rng, draws)
    preferred = preferences(paired, methods, [question.id for question in study.of_kind(PAIRED)])
    return Analysis(
        kept,
        table.rater.nunique(),
        withdrawn,
        preferred,
        strong,
        scores(rated, methods, [question.id for question in study.of_kind(RATING)]),
        [agreement(by_question[q.id], q, rng) for q in study.questions if len(by_question[q.id])],
        _times(kept.answers),
        _power(study, preferred),
        left_share(paired),
    )


def tables_of(found: Analysis) -> dict[str, pd.DataFrame]:
    """Every table by its name, for further work; shares are 0 to 1."""
    excluded = [
        {"rater": entry.rater[:RATER_CHARACTERS], "reasons": "; ".join(entry.reasons)} for entry in found.kept.excluded
    ]
    return {
        "exclusions": pd.DataFrame(excluded, columns=["rater", "reasons"]),
        "preferences": pd.DataFrame([_flat(entry) for entry in found.preferences]),
        "strengths": pd.DataFrame([asdict(entry) for entry in found.strengths]),
        "scores": pd.DataFrame([asdict(entry) for entry in found.scores]),
        "agreement": pd.DataFrame([asdict(entry) for entry in found.agreement]),
        "times": found.times,
        "power": found.power,
    }


def _flat(entry: Preference) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in entry.__dict__.items():
        if name in ("preferred", "first_share", "tie_share", "second_share"):
            for part in ("rate", "low", "high"):
                flat[f"{name}_{part}"] = getattr(value, part) if value is not None else None
        else:
            flat[name] = value
    return flat


def _times(answers: pd.DataFrame) -> pd.DataFrame:
    rows = [
        {
            "question": question,
            "answers": len(theirs),
            "quarter": theirs.seconds.quantile(0.25),
            "median": theirs.seconds.median(),
            "three_quarters": theirs.seconds.quantile(0.75),
        }
        for question, theirs in answers.groupby("question", sort=False)
    ]
    return pd.DataFrame(rows, columns=["question", "answers", "quarter", "median", "three_quarters"])


def _power(study: Study, found: Sequence[Preference]) -> pd.DataFrame:
    rows = [
        {
            "question": entry.question,
            "first": entry.first,
            "second": entry.second,
            "effective": entry.effective,
            "half_width": wilson_half_width(entry.effective) if entry.effective > 0 else np.nan,
            "wanted_half_width": study.target.half_width,
            "power": power_of(study.target.effect, entry.effective) if entry.effective > 0 else np.nan,
            "wanted_power": study.target.power,
        }
        for entry in found
    ]
    return pd.DataFrame(rows)
