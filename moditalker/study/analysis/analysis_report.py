"""`study analyse`: everything that the answers say, on a page, in tables and on the terminal."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
import pandas as pd

from moditalker.study.analysis.agreement import Agreement, agreement
from moditalker.study.analysis.answers import load_lines, table_of
from moditalker.study.analysis.bradley_terry import Strength, strengths
from moditalker.study.analysis.exclusions import Kept, apply_rules
from moditalker.study.analysis.plots import preference_plot, score_plot, strength_plot
from moditalker.study.analysis.power import power_of, wilson_half_width
from moditalker.study.analysis.preferences import Preference, Share, left_share, preferences
from moditalker.study.analysis.ratings import Score, scores
from moditalker.study.definition import Study, read_study
from moditalker.study.parts import PAIRED, RATING

SEED = 0
"""Of the drawn samples: the same answers give the same report."""
_TEMPLATE = "report.html.j2"


@dataclass(frozen=True)
class Analysis:
    """What was found.

    Attributes:
        kept: what is analysed, and what is not.
        started: raters with an answer.
        withdrawn: raters who took theirs back.
        preferences, strengths, scores, agreement: see their modules.
        times: question, answers, and the quartiles of the seconds to an answer.
        power: of each preference: half-width reached, and the power for the effect that the study's file names.
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


def analyse(study_file: Path, answers: Path, output: Path, draws: int = 2000) -> str:
    """Analyse, and write ``report.html`` and a CSV for each table.

    Args:
        study_file: `study.toml`.
        answers: SQLite file or exported JSON lines.
        output: folder, made when missing.
        draws: samples of raters that intervals are made of.

    Returns:
        The tables as text.

    Raises:
        InputError: the files are missing or do not belong together.
    """
    study = read_study(study_file)
    lines, withdrawn = load_lines(study, answers)
    found = analyse_table(study, table_of(study, lines), withdrawn, draws)
    tables = tables_of(study, found)
    output.mkdir(parents=True, exist_ok=True)
    for name, table in tables.items():
        table.to_csv(output / f"{name}.csv", index=False)
    (output / "report.html").write_text(_page(study, found, tables), encoding="utf-8")
    return _text(study, found, tables, output)


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


def tables_of(study: Study, found: Analysis) -> dict[str, pd.DataFrame]:
    """Every table by its name; shares are 0 to 1."""
    excluded = [{"rater": entry.rater, "reasons": "; ".join(entry.reasons)} for entry in found.kept.excluded]
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
            "half_width": wilson_half_width(entry.effective) if entry.effective else None,
            "wanted_half_width": study.target.half_width,
            "power": power_of(study.target.effect, entry.effective) if entry.effective else 0.0,
            "wanted_power": study.target.power,
        }
        for entry in found
    ]
    return pd.DataFrame(rows)


def _page(study: Study, found: Analysis, tables: dict[str, pd.DataFrame]) -> str:
    label = {method.id: method.label for method in study.methods}
    asked = []
    for question in study.questions:
        plots = []
        if question.kind == PAIRED:
            pairs = [entry for entry in found.preferences if entry.question == question.id]
            strong = [entry for entry in found.strengths if entry.question == question.id]
            if pairs:
                plots = [("Preferences", preference_plot(pairs, label))]
                plots.append(("Bradley-Terry strengths", strength_plot(strong, label)))
        else:
            rated = [entry for entry in found.scores if entry.question == question.id]
            plots = [("Mean opinion scores", score_plot(rated, label))] if rated else []
        asked.append({"id": question.id, "text": question.text, "plots": plots})
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template(_TEMPLATE).render(
        study=study, found=found, questions=asked, tables=tables, shown=_shown, rules=asdict(study.exclusions)
    )


def _shown(value: Any) -> str:
    """A table's cell as people read it."""
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return ""
    if isinstance(value, float):
        return "<0.001" if 0 < value < 0.0005 else f"{value:.3f}"
    return str(value)


def _text(study: Study, found: Analysis, tables: dict[str, pd.DataFrame], output: Path) -> str:
    parts = [
        f"{study.title} ({study.name}, study {study.hash[:12]})",
        f"{found.started} raters, {found.kept.raters} of them analysed, {len(found.kept.excluded)} excluded; "
        f"{found.withdrawn} withdrew; {len(found.kept.answers)} answers, {found.kept.dropped} dropped.",
    ]
    if found.left is not None:
        parts.append(
            f"The left one was chosen in {found.left.rate:.1%} of the decided answers ({found.left.low:.1%} to "
            f"{found.left.high:.1%})."
        )
    for name, table in tables.items():
        if len(table):
            parts.append(f"\n{name}\n{table.to_string(index=False, float_format=lambda value: f'{value:.3f}')}")
    parts.append(f"\n{output / 'report.html'} has the plots.")
    return "\n".join(parts) + "\n"
