"""Workers on this machine: processes, or this process itself."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Sequence
from concurrent.futures import BrokenExecutor, Future, ProcessPoolExecutor
from contextlib import suppress
from typing import Any

from moditalker.engine.protocol import Held, Make, Outcome

_held: Held
"""Of the worker that this process is."""


class LocalEngine:
    """Processes that are forked from one which holds no threads and has the modules imported.

    Args:
        workers: processes.
        modules: imported once, before the first fork.
    """

    lost: tuple[type[BaseException], ...] = (BrokenExecutor,)

    def __init__(self, workers: int, modules: Sequence[str] = ()) -> None:
        self.workers = workers
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload([__name__, *modules])

    def start(self, make: Make) -> "_Process":
        """See `Engine.start`."""
        return _Process(ProcessPoolExecutor(1, self._context, _begin, (make,)))

    def close(self) -> None:
        """Nothing is left: each worker is closed by itself."""


class _Process:
    """A worker, see `Worker`."""

    def __init__(self, pool: ProcessPoolExecutor) -> None:
        self._pool = pool
        self._last = self.ready = pool.submit(_load)

    def submit(self, job: Any) -> Future[Outcome]:
        try:
            self._last = self._pool.submit(_do, job)
        except BrokenExecutor as error:  # it died while it had nothing to do
            self._last = Future()
            self._last.set_exception(error)
        return self._last

    def close(self) -> None:
        loaded = self.ready.done() and self.ready.exception() is None
        if loaded and not self._last.done():
            # Nobody waits for what it does; the executor itself would wait for it.
            with suppress(ProcessLookupError):
                os.kill(int(self.ready.result().result.rpartition(":")[2]), signal.SIGKILL)
        self._pool.shutdown(wait=loaded, cancel_futures=True)


def _begin(make: Make) -> None:
    """In the new process, before anything else."""
    global _held
    _held = Held(make)
    # Ctrl-C goes to the whole group; whoever started this process ends it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _load() -> Outcome:
    return _held.load()


def _do(job: Any) -> Outcome:
    return _held.do(job)


class HereEngine:
    """One worker in this process: for a few jobs, for debuggers, and to measure what the other engines cost."""

    workers = 1
    lost: tuple[type[BaseException], ...] = ()

    def start(self, make: Make) -> "_Here":
        """See `Engine.start`."""
        return _Here(make)

    def close(self) -> None:
        """Nothing to give back."""


class _Here:
    """A worker, see `Worker`."""

    def __init__(self, make: Make) -> None:
        self._held = Held(make)
        self.ready = _done(self._held.load())

    def submit(self, job: Any) -> Future[Outcome]:
        return _done(self._held.do(job))

    def close(self) -> None:
        """It ends with its process."""


def _done(outcome: Outcome) -> Future[Outcome]:
    future: Future[Outcome] = Future()
    future.set_result(outcome)
    return future
