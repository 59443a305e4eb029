"""`study analyse`: everything that the answers say, on a page, in tables and on the terminal."""

from pathlib import Path

import jinja2

from moditalker.study.analysis.answers import load_lines, table_of
from moditalker.study.analysis.intervals import FEWEST_RATERS
from moditalker.study.analysis.plots import preference_plot, score_plot, strength_plot
from moditalker.study.analysis.results import Analysis, analyse_table, tables_of
from moditalker.study.analysis.shown_tables import ShownTable, rules_in_words, shown_tables
from moditalker.study.definition import Study, read_study
from moditalker.study.parts import PAIRED, Question
from moditalker.study.store_tables import Place

_TEMPLATE = "report.html.j2"


def analyse(study_file: Path, answers: Place, output: Path, draws: int = 2000) -> str:
    """Analyse, and write ``report.html`` and a CSV for each table.

    Args:
        study_file: `study.toml`.
        answers: SQLite file, address of a PostgreSQL database, or exported JSON lines.
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
    output.mkdir(parents=True, exist_ok=True)
    for name, table in tables_of(found).items():
        table.to_csv(output / f"{name}.csv", index=False)
    shown, summary = shown_tables(study, found), _summary(found)
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    plots = [(question, _plots(study, found, question)) for question in study.questions]
    page = environment.get_template(_TEMPLATE).render(
        study=study, summary=summary, questions=plots, tables=shown, rules=rules_in_words(study.exclusions)
    )
    (output / "report.html").write_text(page, encoding="utf-8")
    parts = [f"{study.title} ({study.name}, study {study.hash[:12]})", *summary]
    parts += [_text(table) for table in shown]
    return "\n".join([*parts, "", f"{output / 'report.html'} has the plots."]) + "\n"


def _summary(found: Analysis) -> list[str]:
    """What was analysed, a sentence each."""
    kept = found.kept
    told = [
        f"Raters: {found.started} answered, {kept.raters} analysed, {len(kept.excluded)} excluded, {found.withdrawn} "
        "withdrew.",
        f"Answers: {len(kept.answers)} analysed, {kept.dropped} dropped.",
    ]
    if kept.raters < FEWEST_RATERS:
        who = "One rater is analysed" if kept.raters else "No rater is analysed"
        told.append(f"{who}: too few for intervals, tests and ranges of ranks, which take {FEWEST_RATERS} or more.")
    if found.left is not None:
        sure = f" ({found.left.low:.1%} to {found.left.high:.1%})" if kept.raters >= FEWEST_RATERS else ""
        told.append(f"The left video was chosen in {found.left.rate:.1%} of the decided answers{sure}.")
    return told


def _plots(study: Study, found: Analysis, question: Question) -> list[tuple[str, str]]:
    """Titles and pictures of one question; none without answers."""
    label = {method.id: method.label for method in study.methods}
    if question.kind == PAIRED:
        pairs = [entry for entry in found.preferences if entry.question == question.id]
        strong = [entry for entry in found.strengths if entry.question == question.id]
        if not pairs:
            return []
        return [
            ("Preferences", preference_plot(pairs, label)),
            ("Bradley-Terry strengths", strength_plot(strong, label)),
        ]
    rated = [entry for entry in found.scores if entry.question == question.id]
    return [("Mean opinion scores", score_plot(rated, label))] if rated else []


def _text(table: ShownTable) -> str:
    """A table on a terminal: columns as wide as their widest cell."""
    rows = [table.columns, *table.rows]
    widths = [max(map(len, cells)) for cells in zip(*rows, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join(["", table.title, *lines])
