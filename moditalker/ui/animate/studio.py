"""Carries requests out: knows the pipeline and the folders, and nothing of the page."""

import logging
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import closing
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import spaces

from moditalker.atom.motion_file import read_motion
from moditalker.audio.recording import Recording
from moditalker.face.landmark_file import read_landmarks
from moditalker.render.landmark_video import write_landmark_video
from moditalker.ui.animate.estimate import Countdown, Speeds
from moditalker.ui.animate.events import Event, Growing, Preview, ProgressEvent, Result
from moditalker.ui.animate.first_second import FirstSecond
from moditalker.ui.animate.growing import GrowingVideo
from moditalker.ui.animate.kept_motion import KeptMotion
from moditalker.ui.animate.motion_curves import waveform_of
from moditalker.ui.animate.motion_plot import write_motion_plot
from moditalker.ui.animate.request import Job, Request, accept
from moditalker.ui.shared.line import Line
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

logger = logging.getLogger(__name__)

_MOTION = "motion.npz"
"""In a request's folder."""


class Animator(Protocol):
    """What the studio needs of `MoDiTalkerPipeline`."""

    def animate(
        self,
        portrait: str | Path,
        audio: Recording,
        output: str | Path,
        *,
        save_landmarks: str | Path | None,
        save_motion: str | Path | None,
        mark: bool,
        on_frames: Callable[[np.ndarray], None] | None,
        progress: Callable[[str, int, int], None] | None,
        **options: Any,
    ) -> dict[str, Any]: ...


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
        kept = kept_motion(job, folder / _MOTION)
        return Result(video, motion, plot, *write_report(video, report), kept)

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
                save_motion=folder / _MOTION,
                mark=self._settings.mark,
                on_frames=on_frames,
                progress=progress,
                **request.options(),
            )
        events.put(("done", report))


def kept_motion(job: Job, file: Path) -> KeptMotion | None:
    """What was drawn, for the Motion panel; None where the pipeline has written none."""
    if not file.is_file():
        return None
    return KeptMotion(read_motion(file), waveform_of(job.recording.samples), job.request.keys, job.request.seed)


def _video_of(job: Job, folder: Path) -> Path:
    """The result's file; the name is what the visitor's download is called."""
    return folder / f"moditalker-{job.request.seed}.mp4"
