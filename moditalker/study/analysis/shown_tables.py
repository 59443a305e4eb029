"""The analysis as tables for people: methods by their labels, and an interval in one cell."""

from collections.abc import Callable
from dataclasses import dataclass
from math import isnan

from moditalker.study.analysis.results import RATER_CHARACTERS, Analysis
from moditalker.study.definition import Study
from moditalker.study.parts import Exclusions

Words = Callable[[float], str]
UNKNOWN = "-"
"""What too few raters or answers say nothing of."""


@dataclass(frozen=True)
class ShownTable:
    """A table to be read: its title, what it is, the names of its columns and its rows, all as texts."""

    title: str
    note: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def shown_tables(study: Study, found: Analysis) -> list[ShownTable]:
    """Every table that has a row."""
    label = {method.id: method.label for method in study.methods}
    every = [
        _excluded(found),
        _preferences(found, label),
        _strengths(found, label),
        ShownTable(
            "Mean opinion scores",
            "Means with 95 % intervals, errors clustered by rater, Student's t.",
            ("question", "method", "mean", "deviation", "ratings"),
            tuple(
                (s.question, label[s.method], _interval(s.mean, s.low, s.high, _two), _two(s.deviation), f"{s.count}")
                for s in found.scores
            ),
        ),
        ShownTable(
            "Agreement",
            "Krippendorff's alpha, ordinal: 1 is perfect, 0 is what chance gives; 95 % interval from drawing the "
            "judged units anew. A unit is what two raters or more have judged.",
            ("question", "alpha", "units"),
            tuple((a.question, _interval(a.alpha, a.low, a.high, _two), f"{a.units}") for a in found.agreement),
        ),
        ShownTable(
            "Times",
            "Seconds from when a question could be answered to its answer: quartiles.",
            ("question", "answers", "a quarter within", "half within", "three quarters within"),
            tuple(
                (row.question, f"{row.answers}", *(f"{value:.1f} s" for value in row[3:]))
                for row in found.times.itertuples()
            ),
        ),
        ShownTable(
            "Power",
            "Answers that the decided ones are worth, half-width of the preference rate's interval, and power for an "
            f"effect of {study.target.effect:.0%}. Wanted: {_percent(study.target.half_width)} and "
            f"{_percent(study.target.power)}.",
            ("question", "first", "second", "worth", "half-width", "power"),
            tuple(
                (
                    row.question,
                    label[row.first],
                    label[row.second],
                    _words(row.effective, "{:.1f}".format),
                    _percent(row.half_width),
                    _percent(row.power),
                )
                for row in found.power.itertuples()
            ),
        ),
    ]
    return [table for table in every if table.rows]


def rules_in_words(rules: Exclusions) -> list[str]:
    """The rules of exclusion, a sentence each."""
    side = f"chose one side in {rules.same_side_share:.0%} or more of at least ten decided answers"
    out = [
        "did not get to the end" if rules.unfinished else "",
        f"failed more than {rules.failed_checks} attention check{'' if rules.failed_checks == 1 else 's'}",
        f"gave more than {rules.hurried_share:.0%} of the answers in under {rules.fastest_seconds:g} s",
        side if rules.same_side_share <= 1 else "",
    ]
    plays = f"{rules.min_plays} playback{'' if rules.min_plays == 1 else 's'}"
    return [
        *(f"A rater is left out who {rule}." for rule in out if rule),
        f"An answer counts from {plays} of each video on.",
    ]


def _excluded(found: Analysis) -> ShownTable:
    return ShownTable(
        "Excluded raters",
        f"The first {RATER_CHARACTERS} characters of their numbers.",
        ("rater", "reasons"),
        tuple((entry.rater[:RATER_CHARACTERS], "; ".join(entry.reasons)) for entry in found.kept.excluded),
    )


def _preferences(found: Analysis, label: dict[str, str]) -> ShownTable:
    rows = []
    for entry in found.preferences:
        share, count = entry.preferred, entry.wins + entry.ties + entry.losses
        preferred = UNKNOWN if share is None else _interval(share.rate, share.low, share.high, _percent)
        rows.append(
            (
                entry.question,
                label[entry.first],
                label[entry.second],
                f"{entry.wins} / {entry.ties} / {entry.losses}",
                f"{count}",
                preferred,
                _p(entry.p),
                _p(entry.p_holm),
            )
        )
    return ShownTable(
        "Preferences",
        "How often the first was chosen, neither, the second. Of the decided answers, the share that chose the first, "
        "with Wilson's 95 % interval for the number of answers that they are worth (clustered by rater); p of a score "
        "test against one half, and corrected for all of them (Holm).",
        ("question", "first", "second", "first / neither / second", "answers", "first preferred", "p", "p, corrected"),
        tuple(rows),
    )


def _strengths(found: Analysis, label: dict[str, str]) -> ShownTable:
    rows = []
    for entry in found.strengths:
        spread = "" if entry.rank_low is None else f" ({entry.rank_low} to {entry.rank_high})"
        rows.append(
            (
                entry.question,
                label[entry.method],
                _interval(entry.value, entry.low, entry.high, _two),
                f"{entry.rank}{spread}",
                f"{entry.count}",
                _percent(entry.wins_against_mean),
            )
        )
    return ShownTable(
        "Strengths",
        "Davidson's Bradley-Terry model with ties, log scale, zero on average; 95 % intervals from drawing raters "
        "anew. The last share is of decided answers that would prefer the method to an average one.",
        ("question", "method", "strength", "rank", "answers", "preferred to an average one"),
        tuple(rows),
    )


def _interval(value: float, low: float, high: float, words: Words) -> str:
    if isnan(value):
        return UNKNOWN
    return f"{words(value)} (no interval)" if isnan(low) else f"{words(value)} ({words(low)} to {words(high)})"


def _words(value: float, words: Words) -> str:
    return UNKNOWN if isnan(value) else words(value)


def _two(value: float) -> str:
    return _words(value, lambda number: f"{round(number, 2) + 0.0:.2f}")  # no -0.00


def _percent(value: float) -> str:
    return _words(value, "{:.0%}".format)


def _p(value: float) -> str:
    return _words(value, lambda p: "<0.001" if p < 0.0005 else f"{p:.3f}")
