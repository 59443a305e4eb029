"""From the measures of all clips to the table: JSON for programs, Markdown for people."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from moditalker.benchmark.columns import COLUMNS
from moditalker.benchmark.footage import Footage
from moditalker.benchmark.group_table import group_markdown
from moditalker.benchmark.ledger import Ledger
from moditalker.benchmark.requirements import REQUIREMENTS
from moditalker.benchmark.silence_rows import SOUNDS
from moditalker.benchmark.systems import ROWS
from moditalker.metrics.lag import LAGS

Summary = dict[str, Any]


def summarise(ledger: Ledger, footage: list[Footage], settings: dict[str, Any]) -> Summary:
    """Means over clips.

    Returns:
        ``clips``, ``settings``; ``rows`` with a mean for each row and column; ``counts``, how many clips each mean is
        over; ``left_out`` with reasons; ``seconds`` of CPU time a stage.
    """
    names = [clip.name for clip in footage]
    rows: dict[str, dict[str, float]] = {}
    counts: dict[str, dict[str, int]] = {}
    seconds: dict[str, float] = {}
    for row in (*ROWS, *SOUNDS):
        entries = ledger.of(row, names)
        if not entries:
            continue
        columns: dict[str, list[float]] = {}
        for entry in entries:
            for key, value in entry["values"].items():
                columns.setdefault(key, []).append(value)
            for stage, spent in entry.get("seconds", {}).items():
                label = f"make {row}" if stage == "make" else stage
                seconds[label] = seconds.get(label, 0.0) + spent
        rows[row] = {key: float(np.mean(values)) for key, values in columns.items()}
        counts[row] = {"clips": len(entries)} | {key: len(values) for key, values in columns.items()}
        lags = [entry["lags"] for entry in entries if "lags" in entry]
        if lags:
            rows[row]["lag_of_mean"] = float(LAGS[int(np.mean(lags, 0).argmax())])
    _add_frechet(rows, ledger, names)
    failed = [entry for (clip, _), entry in ledger.entries.items() if "failed" in entry and clip in names]
    return {
        "clips": len(names),
        "settings": settings,
        "rows": {row: {key: round(value, 5) for key, value in values.items()} for row, values in rows.items()},
        "counts": counts,
        "left_out": [{key: entry[key] for key in ("clip", "row", "failed")} for entry in failed],
        "seconds": {stage: round(spent, 1) for stage, spent in seconds.items()},
    }


def _add_frechet(rows: dict[str, dict[str, float]], ledger: Ledger, names: list[str]) -> None:
    """Distances of the pooled features of each row from the real ones of the same clips."""
    for kind in ("frames", "clips"):
        for row in (name for name in ROWS if name in rows and "frechet" in ROWS[name].measures):
            pairs = [(ledger.features(name, row, kind), ledger.features(name, "real", kind)) for name in names]
            both = [(one, other) for one, other in pairs if one is not None and other is not None]
            if not both:
                continue
            generated, real = (np.concatenate(side) for side in zip(*both, strict=True))
            if len(real) > 1:  # one sample has no spread
                from moditalker.metrics.frechet import frechet_distance

                rows[row][f"{kind}_frechet"] = frechet_distance(generated, real)


def markdown(summary: Summary) -> str:
    """The tables: rows by columns, groups of clips where they were asked for, and requirements."""
    rows = summary["rows"]
    columns = [column for column in COLUMNS if any(column.key in values for values in rows.values())]
    lines = [
        f"Means over {summary['clips']} clips of the split `{summary['settings']['split']}`.",
        "",
        "| | " + " | ".join(column.title for column in columns) + " |",
        "|---" * (len(columns) + 1) + "|",
    ]
    for row, values in rows.items():
        if row in ROWS:
            cells = (f"{values[c.key]:.{c.digits}f}" if c.key in values else "" for c in columns)
            lines.append(f"| {ROWS[row].title} | " + " | ".join(cells) + " |")
    if "by" in summary:
        lines += ["", group_markdown(summary["by"]["column"], summary["by"]["groups"])]
    resting = [row for row in SOUNDS if row in rows]
    if resting:
        lines += [
            "",
            "| mouth opening, % of eyes | deviation, rendered | deviation, asked | mean, rendered | mean, asked |",
            "|---|---|---|---|---|",
        ]
        for row in resting:
            cells = (f"{100 * rows[row][key]:.2f}" for key in ("std", "asked_std", "mean", "asked_mean"))
            lines.append(f"| ours, 5 s of {row} | " + " | ".join(cells) + " |")
    lines += ["", "| what | wanted | measured | |", "|---|---|---|---|"]
    for requirement in REQUIREMENTS:
        outcome = requirement.check(rows)
        if outcome is None:
            lines.append(f"| {requirement.what} | {requirement.wanted} | | not measured |")
        else:
            value, passed = outcome
            lines.append(
                f"| {requirement.what} | {requirement.wanted} | {value} | {'pass' if passed else '**fail**'} |"
            )
    left_out = summary["left_out"]
    if left_out:
        lines += ["", f"Left out: {len(left_out)} videos; the JSON has the reasons."]
    return "\n".join(lines) + "\n"


def write_report(summary: Summary, output: Path) -> None:
    """Write ``OUT.json`` and ``OUT.md``."""
    checked = []
    for requirement in REQUIREMENTS:
        outcome = requirement.check(summary["rows"])
        value, passed = outcome if outcome is not None else (None, None)
        checked.append({"what": requirement.what, "wanted": requirement.wanted, "measured": value, "passed": passed})
    output.write_text(json.dumps({**summary, "requirements": checked}, indent=1) + "\n", encoding="utf-8")
    output.with_suffix(".md").write_text(markdown(summary), encoding="utf-8")
