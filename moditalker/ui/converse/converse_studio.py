"""Carries conversations out: knows the pipeline and the folders, and nothing of the page."""

import secrets
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import spaces

from moditalker.options import MAX_SEED
from moditalker.ui.animate.request import NEW_SEED
from moditalker.ui.converse.converse_request import NAME, ConverseRequest, checked_script
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
    write_report,
)
from moditalker.ui.shared.workspace import Workspace

_GPU_SECONDS = 120
"""Asked of a ZeroGPU Space: three faces for half a minute."""


@dataclass(frozen=True)
class Stage:
    """Where a request is: ``done`` of ``total`` of a stage."""

    stage: str
    done: int
    total: int


@dataclass(frozen=True)
class Conversation:
    """What a request ends with; the files live as long as the request's folder.

    Attributes:
        video: with the voices as its sound.
        report_file: ``report`` as JSON.
        report: turns, seed, seconds a stage, warnings; no path of this machine.
    """

    video: Path
    report_file: Path
    report: dict[str, Any]


Event = Waiting | Stage | Conversation


def gpu_seconds(request: ConverseRequest, seed: int, folder: Path) -> int:
    """Seconds of GPU to ask a ZeroGPU Space for."""
    return _GPU_SECONDS


class ConverseStudio:
    """Makes conversations, one after the other.

    Args:
        pipeline: a ``MoDiTalkerPipeline``.
        settings: limits.
        workspace: where the requests' folders are.
        line: where requests wait for their turn.
        metrics: for the operator.
    """

    def __init__(
        self, pipeline: Any, settings: Settings, workspace: Workspace, line: Line, metrics: Metrics = UNCOUNTED
    ) -> None:
        self._pipeline, self._settings, self._workspace = pipeline, settings, workspace
        self._line, self._metrics = line, metrics
        self._engine = ThreadPoolExecutor(settings.running, "converse")
        # A bound method: on a ZeroGPU Space it runs in a forked process, which has `self` and gets the rest pickled.
        self._produce = spaces.GPU(duration=gpu_seconds)(self._produce_here)

    def make(self, request: ConverseRequest, keep: bool = False) -> Generator[Event, None, None]:
        """Carry a request out; closing the iterator, or dropping it, gives the request up.

        Args:
            request: what is asked for.
            keep: leave the result's files where they are, until their age ends them.
        Yields:
            ``Waiting`` while others come before, ``Stage`` several times a second, and ``Conversation``.
        Raises:
            InputError: the request cannot be carried out, or too many wait already.
            MachineError: something failed here.
        """
        checked_script(request, self._settings)
        with self._metrics.request("converse"), self._line.place() as place, self._workspace.folder(keep) as folder:
            # Drawn here: the forked processes of a ZeroGPU Space all start from one state of the random generators.
            seed = secrets.randbelow(MAX_SEED + 1) if request.seed == NEW_SEED else request.seed
            yield from place.wait(BEAT_SECONDS)
            # Named, so that a visitor who leaves gives the folder up before the iterator ends, see `do_work`.
            produced = self._produce(request, seed, folder)
            for kind, content in produced:
                raise_if_it_failed(kind, content)
                if kind == "done":
                    self._metrics.made("converse", content["seconds"], content["audio_seconds"])
                    yield _result(folder, seed, content)
                else:
                    yield Stage(*content) if kind == "progress" else Stage("", 0, 1)
        release_memory()

    def _produce_here(
        self, request: ConverseRequest, seed: int, folder: Path
    ) -> Generator[tuple[str, Any], None, None]:
        """Run the pipeline in a thread and pass on what it reports; plain values only, as they may be pickled."""
        yield from do_work(
            self._engine, folder, "A conversation", lambda events: self._work(request, seed, folder, events)
        )

    def _work(self, request: ConverseRequest, seed: int, folder: Path, events: Events) -> None:
        def progress(stage: str, done: int, total: int) -> None:
            raise_if_cancelled(folder)
            events.put(("progress", (stage, done, total)))

        raise_if_cancelled(folder)
        report = self._pipeline.converse(
            [request.portrait],
            checked_script(request, self._settings),
            _video(folder, seed),
            tracks=list(request.tracks),
            script_name=NAME,
            seed=seed,
            max_seconds=self._settings.max_audio_seconds,
            mark=self._settings.mark,
            progress=progress,
        )
        events.put(("done", report))


def _video(folder: Path, seed: int) -> Path:
    """The result's file; the name is what the visitor's download is called."""
    return folder / f"conversation-{seed}.mp4"


def _result(folder: Path, seed: int, report: dict[str, Any]) -> Conversation:
    video = _video(folder, seed)
    return Conversation(video, *write_report(video, report))
