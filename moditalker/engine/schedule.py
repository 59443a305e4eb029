"""Hands jobs out to workers: one way for every engine.

A worker has one job at a time, so what is held at once does not grow with the number of jobs. A worker that is lost is
replaced, and its job goes to another one.
"""

import logging
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from typing import Any, TypeVar

from moditalker.engine.protocol import Engine, Make, Outcome, Worker
from moditalker.utils.errors import InputError

logger = logging.getLogger(__name__)

TRIES = 3
"""A job that took so many workers with it is given up."""
_PATIENCE_SECONDS = 60.0

Job = TypeVar("Job")


def run_jobs(
    engine: Engine, make: Make, jobs: Sequence[Job], portion: Callable[[Job], Hashable] | None = None
) -> Iterator[tuple[Job, Outcome]]:
    """Do every job once.

    Args:
        engine: where the workers are; it stays open.
        make: run once in every worker.
        jobs: small things that can be pickled: names of files, not what is in them.
        portion: jobs with the same value go to the same worker as far as nobody would wait for it.
    Yields:
        Each job with what came of it, in the order in which they end.
    Raises:
        InputError: a worker cannot be set up; the sentence is what its `make` raised, or that they are lost again and
            again.
    """
    run = _Run(engine, make, jobs, portion)
    try:
        yield from run()
    finally:
        run.close()


class _Run:
    def __init__(
        self, engine: Engine, make: Make, jobs: Sequence[Job], portion: Callable[[Job], Hashable] | None
    ) -> None:
        self._engine, self._make, self._jobs = engine, make, jobs
        self._queue = _Portions([0 if portion is None else portion(job) for job in jobs])
        self._losses: Counter[int | None] = Counter()
        self._at: dict[Future[Outcome], tuple[Worker, int | None]] = {}
        self._idle: list[Worker] = []

    def __call__(self) -> Iterator[tuple[Any, Outcome]]:
        for _ in range(min(self._engine.workers, len(self._jobs))):
            self._start()
        left = len(self._jobs)
        while left:
            ended, _ = wait(self._at, timeout=_PATIENCE_SECONDS, return_when=FIRST_COMPLETED)
            if not ended and all(number is None for _, number in self._at.values()):
                logger.warning("No worker has started for a minute: has the cluster room for one?")
            for future in ended:
                worker, number = self._at.pop(future)
                outcome = self._outcome(future, worker, number)
                if number is not None and outcome is not None:
                    left -= 1
                    yield self._jobs[number], outcome

    def close(self) -> None:
        for worker in [*self._idle, *(worker for worker, _ in self._at.values())]:
            worker.close()

    def _start(self) -> None:
        worker = self._engine.start(self._make)
        self._at[worker.ready] = worker, None

    def _outcome(self, future: Future[Outcome], worker: Worker, number: int | None) -> Outcome | None:
        """What came of a future; None when its job has gone back into the queue."""
        try:
            outcome = future.result()
        except self._engine.lost as error:
            logger.warning("A worker was lost (%s: %s).", type(error).__name__, str(error).partition("\n")[0])
            return self._lose(worker, number)
        if number is None:
            # Workers that were lost at their start have nothing to do with this one.
            self._losses[None] = 0
            if outcome.failed:
                self._idle.append(worker)
                raise InputError(outcome.failed)
        self._idle.append(worker)
        self._hand_out()
        return outcome

    def _lose(self, worker: Worker, number: int | None) -> Outcome | None:
        worker.close()
        self._queue.forget(worker)
        self._losses[number] += 1
        given_up = self._losses[number] >= TRIES
        if number is None and given_up:
            raise InputError("Workers are lost as soon as they start: look into their logs, memory is often too small.")
        self._start()
        if number is not None and given_up:
            return Outcome(failed=f"{TRIES} workers were lost while they made it; is memory too small?")
        if number is not None:
            self._queue.put_back(number)
            self._hand_out()
        return None

    def _hand_out(self) -> None:
        while self._idle and (number := self._queue.take(self._idle[-1])) is not None:
            worker = self._idle.pop()
            self._at[worker.submit(self._jobs[number])] = worker, number


class _Portions:
    """The numbers of jobs that wait, by portion. A worker keeps to its own; without one, it helps with the longest.

    Args:
        keys: of each job.
    """

    def __init__(self, keys: Sequence[Hashable]) -> None:
        self._keys = keys
        self._waiting: dict[Hashable, list[int]] = {}
        for number, key in reversed(list(enumerate(keys))):
            self._waiting.setdefault(key, []).append(number)
        self._waiting = dict(reversed(self._waiting.items()))
        self._fresh = list(reversed(self._waiting))
        self._of: dict[int, Hashable] = {}

    def take(self, worker: Worker) -> int | None:
        """The number of this worker's next job; None when none waits."""
        key = self._of.get(id(worker))
        if key not in self._waiting:
            while self._fresh and self._fresh[-1] not in self._waiting:
                self._fresh.pop()
            if self._fresh:
                key = self._fresh.pop()
            else:
                key = max(self._waiting, key=lambda one: len(self._waiting[one]), default=None)
        if key not in self._waiting:
            return None
        self._of[id(worker)] = key
        number = self._waiting[key].pop()
        if not self._waiting[key]:
            del self._waiting[key]
        return number

    def put_back(self, number: int) -> None:
        """A job that waits again."""
        self._waiting.setdefault(self._keys[number], []).append(number)

    def forget(self, worker: Worker) -> None:
        """A worker that is gone."""
        self._of.pop(id(worker), None)
