"""What a request says on its way, and what it ends with."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from moditalker.ui.animate.estimate import Countdown
from moditalker.ui.animate.kept_motion import KeptMotion
from moditalker.ui.shared.line import Waiting


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
        kept: the motion, for another drawing; None where the pipeline has written none.
    """

    video: Path
    landmarks: Path
    plot: Path
    report_file: Path
    report: dict[str, Any]
    kept: KeptMotion | None = None


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
