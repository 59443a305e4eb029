"""``benchmark``: every row on every clip."""

import logging
import multiprocessing
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, field
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from moditalker.benchmark.benchmark_table import markdown, summarise, write_report
from moditalker.benchmark.clip_offsets import settle_offsets
from moditalker.benchmark.footage import Footage, donor_of, find_footage
from moditalker.benchmark.group_table import group_measures, read_labels
from moditalker.benchmark.judge import Judge, Reference
from moditalker.benchmark.ledger import Ledger
from moditalker.benchmark.silence_rows import SOUNDS, at_rest
from moditalker.benchmark.systems import DEFAULT_SAMPLING, ROWS, Sampling, Systems, Take
from moditalker.face.tracker import make_tracker
from moditalker.metrics.lag import MIN_FRAMES
from moditalker.metrics.talking_video import TalkingVideo
from moditalker.pipeline import MoDiTalkerPipeline
from moditalker.utils.errors import InputError
from moditalker.utils.stopwatch import Stopwatch

logger = logging.getLogger(__name__)

REVISION = 1
"""Raised when a measure changes its meaning, so that old numbers are not mixed with new ones."""
PORTRAITS_AT_REST = 5
ALL_ROWS = (*ROWS, *SOUNDS)


def benchmark(
    load: Callable[[], MoDiTalkerPipeline],
    data: Path,
    output: Path,
    *,
    split: str = "val",
    rows: Sequence[str] = ALL_ROWS,
    every: int = 1,
    seed: int = 0,
    sampling: Sampling = DEFAULT_SAMPLING,
    workers: int = 1,
    by: str | None = None,
) -> str:
    """Measure a pipeline beside its controls; see ``ROWS`` and ``SOUNDS`` for what is run.

    Args:
        load: gives the pipeline that is judged; called once in every process.
        data, split, every: see ``find_footage``.
        output: ``OUT.json``; ``OUT.md`` and what an interrupted run goes on from are written beside it.
        rows: of ``ALL_ROWS``; a later run into the same file may add others.
        seed: of everything random.
        sampling: other settings than the pipeline's own, for sweeps.
        workers: processes, of one thread each when there are several.
        by: a column of the list of clips; the measures of speech are shown for each of its values too.
    Returns:
        The Markdown.
    Raises:
        InputError: the data cannot be used, or ``output`` is of other weights or settings.
    """
    unknown = set(rows) - set(ALL_ROWS)
    if unknown:
        raise InputError(f"There is no row {', '.join(sorted(unknown))}; choose from {', '.join(ALL_ROWS)}.")
    output.parent.mkdir(parents=True, exist_ok=True)
    labels = None if by is None else read_labels(data, by)
    footage, pipeline = find_footage(data, split, every), load()
    tracker = make_tracker(pipeline.config["tracker"])
    footage = settle_offsets(footage, tracker, output.with_suffix(".offsets.json"))
    bench = _Bench(pipeline, footage, seed, sampling)
    settings = {
        "revision": REVISION,
        "split": split,
        "seed": seed,
        **asdict(sampling),
        "weights": pipeline.weight_hashes(),
        "measures": bench.judge.tools.versions(),
    }
    ledger = Ledger(output, settings)
    resting = {clip.name for clip in _one_a_speaker(footage)[:PORTRAITS_AT_REST]}
    jobs = []
    for index, clip in enumerate(footage):
        wanted = [row for row in rows if row in ROWS or clip.name in resting]
        missing = [row for row in wanted if (clip.name, row) not in ledger]
        if missing:
            jobs.append((index, missing))
    bar = tqdm(total=len(jobs), desc="benchmark", unit="clip", disable=not sys.stderr.isatty())
    for results in _work(bench, load, jobs, workers):
        for result in results:
            ledger.add(result.clip, result.row, result.entry, result.features)
        bar.update()
    bar.close()
    summary = summarise(ledger, footage, settings)
    if labels is not None:
        summary["by"] = {"column": by, "groups": group_measures(ledger, footage, labels)}
    write_report(summary, output)
    return markdown(summary)


def _one_a_speaker(footage: list[Footage]) -> list[Footage]:
    """The first clip of each speaker."""
    return list({clip.speaker: clip for clip in reversed(footage)}.values())[::-1]


@dataclass
class _Result:
    """What a ledger notes of one clip's row."""

    clip: str
    row: str
    entry: dict[str, Any]
    features: dict[str, np.ndarray] = field(default_factory=dict)


class _Bench:
    def __init__(self, pipeline: MoDiTalkerPipeline, footage: list[Footage], seed: int, sampling: Sampling) -> None:
        self.systems = Systems(pipeline, make_tracker(pipeline.config["tracker"]), seed, sampling)
        self.judge, self.footage = Judge(), footage

    def measure(self, index: int, rows: list[str]) -> list[_Result]:
        """Measure one clip's rows."""
        clip = self.footage[index]
        try:
            real = clip.read(self.systems.tracker)
            driven = any(ROWS[row].donor for row in rows if row in ROWS)
            donor = donor_of(self.footage, index).read(self.systems.tracker) if driven else real
        except InputError as error:
            return [_failed(clip.name, row, error) for row in rows]
        reference = Reference(real)
        results = []
        for row in rows:
            try:
                if row in SOUNDS:
                    results.append(_Result(clip.name, row, {"values": asdict(at_rest(self.systems, real, row))}))
                else:
                    results.append(self._row(clip.name, row, reference, donor))
            except InputError as error:
                results.append(_failed(clip.name, row, error))
        return results

    def _row(self, name: str, row: str, reference: Reference, donor: TalkingVideo) -> _Result:
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
        return _Result(name, row, entry, verdict.features)


def _failed(clip: str, row: str, error: InputError) -> _Result:
    logger.warning("%s left out of %s: %s", clip, row, error)
    return _Result(clip, row, {"failed": str(error)})


_Job = tuple[int, list[str]]
_bench: _Bench | None = None
"""Of a worker process."""


def _work(
    bench: _Bench, load: Callable[[], MoDiTalkerPipeline], jobs: list[_Job], workers: int
) -> Iterator[list[_Result]]:
    """Results of the jobs, as they are done."""
    if workers <= 1:
        for job in jobs:
            yield bench.measure(*job)
        return
    systems = bench.systems
    settings = (load, bench.footage, systems.seed, systems.sampling)
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, spawn, initializer=_begin, initargs=settings) as pool:
        for future in as_completed([pool.submit(_measure, job) for job in jobs]):
            yield future.result()


def _begin(load: Callable[[], MoDiTalkerPipeline], footage: list[Footage], seed: int, sampling: Sampling) -> None:
    global _bench
    torch.set_num_threads(1)
    _bench = _Bench(load(), footage, seed, sampling)


def _measure(job: _Job) -> list[_Result]:
    assert _bench is not None, "a worker measures after it has begun"
    return _bench.measure(*job)
