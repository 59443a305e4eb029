"""Who and what is left out, by the rules of the study's file, with reasons."""

from dataclasses import dataclass

import pandas as pd

from moditalker.study.definition import Study
from moditalker.study.design import answers_expected
from moditalker.study.parts import PAIRED

ENOUGH = 10
"""Decided answers below which nobody is said to have chosen one side only."""


@dataclass(frozen=True)
class Excluded:
    """A rater who is left out, and every reason for it."""

    rater: str
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Kept:
    """What is analysed.

    Attributes:
        answers: to main trials, of raters who are in.
        raters: how many are in.
        excluded: who is out.
        dropped: answers of raters who are in that came after too few playbacks.
    """

    answers: pd.DataFrame
    raters: int
    excluded: tuple[Excluded, ...]
    dropped: int


def apply_rules(study: Study, table: pd.DataFrame) -> Kept:
    """Apply the study's `Exclusions`; see there for each rule.

    Args:
        study: with its rules.
        table: see `answers.table_of`.
    """
    excluded = []
    for rater, theirs in table.groupby("rater", sort=True):
        reasons = _reasons(study, theirs)
        if reasons:
            excluded.append(Excluded(str(rater), tuple(reasons)))
    out = {entry.rater for entry in excluded}
    main = table[(table.role == "main") & ~table.rater.isin(list(out))]
    kept = main[main.plays >= study.exclusions.min_plays]
    return Kept(kept, table.rater.nunique() - len(out), tuple(excluded), len(main) - len(kept))


def _reasons(study: Study, theirs: pd.DataFrame) -> list[str]:
    rules = study.exclusions
    counted = theirs[theirs.role != "training"]
    reasons = []
    expected = answers_expected(study)
    if rules.unfinished and len(counted) < expected:
        reasons.append(f"not finished: {len(counted)} of {expected} answers")
    failed = sum(not passed(study, row) for row in counted[counted.role == "check"].itertuples())
    if failed > rules.failed_checks:
        reasons.append(f"failed {failed} attention checks, {rules.failed_checks} allowed")
    hurried = (counted.seconds < rules.fastest_seconds).mean() if len(counted) else 0.0
    if hurried > rules.hurried_share:
        reasons.append(f"{hurried:.0%} of the answers in under {rules.fastest_seconds:g} s")
    decided = counted[(counted.kind == PAIRED) & (counted.side != "tie")]
    if len(decided) >= ENOUGH:
        side = decided.side.value_counts(normalize=True)
        if side.iloc[0] >= rules.same_side_share:
            reasons.append(f"{side.iloc[0]:.0%} of the choices at the {side.index[0]}")
    return reasons


def passed(study: Study, row: object) -> bool:
    """Whether a row of the table that answers an attention check has the right answer."""
    if getattr(row, "kind") == PAIRED:  # noqa: B009 - a named tuple of pandas has no type
        return bool(getattr(row, "winner"))  # noqa: B009 - the spoilt video has no method
    return float(getattr(row, "value")) <= 2  # noqa: B009
