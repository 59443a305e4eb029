"""Where a video goes from one shot to the next, by a cut or a dissolve, told while its frames pass.

A frame of a dissolve is a weighted mean of two pictures, and the weight grows from frame to frame. Fades from and to
one colour are dissolves too. Nothing else in a video of a person mixes two unlike pictures for a third of a second.
"""

from collections import deque

import cv2
import numpy as np

_THUMB = 24
"""Side of what is compared of each frame, pixels."""
_LEAST, _TIMES, _LARGE = 7.0, 4.0, 45.0
"""Mean change of a thumb, in grey levels, from which a frame may begin a shot; how many times the usual change of the
frames before it that must be; and from which it does whatever was usual."""
_REMEMBERED = 12
_JUST_BEFORE, _TIMES_JUST_BEFORE = 3, 3.0
"""It must also be so many times the largest change of the last few frames: a head that turns fast gathers speed."""
_SPANS = (8, 12, 16, 24, 36)
"""Frames over which a dissolve, or the first part of a longer one, is looked for."""
_UNLIKE = 14.0
"""Mean change of a thumb over such a span, in grey levels, that two shots make at least."""
_RESIDUAL = 0.12
"""What a mixture of first and last thumb leaves unexplained of that change, at most and in each frame between."""
_GOES_ON = 0.35
"""A dissolve ends where a frame changes by less than this share of its usual step."""


class CutFinder:
    """Compares each frame with the ones before."""

    def __init__(self) -> None:
        self._thumbs: deque[np.ndarray] = deque(maxlen=max(_SPANS) + 1)
        self._changes: deque[float] = deque(maxlen=_REMEMBERED)
        self._step = 0.0
        self.mixed = 0
        """How many frames, the last one included, belong to a dissolve; 0 outside of one."""

    def __call__(self, frame: np.ndarray) -> bool:
        """Whether a new shot begins with a frame, (H, W, 3) uint8; it does with the first one, and after a dissolve."""
        thumb = cv2.resize(frame, (_THUMB, _THUMB), interpolation=cv2.INTER_AREA).astype(np.float32)
        last = self._thumbs[-1] if self._thumbs else None
        self._thumbs.append(thumb)
        if last is None:
            return True
        change = float(np.abs(thumb - last).mean())
        if self.mixed and change < _GOES_ON * self._step:
            self._begin(thumb)
            return True
        if self.mixed and change < self._step / _GOES_ON:
            self.mixed += 1
            return False
        usual = max(1.0, float(np.median(self._changes))) if self._changes else 1.0
        before = max(list(self._changes)[-_JUST_BEFORE:], default=0.0)
        if change > _LARGE or change > max(_LEAST, _TIMES * usual, _TIMES_JUST_BEFORE * before):
            self._begin(thumb)
            return True
        self._changes.append(change)
        self.mixed = self._mixed()
        return False

    def _begin(self, thumb: np.ndarray) -> None:
        self._changes.clear()
        self._thumbs.clear()
        self._thumbs.append(thumb)
        self.mixed = 0

    def _mixed(self) -> int:
        """Over how many frames up to the last one two pictures are mixed; 0 where they are not."""
        for span in _SPANS:
            if span >= len(self._thumbs):
                break
            first, last = self._thumbs[-1 - span], self._thumbs[-1]
            whole = last - first
            size = float(np.abs(whole).mean())
            if size < _UNLIKE:
                continue
            between = np.stack([self._thumbs[index - span] for index in range(span)][:-1]) - first
            shares = (between * whole).sum((1, 2, 3)) / (whole * whole).sum()
            left = np.abs(between - shares[:, None, None, None] * whole).mean((1, 2, 3)).max()
            if left < _RESIDUAL * size and np.all(np.diff(shares) > -0.02) and np.diff(shares).max() < 3 / span:
                self._step = size / span
                return span
        return 0
