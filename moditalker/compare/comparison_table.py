"""The columns of a comparison as a table: for programs, for spreadsheets, for people."""

import csv
import io
from collections.abc import Sequence
from html import escape
from string import ascii_uppercase
from typing import Any

from moditalker.benchmark.columns import Column
from moditalker.compare.measures import ALONE, BESIDE
from moditalker.compare.runner import Outcome

TIMES = (
    Column("seconds", "seconds", 1),
    Column("real_time_factor", "seconds a second of video", 2),
    Column("processor_factor", "CPU seconds a second of video", 2),
)
ALL = (*TIMES, *ALONE, *BESIDE)


def letter(index: int) -> str:
    """What a column is called while its name is hidden: A, B, C, D."""
    return ascii_uppercase[index]


def row_of(outcome: Outcome) -> dict[str, Any]:
    """One column as plain values; what was not measured is not in it."""
    row: dict[str, Any] = {"name": outcome.facts.name, "title": outcome.facts.title, "licence": outcome.facts.licence}
    if outcome.total_seconds is not None:
        row |= {"seconds": outcome.total_seconds, "real_time_factor": outcome.real_time_factor}
    if outcome.processor_factor is not None:
        row["processor_factor"] = outcome.processor_factor
    row |= outcome.measures
    if outcome.warnings:
        row["warnings"] = list(outcome.warnings)
    if outcome.failed:
        row["failed"] = outcome.failed
    return row


def shown_columns(rows: Sequence[dict[str, Any]]) -> list[Column]:
    """Those that at least one row has."""
    return [column for column in ALL if any(column.key in row for row in rows)]


def csv_of(rows: Sequence[dict[str, Any]]) -> str:
    """A comma-separated table with a line for each row; further entries of a row come first."""
    known = {column.key for column in ALL}
    first = list(dict.fromkeys(key for row in rows for key in row if key not in known))
    first = [key for key in first if key not in ("warnings", "failed")]
    keys = [*first, *(column.key for column in shown_columns(rows)), "warnings", "failed"]
    text = io.StringIO()
    writer = csv.DictWriter(text, keys, restval="", lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({**row, "warnings": " ".join(row.get("warnings", []))})
    return text.getvalue()


def html_of(rows: Sequence[dict[str, Any]], names: Sequence[str]) -> str:
    """A table with a line for each column.

    Args:
        rows: see ``row_of``.
        names: what to call each: titles, or letters.
    """
    columns = shown_columns(rows)
    head = "".join(f"<th scope='col'>{escape(column.title)}</th>" for column in columns)
    lines = []
    for row, name in zip(rows, names, strict=True):
        if "failed" in row:
            cells = f"<td colspan='{max(1, len(columns))}' class='failed'>{escape(row['failed'])}</td>"
        else:
            cells = "".join(f"<td>{_shown(row.get(column.key), column.digits)}</td>" for column in columns)
        lines.append(f"<tr><th scope='row'>{escape(name)}</th>{cells}</tr>")
    return f"<table class='measures'><thead><tr><th></th>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table>"


def markdown_of(rows: Sequence[dict[str, Any]], columns: Sequence[Column]) -> str:
    """The same for a document, with these columns."""
    lines = ["| | " + " | ".join(column.title for column in columns) + " |", "|---" * (len(columns) + 1) + "|"]
    for row in rows:
        cells = " | ".join(_shown(row.get(column.key), column.digits) for column in columns)
        lines.append(f"| {row['title']} | {cells} |")
    return "\n".join(lines) + "\n"


def _shown(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"
