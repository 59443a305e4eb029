"""How long a request takes, from what earlier ones took on this machine."""

import math
import threading
import time
from collections.abc import Mapping, Sequence

from moditalker.ui.animate.request import Request

STAGES = ("face", "speech", "motion", "head", "lip_correction", "video")
"""The stages of `MoDiTalkerPipeline.animate` that are reported, in order."""

FIRST_GUESS = {"face": 0.6, "speech": 0.06, "motion": 0.004, "head": 0.003, "video": 0.08}
"""Seconds per unit of work (see `work`) on two CPU cores, until this machine has been measured."""
_LIP_CORRECTION = 0.35
"""Share of the lip correction in the time that the video takes; reports do not tell the two apart."""
_GROWTH = 1.1
"""At most so many times the shortest time left that was said is said later."""
_NEWEST = 0.5
"""Share of the newest measurement in a speed: machines get busy and idle again."""


def work(request: Request, seconds: float) -> dict[str, float]:
    """Units of work a stage: seconds of sound, denoising steps on them, frames."""
    guided = 1 if request.guidance == 1.0 else 2
    head = {"natural": request.atom_steps * seconds, "still": 0.0, "video": 75.0}[request.head_motion]
    return {
        "face": 1.0,
        "speech": seconds,
        "motion": request.atom_steps * guided * seconds,
        "head": head,
        "video": 25 * seconds * (1 + 0.1 * request.mtov_steps),
    }


class Rates:
    """Seconds per unit of work a stage, learned from finished requests. Shared by all requests of a server.

    Args:
        known: until this machine has been measured.
    """

    def __init__(self, known: Mapping[str, float]) -> None:
        self._rates = dict(known)
        self._lock = threading.Lock()

    def seconds_of(self, units: Mapping[str, float]) -> dict[str, float]:
        """Seconds a stage for units of work a stage."""
        with self._lock:
            return {stage: count * self._rates[stage] for stage, count in units.items()}

    def note(self, units: Mapping[str, float], spent: Mapping[str, float]) -> None:
        """Take in what a finished request took: seconds a stage, as in its report."""
        with self._lock:
            for stage, count in units.items():
                if count > 0 and stage in spent:
                    self._rates[stage] += _NEWEST * (spent[stage] / count - self._rates[stage])


class Speeds:
    """How fast this machine animates portraits, see ``Rates``."""

    def __init__(self, known: Mapping[str, float] = FIRST_GUESS) -> None:
        self._rates = Rates(known)

    def predict(self, request: Request, seconds: float) -> dict[str, float]:
        """Seconds a stage."""
        spent = self._rates.seconds_of(work(request, seconds))
        video = spent["video"]
        return {**spent, "lip_correction": _LIP_CORRECTION * video, "video": (1 - _LIP_CORRECTION) * video}

    def learn(self, request: Request, seconds: float, spent: Mapping[str, float]) -> None:
        """Take in what a finished request took: seconds a stage, as in its report."""
        self._rates.note(work(request, seconds), spent)


class Countdown:
    """Seconds left of one request: the running stage as it goes, the later ones as they went before.

    What it says never turns back: the share that is done does not shrink, and once drawing began, the time left stays
    below ``_GROWTH`` times the shortest that was said.

    Args:
        predicted: seconds a stage.
        stages: in order.
    """

    def __init__(self, predicted: Mapping[str, float], stages: Sequence[str] = STAGES) -> None:
        self._predicted, self._stages = dict(predicted), stages
        self._started = self._stage_started = time.monotonic()
        self.stage = stages[0]
        self.done, self.total = 0, 1
        self._share, self._shortest = 0.0, math.inf

    def update(self, stage: str, done: int, total: int) -> None:
        """Note where the request is."""
        now = time.monotonic()
        news = (stage, done, total) != (self.stage, self.done, self.total)
        if stage != self.stage:
            if self.stage == "lip_correction" and stage == "video":
                # It draws the first frames too, smaller: how it went says how drawing and the other trials will go.
                tried = now - self._stage_started
                self._predicted["video"] = tried * (max(total, 1) / self.total / _LIP_CORRECTION - 1)
            self.stage, self._stage_started = stage, now
        self.done, self.total = done, max(total, 1)
        # A tenth of a stage says more about its speed than earlier requests do.
        # Not when the same is said again, by a pipeline that only asks whether to go on: it would look ever slower.
        if news and done >= 0.1 * self.total and done > 0:
            self._predicted[stage] = (now - self._stage_started) * self.total / done

    @property
    def elapsed(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._started

    @property
    def left(self) -> float:
        """Seconds until the video is there."""
        running = self._predicted[self.stage] - (time.monotonic() - self._stage_started)
        later = self._stages[self._stages.index(self.stage) + 1 :]
        left = max(0.0, running) + sum(self._predicted[stage] for stage in later)
        if self.stage == self._stages[-1]:
            left = min(left, _GROWTH * self._shortest)
            self._shortest = min(left, self._shortest)
        return left

    @property
    def share(self) -> float:
        """How much is done, 0 to 1."""
        self._share = max(self._share, self.elapsed / max(self.elapsed + self.left, 1e-6))
        return self._share
