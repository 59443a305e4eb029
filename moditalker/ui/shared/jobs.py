"""Runs that go on without the page that started them: a reload finds them, or what came of them, again."""

import contextvars
import threading
import time
from collections.abc import Generator
from typing import Any

import gradio as gr

from moditalker.ui.shared.work import BEAT_SECONDS

Shown = Generator[list[Any], None, None]
"""What is shown of a run in turn: the status' HTML, then the value of each output, or `gr.skip()`."""


class Job:
    """One run, in a thread of its own.

    Args:
        make: what is shown of it; closed at the next value after `cancel`.
        width: how many values it shows at a time.
    """

    def __init__(self, make: Shown, width: int) -> None:
        self._make = make
        self._values: list[tuple[int, Any]] = [(0, gr.skip())] * width
        self._step = 0
        self._changed = threading.Condition()
        self._cancelled = False
        self.ended: float | None = None
        self.error: gr.Error | None = None
        # With the visitor's context: on a ZeroGPU Space the quota is his.
        context = contextvars.copy_context()
        threading.Thread(target=context.run, args=(self._run,), name="job", daemon=True).start()

    @property
    def good(self) -> bool:
        """Whether there is something to be found again: it runs, or ended well."""
        return not self._cancelled and self.error is None

    def cancel(self) -> None:
        """Give it up."""
        self._cancelled = True

    def follow(self) -> Shown:
        """All that is shown, from now on, until it ends.

        Raises:
            gr.Error: what the run ended with.
        """
        seen, ended = 0, False
        while not ended:
            with self._changed:
                if self._step == seen and self.ended is None:
                    self._changed.wait(BEAT_SECONDS)
                ended = self.ended is not None
                new = [value if step > seen else gr.skip() for step, value in self._values]
                seen = self._step
            yield new
        if self.error is not None:
            raise self.error

    def _run(self) -> None:
        try:
            for values in self._make:
                self._show(values)
                if self._cancelled:
                    self._make.close()
                    break
        except gr.Error as error:
            self.error = error
        finally:
            with self._changed:
                self.ended = time.monotonic()
                self._changed.notify_all()

    def _show(self, values: list[Any]) -> None:
        with self._changed:
            self._step += 1
            self._values = [
                old if new == gr.skip() else (self._step, new) for old, new in zip(self._values, values, strict=True)
            ]
            self._changed.notify_all()


class Jobs:
    """The newest run of each visitor.

    Args:
        kept: seconds for which an ended one is found again.
    """

    def __init__(self, kept: float) -> None:
        self._kept = kept
        self._lock = threading.Lock()
        self._jobs: dict[str, tuple[str, Job]] = {}

    def add(self, visitor: str, name: str, job: Job) -> None:
        """Remember a run by the visitor's id and its own name; without an id it is known by its name alone."""
        with self._lock:
            now = time.monotonic()
            for old, (_, one) in list(self._jobs.items()):
                if one.ended is not None and now - one.ended > self._kept:
                    del self._jobs[old]
            self._jobs[visitor or name] = (name, job)

    def of(self, visitor: str) -> tuple[str, Job] | None:
        """Name and run of a visitor, while it runs and for a while after it ended well."""
        with self._lock:
            name, job = self._jobs.get(visitor, ("", None))
        if not visitor or job is None or not job.good:
            return None
        old = job.ended is not None and time.monotonic() - job.ended > self._kept
        return None if old else (name, job)

    def cancel(self, name: str) -> None:
        """Give a run up, whoever's it is."""
        with self._lock:
            for known, job in self._jobs.values():
                if known == name:
                    job.cancel()
