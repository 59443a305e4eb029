"""The line in which requests wait for the machine: one for all tabs and endpoints, and each knows its place."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from moditalker.utils.errors import InputError


@dataclass(frozen=True)
class Waiting:
    """A request waits; so many others have to end before it starts."""

    before: int


class Line:
    """First come, first served.

    Args:
        running: requests that are worked on at a time.
        waiting: requests that may wait; the next one is refused.
    """

    def __init__(self, running: int, waiting: int) -> None:
        self._running, self._waiting = running, waiting
        self._places: list[object] = []
        self._changed = threading.Condition()

    @contextmanager
    def place(self) -> Iterator["Place"]:
        """A place at the end of the line, given up when the block is left.

        Raises:
            InputError: as many as may wait do already.
        """
        mine = object()
        with self._changed:
            if len(self._places) >= self._running + self._waiting:
                raise InputError(
                    f"This server is busy: {self._waiting} requests wait already. Try again in a few minutes."
                )
            self._places.append(mine)
        try:
            yield Place(self, mine)
        finally:
            with self._changed:
                self._places.remove(mine)
                self._changed.notify_all()

    def lengths(self) -> tuple[int, int]:
        """How many are worked on, and how many wait."""
        with self._changed:
            running = min(self._running, len(self._places))
            return running, len(self._places) - running

    def before(self, place: object, patience: float) -> int:
        """How many have to end before a place's turn, asked again for ``patience`` seconds while there are any."""
        with self._changed:
            self._changed.wait_for(lambda: self._before(place) == 0, timeout=patience)
            return self._before(place)

    def _before(self, place: object) -> int:
        return max(0, self._places.index(place) - self._running + 1)


@dataclass(frozen=True)
class Place:
    """Somebody's place in a line."""

    line: Line
    mine: object

    def wait(self, beat: float) -> Iterator[Waiting]:
        """Until it is this place's turn: how many come before, at least every ``beat`` seconds.

        Whoever does not ask for the next one any more has left; the place is given up with its block.
        """
        patience = 0.0
        while before := self.line.before(self.mine, patience):
            yield Waiting(before)
            patience = beat
