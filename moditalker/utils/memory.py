"""How much memory this process holds while it works."""

import time

import numpy as np
import psutil  # accelerate brings it


class MemoryCurve:
    """Resident memory, looked at at most once in ``seconds``."""

    def __init__(self, seconds: float = 0.5) -> None:
        self._seconds, self._last = seconds, -np.inf
        self._process = psutil.Process()
        self.megabytes: list[float] = []

    def note(self) -> None:
        """Look now, unless that was done a moment ago."""
        if (now := time.monotonic()) - self._last < self._seconds:
            return
        self._last = now
        self.megabytes.append(self._process.memory_info().rss / 1e6)

    def summary(self) -> dict[str, int]:
        """Megabytes after the first tenth, in the middle, at the end, and the most; nothing where nobody looked."""
        if not self.megabytes:
            return {}
        count = len(self.megabytes)
        return {
            "tenth": round(self.megabytes[count // 10]),
            "middle": round(self.megabytes[count // 2]),
            "end": round(self.megabytes[-1]),
            "most": round(max(self.megabytes)),
        }


def in_words(summary: dict[str, int]) -> str:
    """What ``MemoryCurve.summary`` gave, as half a sentence."""
    if not summary:
        return "memory was not looked at"
    places = f"{summary['tenth']} MB after a tenth, {summary['middle']} in the middle, {summary['end']} at the end"
    return f"memory {places}, {summary['most']} at most"
