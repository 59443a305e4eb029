"""Carries comparisons out: knows the methods and the folders, and nothing of the page."""

import secrets
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import spaces

from moditalker.baselines.protocol import Method, Options
from moditalker.benchmark.judge import Judge
from moditalker.compare.comparison_table import csv_of, letter, row_of
from moditalker.compare.inputs import prepare_inputs
from moditalker.compare.measures import Measurer, read_real
from moditalker.compare.runner import Outcome, Tell, run_methods
from moditalker.compare.stitch import stitch
from moditalker.face.tracker import make_tracker
from moditalker.ui.animate.request import Job, accept
from moditalker.ui.animate.studio import gpu_seconds
from moditalker.ui.compare.compare_request import CompareRequest, columns_of, dropped
from moditalker.ui.shared.line import Line, Waiting
from moditalker.ui.shared.memory import release_memory
from moditalker.ui.shared.operator_metrics import UNCOUNTED, Metrics
from moditalker.ui.shared.settings import Settings
from moditalker.ui.shared.work import (
    BEAT_SECONDS,
    Events,
    do_work,
    raise_if_cancelled,
    raise_if_it_failed,
)
from moditalker.ui.shared.workspace import Workspace


@dataclass(frozen=True)
class Working:
    """Where a comparison is: ``done`` of ``total`` of a stage of the column ``index`` of ``columns``."""

    index: int
    columns: int
    title: str
    stage: str
    done: int
    total: int


@dataclass(frozen=True)
class ColumnDone:
    """One column, while others are made."""

    index: int
    outcome: Outcome


@dataclass(frozen=True)
class Comparison:
    """What a request ends with; the files live as long as the request's folder.

    Attributes:
        outcomes: in the order of the columns.
        rows: see ``compare.comparison_table.row_of``; ``column`` is the letter.
        portrait: as every method got it.
        stitched: all columns in one file; None when all failed.
        table: CSV.
        seed: that was used.
        warnings: about the portrait.
    """

    outcomes: list[Outcome]
    rows: list[dict[str, Any]]
    portrait: Path
    stitched: Path | None
    table: Path
    seed: int
    warnings: list[str]


Event = Waiting | Working | ColumnDone | Comparison


def comparison_gpu_seconds(job: Job, names: list[str], request: CompareRequest, folder: Path) -> int:
    """Seconds of GPU to ask a ZeroGPU Space for."""
    return len(names) * gpu_seconds(job, folder)


class CompareStudio:
    """Makes comparisons, one after the other.

    Args:
        methods: by name.
        settings: limits.
        workspace: where the requests' folders are.
        line: where requests wait for their turn.
        tracker: name of the face tracker.
        metrics: for the operator.
    """

    def __init__(
        self,
        methods: dict[str, Method],
        settings: Settings,
        workspace: Workspace,
        line: Line,
        tracker: str = "mediapipe",
        metrics: Metrics = UNCOUNTED,
    ) -> None:
        self.methods, self._settings, self._workspace = methods, settings, workspace
        self._line, self._tracker, self._metrics = line, tracker, metrics
        self._engine = ThreadPoolExecutor(settings.running, "compare")
        # A bound method: on a ZeroGPU Space it runs in a forked process, which has `self` and gets the rest pickled.
        self._produce = spaces.GPU(duration=comparison_gpu_seconds)(self._produce_here)

    @cached_property
    def _judge(self) -> Judge:
        return Judge()

    def check(self, request: CompareRequest) -> None:
        """Refuse at once what cannot be carried out.

        Raises:
            InputError: see ``columns_of``.
        """
        columns_of(request, self.methods, self._settings)

    def make(self, request: CompareRequest, keep: bool = False) -> Generator[Event, None, None]:
        """Carry a request out.

        Closing the iterator, or dropping it, gives the request up: every method stops at its next report.

        Args:
            request: what is asked for.
            keep: leave the result's files where they are, until their age ends them.
        Yields:
            ``Waiting`` while others come before, ``Working`` several times a second, ``ColumnDone`` for each column,
            and ``Comparison``.
        Raises:
            InputError: the request cannot be carried out, or too many wait already.
            MachineError: something failed here that no column can be blamed for.
        """
        names = [method.facts.name for method in columns_of(request, self.methods, self._settings)]
        if request.blind:
            secrets.SystemRandom().shuffle(names)
        with self._metrics.request("compare"), self._line.place() as place, self._workspace.folder(keep) as folder:
            job = accept(request.spoken, self._settings)
            yield from place.wait(BEAT_SECONDS)
            # Named, so that a visitor who leaves gives the folder up before the iterator ends, see `do_work`.
            produced = self._produce(job, names, request, folder)
            for kind, content in produced:
                raise_if_it_failed(kind, content)
                if kind == "beat":
                    yield Working(-1, len(names), "", "", 0, 1)
                else:
                    if kind == "column" and content.outcome.video is not None:
                        self._metrics.made(content.outcome.facts.name, content.outcome.seconds, job.seconds)
                    yield content
        release_memory()

    def _produce_here(
        self, job: Job, names: list[str], request: CompareRequest, folder: Path
    ) -> Generator[tuple[str, Any], None, None]:
        """Run the methods in a thread and pass on what they report; names, as methods hold networks.

        Yields:
            As `do_work`: ("progress", `Working`), ("column", `ColumnDone`) and at the end ("done", `Comparison`).
        """
        yield from do_work(
            self._engine, folder, "A comparison", lambda events: self._work(job, names, request, folder, events)
        )

    def _work(self, job: Job, names: list[str], request: CompareRequest, folder: Path, events: Events) -> None:
        columns = [self.methods[name] if name in self.methods else dropped(request) for name in names]

        def tell(index: int, stage: str, done: int, total: int) -> None:
            raise_if_cancelled(folder)
            title = columns[index].facts.title
            events.put(("progress", Working(index, len(columns), title, stage, done, total)))

        events.put(("done", self._compared(job, columns, request, folder, tell, events)))

    def _compared(
        self,
        job: Job,
        columns: list[Method],
        request: CompareRequest,
        folder: Path,
        tell: Tell,
        events: Events,
    ) -> Comparison:
        asked = job.request
        assert asked.portrait is not None
        tracker = make_tracker(self._tracker)
        dubbed = request.real if any(method.facts.dubs for method in columns) else None
        inputs = prepare_inputs(
            asked.portrait,
            job.recording,
            folder / "inputs",
            tracker,
            asked.crop,
            self._settings.max_audio_seconds,
            None if dubbed is None else Path(dubbed),
        )
        real = None if request.real is None else read_real(Path(request.real), tracker, inputs.frames)
        options = Options(seed=asked.seed, head_motion=asked.head_motion, mark=self._settings.mark)
        outcomes = run_methods(
            columns,
            inputs,
            folder,
            options,
            Measurer(self._judge, tracker, inputs, real),
            tell,
            lambda index, outcome: events.put(("column", ColumnDone(index, outcome))),
        )
        there = [(index, outcome.video) for index, outcome in enumerate(outcomes) if outcome.video is not None]
        stitched = None
        if there:
            names = [letter(index) if request.blind else columns[index].facts.title for index, _ in there]
            stitched = folder / "comparison.mp4"
            stitch([video for _, video in there], names, inputs.samples, stitched, asked.seed)
        rows = [{"column": letter(index), **row_of(outcome)} for index, outcome in enumerate(outcomes)]
        table = folder / "comparison.csv"
        table.write_text(csv_of(rows), encoding="utf-8")
        return Comparison(outcomes, rows, inputs.portrait, stitched, table, asked.seed, inputs.warnings)
