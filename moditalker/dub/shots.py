"""Where a video cuts from one shot to the next, told while its frames pass."""

from collections import deque

import cv2
import numpy as np

_THUMB = 24
"""Side of what is compared of each frame, pixels."""
_LEAST, _TIMES, _LARGE = 7.0, 4.0, 45.0
"""Mean change of a thumb, in grey levels, from which a frame may begin a shot; how many times the usual change of the
frames before it that must be; and from which it does whatever was usual."""
_REMEMBERED = 12


class CutFinder:
    """Compares each frame with the one before, and their change with what was usual in the frames before."""

    def __init__(self) -> None:
        self._last: np.ndarray | None = None
        self._changes: deque[float] = deque(maxlen=_REMEMBERED)

    def __call__(self, frame: np.ndarray) -> bool:
        """Whether a new shot begins with a frame, (H, W, 3) uint8; it does with the first one."""
        thumb = cv2.resize(frame, (_THUMB, _THUMB), interpolation=cv2.INTER_AREA).astype(np.float32)
        last, self._last = self._last, thumb
        if last is None:
            return True
        change = float(np.abs(thumb - last).mean())
        usual = max(1.0, float(np.median(self._changes))) if self._changes else 1.0
        cut = change > _LARGE or change > max(_LEAST, _TIMES * usual)
        if cut:
            self._changes.clear()
        else:
            self._changes.append(change)
        return cut
