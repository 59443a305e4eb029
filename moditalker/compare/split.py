"""``compare --data DIR --split val``: every method on real clips, whose first frame is the portrait."""

import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tqdm import tqdm

from moditalker.baselines.protocol import Method, Options
from moditalker.benchmark.clip_offsets import settle_offsets
from moditalker.benchmark.footage import Footage, find_footage
from moditalker.benchmark.judge import Judge
from moditalker.benchmark.ledger import Ledger
from moditalker.compare.comparison_table import csv_of, markdown_of, row_of, shown_columns
from moditalker.compare.inputs import prepare_inputs
from moditalker.compare.measures import Measurer, RealClip
from moditalker.compare.pairs import mean_rows
from moditalker.compare.runner import Outcome, run_methods
from moditalker.constants import SAMPLES_A_FRAME
from moditalker.face.tracker import FaceTracker
from moditalker.sync.expert_weights import shipped_expert
from moditalker.utils.errors import InputError
from moditalker.utils.weight_hash import digest

REAL = {"name": "real", "title": "Real clip", "licence": ""}


def compare_split(
    methods: Sequence[Method],
    data: Path,
    output: Path,
    tracker: FaceTracker,
    *,
    split: str = "val",
    every: int = 1,
    options: Options,
    weights: dict[str, str],
) -> str:
    """Run every method on the clips of a split and write the table; a run that was interrupted goes on.

    A clip's first frame is the portrait, its sound the recording (each clip's own offset removed), and the clip itself
    what the columns are held against, and what methods that dub are given. Videos are not kept.

    Args:
        methods: the rows of the table.
        data, split, every: see ``benchmark.footage.find_footage``.
        output: folder for ``table.md``, ``table.csv``, ``table.json`` and what a run goes on from.
        tracker: finds the faces.
        options: of all methods.
        weights: hashes of the pipeline's networks, which the numbers depend on.
    Returns:
        The table of means, as Markdown.
    Raises:
        InputError: the data cannot be used, or ``output`` is of other weights or options.
    """
    output.mkdir(parents=True, exist_ok=True)
    kept = output / "clips.json"
    footage = settle_offsets(find_footage(data, split, every), tracker, kept.with_suffix(".offsets.json"))
    judge = Judge()
    settings = {"split": split, **asdict(options), "weights": weights, "expert": _expert(judge)}
    ledger = Ledger(kept, settings)
    names = ["real", *(method.facts.name for method in methods)]
    for clip in tqdm(footage, desc="compare", unit="clip", disable=not sys.stderr.isatty()):
        wanted = [method for method in methods if (clip.name, method.facts.name) not in ledger]
        if not wanted and (clip.name, "real") in ledger:
            continue
        for row in _rows_of(clip, wanted, judge, tracker, options):
            ledger.add(clip.name, row["name"], row)
    clips = [clip.name for clip in footage]
    rows = [ledger.entries[clip, name] for name in names for clip in clips if (clip, name) in ledger]
    means = mean_rows(rows)
    table = markdown_of(means, shown_columns(means))
    content = {"clips": len(clips), "settings": settings, "means": means, "rows": rows}
    (output / "table.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    (output / "table.csv").write_text(csv_of(rows), encoding="utf-8")
    (output / "table.md").write_text(table, encoding="utf-8")
    return table


def _rows_of(
    clip: Footage, methods: Sequence[Method], judge: Judge, tracker: FaceTracker, options: Options
) -> list[dict[str, Any]]:
    """A row for the real clip and for each method; where the clip cannot be used, all say why."""
    try:
        video = clip.read(tracker)
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch)
            samples = video.audio[: len(video) * SAMPLES_A_FRAME]
            dubbed = video.frames if any(method.facts.dubs for method in methods) else None
            inputs = prepare_inputs(video.frames[0], samples, folder, tracker, video=dubbed)
            measurer = Measurer(judge, tracker, inputs, RealClip(video))
            outcomes = run_methods(methods, inputs, folder, options, measurer, _ignore_progress, _ignore)
            return [{**REAL, **measurer.of(video)}, *map(row_of, outcomes)]
    except InputError as error:
        facts = [method.facts for method in methods]
        failed = [{"name": one.name, "title": one.title, "licence": one.licence} for one in facts]
        return [{**row, "failed": str(error)} for row in (REAL, *failed)]


def _expert(judge: Judge) -> str:
    """Hash of the lip-sync expert, whose numbers do not compare with another's; ``none`` when it is not there."""
    return "none" if judge.tools.get("lip-sync") is None else digest(shipped_expert())


def _ignore(index: int, outcome: Outcome) -> None:
    """A column that is done."""


def _ignore_progress(column: int, stage: str, done: int, total: int) -> None:
    """Progress within a clip."""
