"""Carries requests out: knows the pipeline and the folders, and nothing of the page."""

import logging
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import spaces

from moditalker.audio.recording import Recording
from moditalker.constants import FPS
from moditalker.face.landmark_file import read_landmarks
from moditalker.render.landmark_video import write_landmark_video
from moditalker.ui.animate.estimate import Countdown, Speeds
from moditalker.ui.animate.growing import GrowingVideo
from moditalker.ui.animate.motion_plot import write_motion_plot
from moditalker.ui.animate.request import Job, Request, accept
from moditalker.ui.shared.line import Line, Waiting
from moditalker.ui.shared.memory import release_memory
from moditalker.ui.shared.operator_metrics import UNCOUNTED, Metrics
from moditalker.ui.shared.settings import Settings
from moditalker.ui.shared.work import (
    BEAT_SECONDS,
    Events,
    MachineError,
    do_work,
    raise_if_cancelled,
    raise_if_it_failed,
    write_report,
)
from moditalker.ui.shared.workspace import Workspace, at_work, mark_busy
from moditalker.utils.errors import AbandonedError
from moditalker.video.write import VideoWriter

logger = logging.getLogger(__name__)

PREVIEW_SECONDS = 1.0


class Animator(Protocol):
    """What the studio needs of `MoDiTalkerPipeline`."""

    def animate(
        self,
        portrait: str | Path,
        audio: Recording,
        output: str | Path,
        *,
        save_landmarks: str | Path | None,
        mark: bool,
        on_frames: Callable[[np.ndarray], None] | None,
        progress: Callable[[str, int, int], None] | None,
        **options: Any,
    ) -> dict[str, Any]: ...


@dataclass(frozen=True)
class ProgressEvent:
    """Where a request is: ``done`` of ``total`` of a stage, seconds since the start and to go, done 0 to 1."""

    stage: str
    done: int
    total: int
    elapsed: float
    left: float
    share: float

    @classmethod
    def of(cls, countdown: Countdown) -> "ProgressEvent":
        """What a countdown says now."""
        return cls(countdown.stage, countdown.done, countdown.total, countdown.elapsed, countdown.left, countdown.share)


@dataclass(frozen=True)
class Preview:
    """The first second, while the rest is made."""

    video: Path


@dataclass(frozen=True)
class Result:
    """What a request ends with; the files live as long as the request's folder.

    Attributes:
        video: with the recording as its sound.
        landmarks: the motion alone, as a video.
        plot: mouth opening over the waveform, a picture.
        report_file: ``report`` as JSON.
        report: seed, every parameter, seconds a stage, warnings; no path of this machine.
    """

    video: Path
    landmarks: Path
    plot: Path
    report_file: Path
    report: dict[str, Any]


@dataclass(frozen=True)
class Growing:
    """A video that grows while it is drawn.

    Attributes:
        video: the file; see `growing.growing_route`.
        left: seconds until it can be played to its end without a stop; 0 when it can.
        speed: seconds of it that are drawn in a second.
    """

    video: Path
    left: float
    speed: float


Event = Waiting | ProgressEvent | Preview | Growing | Result


def gpu_seconds(job: Job, folder: Path) -> int:
    """Seconds of GPU to ask a ZeroGPU Space for: the visitor's quota is held against this, not against what is used."""
    request = job.request
    per_second = 0.6 + 0.008 * request.atom_steps + 0.05 * request.mtov_steps
    tracking = 10 if request.head_motion == "video" else 0
    return round(12 + tracking + per_second * job.seconds)


class Studio:
    """Makes videos, so many at a time as the settings say.

    Args:
        pipeline: what animates.
        settings: limits.
        workspace: where the requests' folders are.
        speeds: learned from every request.
        line: where requests wait for their turn.
        metrics: for the operator.
    """

    def __init__(
        self,
        pipeline: Animator,
        settings: Settings,
        workspace: Workspace,
        speeds: Speeds,
        line: Line,
        metrics: Metrics = UNCOUNTED,
    ) -> None:
        self._pipeline, self._settings, self._workspace = pipeline, settings, workspace
        self.speeds, self._line, self._metrics = speeds, line, metrics
        # Threads that stay: each new one would get memory of its own from the C library, and keep some of it. The first
        # is used where the GPU is, on a ZeroGPU Space in a fork, which threads do not survive; so the second is apart.
        self._engine = ThreadPoolExecutor(settings.running, "animate")
        self._desk = ThreadPoolExecutor(settings.running, "finish")
        # A bound method: on a ZeroGPU Space it runs in a forked process, which has `self` and gets the rest pickled.
        self._produce = spaces.GPU(duration=gpu_seconds)(self._produce_here)

    def make(self, request: Request, keep: bool = False) -> Generator[Event, None, None]:
        """Carry a request out.

        Closing the iterator, or dropping it, gives the request up: the pipeline stops at its next report, which is
        never further away than one block of frames.

        Args:
            request: what is asked for.
            keep: leave the result's files where they are, until their age ends them.
        Yields:
            ``Waiting`` while others come before, ``ProgressEvent`` several times a second, ``Preview`` once and
            ``Growing`` several times where the recording is long enough, and ``Result``.
        Raises:
            InputError: the request cannot be carried out, or too many wait already.
            MachineError: something failed here.
        """
        with self._metrics.request("animate"), self._line.place() as place, self._workspace.folder(keep) as folder:
            job = accept(request, self._settings)
            yield from place.wait(BEAT_SECONDS)
            # Named, so that a visitor who leaves gives the folder up before the iterator ends, see `do_work`.
            produced = self._produce(job, folder)
            yield from self._made(produced, job, folder)
        release_memory()

    def _made(self, produced: Iterable[tuple[str, Any]], job: Job, folder: Path) -> Generator[Event, None, None]:
        """What comes of what `_produce` says."""
        countdown = Countdown(self.speeds.predict(job.request, job.seconds))
        report: dict[str, Any] = {}
        for kind, content in produced:
            raise_if_it_failed(kind, content)
            if kind == "progress":
                countdown.update(*content)
            elif kind == "preview":
                yield Preview(folder / content)
            elif kind == "growing":
                yield Growing(folder / content[0], *content[1:])
            elif kind == "done":
                report = content
            yield ProgressEvent.of(countdown)
        self.speeds.learn(job.request, job.seconds, report["seconds"])
        self._metrics.made("animate", report["seconds"], job.seconds)
        yield from self._finished(job, folder, report, countdown)

    def _finished(
        self, job: Job, folder: Path, report: dict[str, Any], countdown: Countdown
    ) -> Generator[Event, None, None]:
        """``ProgressEvent`` until what comes after the video is there, and ``Result``."""
        # From here on the folder is the other thread's to remove.
        mark_busy(folder)
        result = self._desk.submit(self._finish, job, folder, report)
        while not wait([result], timeout=BEAT_SECONDS).done:
            yield ProgressEvent.of(countdown)
        yield result.result()

    def _finish(self, job: Job, folder: Path, report: dict[str, Any]) -> Result:
        """`_finish_here` in a thread, with its failures as those of `_work`."""
        with at_work(folder):
            try:
                return self._finish_here(job, folder, report)
            except AbandonedError:
                logger.info("A request was given up")
                raise
            # Whatever it is, the visitor must hear of it; the log has the rest.
            except Exception as error:
                logger.exception("A request failed after its video was made")
                raise MachineError from error

    def _finish_here(self, job: Job, folder: Path, report: dict[str, Any]) -> Result:
        """What is made from the landmarks afterwards, on the CPU."""
        landmarks = read_landmarks(folder / "landmarks.npz")
        video = _video_of(job, folder)
        motion, plot = video.with_name(f"{video.stem}-landmarks.mp4"), video.with_name(f"{video.stem}-motion.png")
        write_landmark_video(motion, landmarks, job.recording, lambda done, total: raise_if_cancelled(folder))
        write_motion_plot(plot, landmarks, job.recording.samples)
        return Result(video, motion, plot, *write_report(video, report))

    def _produce_here(self, job: Job, folder: Path) -> Generator[tuple[str, Any], None, None]:
        """Run the pipeline in a thread and pass on what it reports; plain values only, as they may be pickled.

        Yields:
            As `do_work`: ("progress", (stage, done, total)), ("preview", file name) and at the end ("done", report).
        """
        yield from do_work(self._engine, folder, "A request", lambda events: self._animate(job, folder, events))

    def _animate(self, job: Job, folder: Path, events: Events) -> None:
        request = job.request
        assert request.portrait is not None

        def progress(stage: str, done: int, total: int) -> None:
            raise_if_cancelled(folder)
            events.put(("progress", (stage, done, total)))

        raise_if_cancelled(folder)
        first = FirstSecond(job, folder, events)
        with closing(GrowingVideo(job, folder, events)) as growing:

            def on_frames(frames: np.ndarray) -> None:
                first(frames)
                growing(frames)

            report = self._pipeline.animate(
                request.portrait,
                job.recording,
                _video_of(job, folder),
                save_landmarks=folder / "landmarks.npz",
                mark=self._settings.mark,
                on_frames=on_frames,
                progress=progress,
                **request.options(),
            )
        events.put(("done", report))


class FirstSecond:
    """Collects the frames of the first second and writes them as a video, for `animate`'s ``on_frames``.

    Recordings that last hardly longer get none.
    """

    def __init__(self, job: Job, folder: Path, events: Events) -> None:
        self._job, self._folder, self._events = job, folder, events
        self._frames: list[np.ndarray] = []
        self._missing = round(PREVIEW_SECONDS * FPS) if job.seconds >= 2 * PREVIEW_SECONDS else 0

    def __call__(self, frames: np.ndarray) -> None:
        if self._missing == 0:
            return
        taken = frames[: self._missing].copy()
        self._frames.append(taken)
        self._missing -= len(taken)
        if self._missing == 0:
            self._write(np.concatenate(self._frames))
            self._frames.clear()

    def _write(self, frames: np.ndarray) -> None:
        sound = self._job.recording.part(0, PREVIEW_SECONDS)
        path = self._folder / "first-second.mp4"
        height, width = frames.shape[1:3]
        with VideoWriter(path, (width, height), FPS, sound.original, sound.original_rate) as writer:
            for frame in frames:
                writer.write(frame)
        self._events.put(("preview", path.name))


def _video_of(job: Job, folder: Path) -> Path:
    """The result's file; the name is what the visitor's download is called."""
    return folder / f"moditalker-{job.request.seed}.mp4"
