"""Sequences that never end: pieces of one length, and the last values by their place."""

from collections.abc import Iterable, Iterator

import numpy as np


def evenly(pieces: Iterable[np.ndarray], size: int) -> Iterator[np.ndarray]:
    """The same values in pieces of ``size``, float32, each as soon as it is whole; the last one may be shorter."""
    waiting = np.zeros(0, np.float32)
    for piece in pieces:
        waiting = np.concatenate([waiting, np.asarray(piece, np.float32)])
        whole = len(waiting) // size * size
        for start in range(0, whole, size):
            yield waiting[start : start + size]
        waiting = waiting[whole:]
    if len(waiting):
        yield waiting


class Recent:
    """Keeps at least the last ``size`` values; what was before is forgotten.

    Args:
        size: how many are kept.
        shape: of one value.
    """

    def __init__(self, size: int, shape: tuple[int, ...]) -> None:
        self._size = size
        self.values = np.zeros((0, *shape), np.float32)
        """What is kept, (n, ...) float32."""
        self.end = 0
        """How many values there were in all."""

    @property
    def start(self) -> int:
        """Place of the first value that is kept."""
        return self.end - len(self.values)

    def append(self, values: np.ndarray) -> None:
        """Add (n, ...) at the end."""
        self.values = np.concatenate([self.values, values.astype(np.float32)])
        self.end += len(values)
        # Not after every value: most of them would be copied each time.
        if len(self.values) > 2 * self._size:
            self.values = self.values[-self._size :].copy()

    def between(self, first: int, stop: int) -> np.ndarray:
        """The values of these places.

        Raises:
            ValueError: they are not kept, or not there yet.
        """
        if not self.start <= first <= stop <= self.end:
            raise ValueError(f"from {self.start} to {self.end} are kept, not from {first} to {stop}")
        return self.values[first - self.start : stop - self.start].copy()
