"""What a run calls while it is under way, and bars of it on a terminal."""

import sys
from collections.abc import Callable
from types import TracebackType
from typing import Any

from tqdm import tqdm

Progress = Callable[[str, int, int], None]
"""Called with a stage's name, how much of it is done and how much there is; what it raises ends the run."""
StepEnd = Callable[[Any, int, int, dict[str, Any]], dict[str, Any]]
"""Called after every denoising step of the motion, as in every diffusers pipeline: pipeline, step (from 0), timestep
and tensors, which are none here."""


def unasked(stage: str, done: int, total: int) -> None:
    """Progress that nobody asked for."""


STAGE_WORDS = {
    "face": "Finding the face",
    "speech": "Listening to the speech",
    "motion": "Moving the lips",
    "head": "Moving the head",
    "lip_correction": "Correcting the lips",
    "video": "Drawing the video",
    "track": "Tracking the face",
}
"""Stages as people read them; those of other methods have their own names."""
STAGE_UNITS = {"motion": "steps", "head": "steps", "lip_correction": "frames", "video": "frames", "track": "frames"}
_BAR = "{desc}: {percentage:3.0f}% |{bar:30}| {n_fmt} of {total_fmt} {unit}, {remaining} left"
_WITHOUT_END = "{desc}: {n_fmt} {unit}, {elapsed}"


class StageBars:
    """One progress bar after the other on standard error, for the ``progress(stage, done, total)`` of a pipeline.

    Each has the stage, what is done of it, and the time that is left of it. A context manager: the last bar is closed
    when it is left. Nothing is shown when standard error is not a terminal.
    """

    def __init__(self) -> None:
        self._stage = ""
        self._bar: Any = None

    def __enter__(self) -> "StageBars":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Show that ``done`` of ``total`` of a stage are done; a new stage starts a new bar."""
        if self._bar is None or stage != self._stage:
            self.close()
            self._stage = stage
            # Where nobody knows how much there is, the total is what is done.
            self._bar = tqdm(
                desc=STAGE_WORDS.get(stage, stage),
                total=total,
                unit=STAGE_UNITS.get(stage, "done"),
                bar_format=_BAR if total > done or total == 0 else _WITHOUT_END,
                leave=False,
                disable=not sys.stderr.isatty(),
            )
        self._bar.total = total
        self._bar.update(done - self._bar.n)

    def close(self) -> None:
        """Take the last bar off the screen."""
        if self._bar is not None:
            self._bar.close()
        self._bar = None
