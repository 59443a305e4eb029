"""``benchmark``: every row on every clip, one clip after the other."""

import logging
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from time import process_time
from typing import Any

from tqdm import tqdm

from moditalker.benchmark.footage import Footage, donor_of, find_footage
from moditalker.benchmark.judge import Judge, Reference
from moditalker.benchmark.ledger import Ledger
from moditalker.benchmark.report import markdown, summarise, write_report
from moditalker.benchmark.silence import SOUNDS, at_rest
from moditalker.benchmark.systems import DEFAULT_SAMPLING, ROWS, Sampling, Systems, Take
from moditalker.errors import InputError
from moditalker.face.tracker import make_tracker
from moditalker.metrics.lag import MIN_FRAMES
from moditalker.metrics.video import TalkingVideo
from moditalker.pipeline import MoDiTalkerPipeline
from moditalker.stopwatch import Stopwatch

logger = logging.getLogger(__name__)

REVISION = 1
"""Raised when a measure changes its meaning, so that old numbers are not mixed with new ones."""
PORTRAITS_AT_REST = 5
ALL_ROWS = (*ROWS, *SOUNDS)


def benchmark(
    pipeline: MoDiTalkerPipeline,
    data: Path,
    output: Path,
    *,
    split: str = "val",
    rows: Sequence[str] = ALL_ROWS,
    every: int = 1,
    seed: int = 0,
    sampling: Sampling = DEFAULT_SAMPLING,
) -> str:
    """Measure a pipeline beside its controls; see ``ROWS`` and ``SOUNDS`` for what is run.

    Args:
        pipeline: what is judged.
        data, split, every: see ``find_footage``.
        output: ``OUT.json``; ``OUT.md`` and what an interrupted run goes on from are written beside it.
        rows: of ``ALL_ROWS``; a later run into the same file may add others.
        seed: of everything random.
        sampling: other settings than the pipeline's own, for sweeps.
    Returns:
        The Markdown.
    Raises:
        InputError: the data cannot be used, or ``output`` is of other weights or settings.
    """
    unknown = set(rows) - set(ALL_ROWS)
    if unknown:
        raise InputError(f"There is no row {', '.join(sorted(unknown))}; choose from {', '.join(ALL_ROWS)}.")
    footage = find_footage(data, split, every)
    judge = Judge()
    settings = {
        "revision": REVISION,
        "split": split,
        "seed": seed,
        **asdict(sampling),
        "weights": pipeline.weight_hashes(),
        "measures": judge.tools.versions(),
    }
    ledger = Ledger(output, settings)
    tracker = make_tracker(pipeline.config["tracker"])
    bench = _Bench(Systems(pipeline, tracker, seed, sampling), judge, ledger, footage)
    resting = {clip.name for clip in _one_a_speaker(footage)[:PORTRAITS_AT_REST]}
    for index, clip in enumerate(tqdm(footage, desc="benchmark", unit="clip", disable=not sys.stderr.isatty())):
        wanted = [row for row in rows if row in ROWS or clip.name in resting]
        missing = [row for row in wanted if (clip.name, row) not in ledger]
        if missing:
            bench.measure(index, missing)
    summary = summarise(ledger, footage, settings)
    write_report(summary, output)
    return markdown(summary)


def _one_a_speaker(footage: list[Footage]) -> list[Footage]:
    """The first clip of each speaker."""
    return list({clip.speaker: clip for clip in reversed(footage)}.values())[::-1]


class _Bench:
    def __init__(self, systems: Systems, judge: Judge, ledger: Ledger, footage: list[Footage]) -> None:
        self.systems, self.judge, self.ledger, self.footage = systems, judge, ledger, footage

    def measure(self, index: int, rows: list[str]) -> None:
        """Measure one clip's rows."""
        clip = self.footage[index]
        try:
            real = clip.read(self.systems.tracker)
            donor = donor_of(self.footage, index).read(self.systems.tracker)
        except InputError as error:
            self._fail(clip.name, rows, error)
            return
        reference = Reference(real)
        for row in rows:
            try:
                if row in SOUNDS:
                    self.ledger.add(clip.name, row, {"values": asdict(at_rest(self.systems, real, row))})
                else:
                    self._row(clip.name, row, reference, donor)
            except InputError as error:
                self._fail(clip.name, [row], error)

    def _row(self, name: str, row: str, reference: Reference, donor: TalkingVideo) -> None:
        clock = Stopwatch(process_time)
        with clock("make"):
            take: Take = ROWS[row].make(self.systems, reference.video, donor)
        verdict = self.judge(take.video, reference, take.asked, ROWS[row].measures)
        if row == "real":
            with clock("frechet"):
                self.judge.features(verdict, reference.faces)
            if len(reference.video) >= MIN_FRAMES:
                with clock("sync, shifted"):
                    followed = self.judge.follows_shifts(reference.video)
                if followed is not None:
                    verdict.values["sync_follows"] = followed
        entry: dict[str, Any] = {"frames": len(take.video), "values": verdict.values}
        if verdict.lags is not None:
            entry["lags"] = verdict.lags
        entry["seconds"] = {stage: round(spent, 2) for stage, spent in {**verdict.seconds, **clock.seconds}.items()}
        self.ledger.add(name, row, entry, verdict.features)

    def _fail(self, clip: str, rows: Sequence[str], error: InputError) -> None:
        logger.warning("%s left out of %s: %s", clip, ", ".join(rows), error)
        for row in rows:
            self.ledger.add(clip, row, {"failed": str(error)})
