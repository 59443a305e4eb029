"""Makes motions without video: knows the pipeline and the folders, and nothing of the page."""

from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import spaces

from moditalker.atom.motion_file import write_motion
from moditalker.export.write import made_motion
from moditalker.options import option_names
from moditalker.ui.animate.estimate import Countdown, Speeds
from moditalker.ui.animate.events import ProgressEvent
from moditalker.ui.animate.kept_motion import KeptMotion
from moditalker.ui.animate.request import Job, Request, accept
from moditalker.ui.animate.studio import kept_motion
from moditalker.ui.shared.line import Line, Waiting
from moditalker.ui.shared.operator_metrics import UNCOUNTED, Metrics
from moditalker.ui.shared.settings import Settings
from moditalker.ui.shared.work import BEAT_SECONDS, Events, do_work, raise_if_cancelled, raise_if_it_failed
from moditalker.ui.shared.workspace import Workspace

_FILE = "motion.npz"
_NOT_HERE = ("mtov_steps", "crop", "mark")


@dataclass(frozen=True)
class MotionMade:
    """What a request for a motion ends with.

    Attributes:
        kept: the motion.
        warnings: for the user.
    """

    kept: KeptMotion
    warnings: list[str]


def motion_seconds(job: Job, folder: Path) -> int:
    """Seconds of GPU to ask a ZeroGPU Space for."""
    tracking = 10 if job.request.head_motion == "video" else 0
    return round(12 + tracking + (0.3 + 0.008 * job.request.atom_steps) * job.seconds)


class MotionStudio:
    """Makes motions, in the same line as all other requests.

    Args:
        pipeline: a ``MoDiTalkerPipeline``.
        settings: limits.
        workspace: where the requests' folders are.
        speeds: learned from requests for videos.
        line: where requests wait for their turn.
        metrics: for the operator.
    """

    def __init__(
        self,
        pipeline: Any,
        settings: Settings,
        workspace: Workspace,
        speeds: Speeds,
        line: Line,
        metrics: Metrics = UNCOUNTED,
    ) -> None:
        self._pipeline, self._settings, self._workspace = pipeline, settings, workspace
        self._speeds, self._line, self._metrics = speeds, line, metrics
        self._engine = ThreadPoolExecutor(settings.running, "motion")
        self._produce = spaces.GPU(duration=motion_seconds)(self._produce_here)

    def make(self, request: Request) -> Generator[Waiting | ProgressEvent | MotionMade, None, None]:
        """Carry a request out.

        Yields:
            ``Waiting`` while others come before, ``ProgressEvent`` several times a second, and ``MotionMade``.
        Raises:
            InputError: the request cannot be carried out, or too many wait already.
            MachineError: something failed here.
        """
        with self._metrics.request("motion"), self._line.place() as place, self._workspace.folder() as folder:
            job = accept(request, self._settings)
            yield from place.wait(BEAT_SECONDS)
            undrawn = {"lip_correction": 0.0, "video": 0.0}
            countdown = Countdown(self._speeds.predict(job.request, job.seconds) | undrawn)
            # Named, so that a visitor who leaves gives the folder up before the iterator ends, see `do_work`.
            produced = self._produce(job, folder)
            warnings: list[str] = []
            for kind, content in produced:
                raise_if_it_failed(kind, content)
                if kind == "progress":
                    countdown.update(*content)
                elif kind == "done":
                    warnings = content
                yield ProgressEvent.of(countdown)
            kept = kept_motion(job, folder / _FILE)
            assert kept is not None, "the work ended well"
            yield MotionMade(kept, warnings)

    def _produce_here(self, job: Job, folder: Path) -> Generator[tuple[str, Any], None, None]:
        yield from do_work(self._engine, folder, "A motion", lambda events: self._make(job, folder, events))

    def _make(self, job: Job, folder: Path, events: Events) -> None:
        def progress(stage: str, done: int, total: int) -> None:
            raise_if_cancelled(folder)
            events.put(("progress", (stage, done, total)))

        raise_if_cancelled(folder)
        picture, options = job.request.portrait, job.request.options()
        assert picture is not None, "accepted"
        asked = {name: options[name] for name in (*option_names(), "head_motion", "keys", "style") if name in options}
        given = {name: value for name, value in asked.items() if name not in _NOT_HERE}
        portrait, motion, _ = made_motion(self._pipeline, picture, job.recording, progress=progress, **given)
        write_motion(folder / _FILE, motion)
        events.put(("done", list(portrait.warnings)))
