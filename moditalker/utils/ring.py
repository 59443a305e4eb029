"""The last values of a sequence that never ends, by their place in it."""

import numpy as np


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
