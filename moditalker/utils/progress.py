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


class StageBars:
    """One progress bar after the other on standard error, for the ``progress(stage, done, total)`` of a pipeline.

    A context manager: the last bar is closed when it is left. Nothing is shown when standard error is not a terminal.
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
            self._bar = tqdm(desc=stage, total=total, leave=False, disable=not sys.stderr.isatty())
        self._bar.total = total
        self._bar.update(done - self._bar.n)

    def close(self) -> None:
        """Take the last bar off the screen."""
        if self._bar is not None:
            self._bar.close()
        self._bar = None
