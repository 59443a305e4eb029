"""The measures of speech by a column of the list of clips, such as the language: ``benchmark --by language``."""

import csv
from pathlib import Path
from typing import Any

import numpy as np

from moditalker.benchmark.footage import Footage
from moditalker.benchmark.ledger import Ledger
from moditalker.training.data.prepare import read_clip_list
from moditalker.utils.errors import InputError

_MEASURES = {
    ("ours", "opening_correlation"): "opening: correlation",
    ("ours", "width_correlation"): "width: correlation",
    ("motion", "opening_correlation"): "opening: correlation, not drawn",
    ("motion", "width_correlation"): "width: correlation, not drawn",
    ("ours", "sync_confidence"): "sync confidence, ours",
    ("real", "sync_confidence"): "sync confidence, real",
    ("other_audio", "sync_confidence"): "sync confidence, another clip's audio",
}
"""What is shown, by row and key, with its title."""
_DRAWS = 1000
UNKNOWN = "not said"

Groups = dict[str, dict[str, Any]]


def read_labels(data: Path, column: str) -> dict[str, str]:
    """What a column of the list of clips says, by the clip's name.

    Args:
        data: folder that holds ``clips.csv``.
        column: its name.
    Raises:
        InputError: there is no such list, or the list has no such column.
    """
    listed = data / "clips.csv"
    if not listed.is_file():
        raise InputError(
            f"Clips are grouped by a column of clips.csv, and {data} has none; name the folder of the clips."
        )
    with listed.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    if not rows or column not in rows[0]:
        columns = ", ".join(rows[0]) if rows else "none"
        raise InputError(f"{listed} has no column {column!r}; it has {columns}.")
    named = zip(read_clip_list(listed), rows, strict=True)
    return {clip.name: row[column] or UNKNOWN for clip, row in named}


def group_measures(ledger: Ledger, footage: list[Footage], labels: dict[str, str]) -> Groups:
    """Mean and interval of each measure, by label.

    An interval is of 1,000 draws with replacement, of speakers first and then of their clips. Where there is one
    speaker only, it says nothing about others.

    Returns:
        ``clips``, ``speakers``, and for each row and key of ``_MEASURES`` that was measured, as ``row.key``, three
        numbers: mean, and the ends of the 95 % interval. In the order of the labels.
    """
    groups: Groups = {}
    rng = np.random.default_rng(0)
    for label in sorted({labels.get(clip.name, UNKNOWN) for clip in footage}):
        clips = [clip for clip in footage if labels.get(clip.name, UNKNOWN) == label]
        found: dict[str, Any] = {"clips": len(clips), "speakers": len({clip.speaker for clip in clips})}
        for row, key in _MEASURES:
            values: dict[str, list[float]] = {}
            for clip in clips:
                for entry in ledger.of(row, [clip.name]):
                    if key in entry["values"]:
                        values.setdefault(clip.speaker, []).append(entry["values"][key])
            if values:
                found[f"{row}.{key}"] = _mean_and_interval([np.array(own) for own in values.values()], rng)
        groups[label] = found
    return groups


def _mean_and_interval(speakers: list[np.ndarray], rng: np.random.Generator) -> list[float]:
    means = []
    for _ in range(_DRAWS):
        drawn = [speakers[index] for index in rng.integers(len(speakers), size=len(speakers))]
        means.append(np.concatenate([rng.choice(own, len(own)) for own in drawn]).mean())
    return [round(float(value), 4) for value in (np.concatenate(speakers).mean(), *np.quantile(means, [0.025, 0.975]))]


def group_markdown(column: str, groups: Groups) -> str:
    """A row a label; in brackets the 95 % interval."""
    measured = [pair for pair in _MEASURES if any(".".join(pair) in found for found in groups.values())]
    titles = [column, "clips", "speakers", *(_MEASURES[pair] for pair in measured)]
    lines = [f"| {' | '.join(titles)} |", "|---" * len(titles) + "|"]
    for label, found in groups.items():
        cells = [label, str(found["clips"]), str(found["speakers"])]
        for pair in measured:
            values = found.get(".".join(pair))
            cells.append("" if values is None else "{:.2f} ({:.2f} to {:.2f})".format(*values))
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)
