"""What a worker and an engine are, and what runs inside a worker wherever it is."""

import logging
import os
import socket
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Protocol

from moditalker.utils.errors import InputError

logger = logging.getLogger(__name__)

Work = Callable[[Any], Any]
"""Does one job. It keeps what it has loaded: networks, encoded portraits."""
Make = Callable[[], Work]
"""Loads once in each worker what its jobs need. It is pickled: a class of a module, or a `partial` of one."""


@dataclass(frozen=True)
class Outcome:
    """What came of a job.

    Attributes:
        result: what the work returned; None when it failed.
        failed: a sentence when there is no result.
    """

    result: Any = None
    failed: str = ""


class Worker(Protocol):
    """One worker: it does one job at a time.

    Attributes:
        ready: done when its work is loaded, with an `Outcome`.
    """

    ready: Future[Outcome]

    def submit(self, job: Any) -> Future[Outcome]:
        """Have a job done; an exception of the future means that the worker is lost."""
        ...

    def close(self) -> None:
        """End it, whatever it does."""
        ...


class Engine(Protocol):
    """Where workers live.

    Attributes:
        workers: how many there should be.
        lost: exceptions of a worker's futures that say that it is gone.
    """

    workers: int
    lost: tuple[type[BaseException], ...]

    def start(self, make: Make) -> Worker:
        """A new worker; returns at once."""
        ...

    def close(self) -> None:
        """Give everything back."""
        ...


class Held:
    """What runs inside a worker. Nothing that its work raises leaves it: it becomes a sentence.

    Args:
        make: see `Make`.
    """

    def __init__(self, make: Make) -> None:
        self._make = make
        self._work: Work | None = None

    def load(self) -> Outcome:
        """Make the work; the result is where this worker is."""
        try:
            self._work = self._make()
        except InputError as error:
            return Outcome(failed=str(error))
        except Exception as error:
            logger.exception("A worker could not be set up")
            return Outcome(failed=f"A worker could not be set up ({type(error).__name__}: {error}).")
        return Outcome(f"{socket.gethostname()}:{os.getpid()}")

    def do(self, job: Any) -> Outcome:
        """One job."""
        assert self._work is not None
        try:
            return Outcome(self._work(job))
        except InputError as error:
            return Outcome(failed=str(error))
        # Whatever a library raises on one file of a hundred thousand costs that file only.
        except Exception as error:
            logger.exception("A job failed: %s", job)
            return Outcome(failed=f"It failed here ({type(error).__name__}: {error}); the worker's log has more.")
