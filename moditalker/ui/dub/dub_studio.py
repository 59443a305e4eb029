"""Carries dubs out: knows the pipeline and the folders, and nothing of the page."""

from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import spaces

from moditalker.audio.recording import Recording
from moditalker.ui.animate.estimate import Countdown
from moditalker.ui.animate.events import ProgressEvent
from moditalker.ui.dub.dub_estimate import STAGES, dub_rates, dub_work
from moditalker.ui.dub.dub_request import DubJob, DubRequest, accept_dub
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


class Dubber(Protocol):
    """What the studio needs of `MoDiTalkerPipeline`."""

    def dub(
        self,
        video: str | Path,
        audio: Recording,
        output: str | Path,
        *,
        mark: bool,
        progress: Callable[[str, int, int], None] | None,
        **options: Any,
    ) -> dict[str, Any]: ...


@dataclass(frozen=True)
class Dub:
    """What a request ends with; the files live as long as the request's folder.

    Attributes:
        video: with its new sound.
        report_file: ``report`` as JSON.
        report: see ``moditalker.dub.dub``; no path of this machine.
    """

    video: Path
    report_file: Path
    report: dict[str, Any]


def gpu_seconds(job: DubJob, folder: Path) -> int:
    """Seconds of GPU to ask a ZeroGPU Space for."""
    return round(20 + 0.12 * job.frames + 0.2 * job.recording.seconds)


class DubStudio:
    """Makes dubs, so many at a time as the settings say.

    Args:
        pipeline: what dubs.
        settings: limits.
        workspace: where the requests' folders are.
        line: where requests wait for their turn.
        metrics: for the operator.
    """

    def __init__(
        self, pipeline: Dubber, settings: Settings, workspace: Workspace, line: Line, metrics: Metrics = UNCOUNTED
    ) -> None:
        self._pipeline, self._settings, self._workspace = pipeline, settings, workspace
        self._line, self._metrics = line, metrics
        self._rates = dub_rates()
        self._engine = ThreadPoolExecutor(settings.running, "dub")
        # A bound method: on a ZeroGPU Space it runs in a forked process, which has `self` and gets the rest pickled.
        self._produce = spaces.GPU(duration=gpu_seconds)(self._produce_here)

    def predicted_seconds(self, request: DubRequest, frames: int, fps: float, seconds: float) -> float:
        """About how long a dub would take, see ``dub_work``."""
        return sum(self._rates.seconds_of(dub_work(request, frames, fps, seconds)).values())

    def make(self, request: DubRequest, keep: bool = False) -> Generator[Waiting | ProgressEvent | Dub, None, None]:
        """Carry a request out; closing the iterator, or dropping it, gives the request up.

        Args:
            request: what is asked for.
            keep: leave the result's files where they are, until their age ends them.
        Yields:
            ``Waiting`` while others come before, ``ProgressEvent`` several times a second, and ``Dub``.
        Raises:
            InputError: the request cannot be carried out, or too many wait already.
            MachineError: something failed here.
        """
        with self._metrics.request("dub"), self._line.place() as place, self._workspace.folder(keep) as folder:
            job = accept_dub(request, self._settings)
            yield from place.wait(BEAT_SECONDS)
            units = dub_work(job.request, job.frames, job.fps, job.recording.seconds)
            countdown = Countdown(self._rates.seconds_of(units), STAGES)
            report: dict[str, Any] = {}
            # Named, so that a visitor who leaves gives the folder up before the iterator ends, see `do_work`.
            produced = self._produce(job, folder)
            for kind, content in produced:
                raise_if_it_failed(kind, content)
                if kind == "progress":
                    countdown.update(*content)
                elif kind == "done":
                    report = content
                yield ProgressEvent.of(countdown)
            self._rates.note(units, report["seconds"])
            self._metrics.made("dub", report["seconds"], report["frames"] / report["fps"])
            video = _video_of(job, folder)
            yield Dub(video, *write_report(video, report))
        release_memory()

    def _produce_here(self, job: DubJob, folder: Path) -> Generator[tuple[str, Any], None, None]:
        """Run the pipeline in a thread and pass on what it reports; plain values only, as they may be pickled."""
        yield from do_work(self._engine, folder, "A dub", lambda events: self._dub(job, folder, events))

    def _dub(self, job: DubJob, folder: Path, events: Events) -> None:
        request = job.request
        assert request.video is not None

        def progress(stage: str, done: int, total: int) -> None:
            raise_if_cancelled(folder)
            events.put(("progress", (stage, done, total)))

        raise_if_cancelled(folder)
        report = self._pipeline.dub(
            request.video,
            job.recording,
            _video_of(job, folder),
            mark=self._settings.mark,
            progress=progress,
            **request.options(),
        )
        events.put(("done", report))


def _video_of(job: DubJob, folder: Path) -> Path:
    """The result's file; the name is what the visitor's download is called."""
    return folder / f"moditalker-dub-{job.request.seed}.mp4"
