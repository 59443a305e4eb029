"""Whether a hand passes before a mouth, also one of the face's own colour: MediaPipe's hand landmarks.

F. Zhang et al., "MediaPipe Hands: On-device Real-time Hand Tracking", 2020. Its models travel inside the package.
"""

import contextlib
from typing import Any

import cv2
import numpy as np

from moditalker.face.layout import OUTER_LIPS
from moditalker.face.mediapipe_graphs import found_hands, hands

_EVERY = 3
"""Frames from one look to the next; a look costs about as much as the face's own landmarks."""
_WINDOW, _WINDOW_PIXELS = 2.4, 320
"""Side of what is looked at around the mouth, in heights of the face, and in pixels."""
_MOUTH = np.array([*range(5, 12), *OUTER_LIPS])
_FINGER = 0.1
"""Half a finger, in parts of the hand's size: landmarks run along the middle of the bones."""
_SHARE = 0.05
"""Of mouth and chin, from which they count as covered."""


class HandWatch:
    """Looks for hands before one mouth, frame after frame. A context manager."""

    def __init__(self) -> None:
        self._stack = contextlib.ExitStack()
        self._graph: Any = None
        self._calls, self._covered = 0, False

    def __enter__(self) -> "HandWatch":
        self._graph = self._stack.enter_context(hands(static_image_mode=True, max_num_hands=2, model_complexity=0))
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def __call__(self, frame: np.ndarray, landmarks: np.ndarray) -> bool:
        """Whether a hand covers a part of mouth or chin; between two looks what the last one saw.

        Args:
            frame: (H, W, 3) uint8.
            landmarks: (68, 3) pixels.
        """
        if self._calls % _EVERY == 0:
            self._covered = self._look(frame, landmarks[:, :2])
        self._calls += 1
        return self._covered

    def _look(self, frame: np.ndarray, points: np.ndarray) -> bool:
        half = _WINDOW / 2 * float(np.ptp(points[:, 1]))
        centre = points[OUTER_LIPS].mean(0)
        size = np.array(frame.shape[1::-1])
        x0, y0 = np.clip(centre - half, 0, size).astype(int).tolist()
        x1, y1 = np.clip(centre + half, 0, size).astype(int).tolist()
        if min(x1 - x0, y1 - y0) < 16:
            return False
        part = frame[y0:y1, x0:x1]
        scale = min(1.0, _WINDOW_PIXELS / max(part.shape[:2]))
        small = cv2.resize(part, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else part
        mouth = np.zeros(small.shape[:2], np.uint8)
        cv2.fillConvexPoly(mouth, cv2.convexHull(np.round((points[_MOUTH] - [x0, y0]) * scale).astype(np.int32)), 1)
        for hand in found_hands(self._graph, small):
            thick = max(1, round(2 * _FINGER * float(np.ptp(hand[:, :2], axis=0).max())))
            shape = np.zeros_like(mouth)
            hull = cv2.convexHull(np.round(hand[:, :2]).astype(np.int32))
            cv2.fillConvexPoly(shape, hull, 1)
            cv2.polylines(shape, [hull], True, 1, thick)
            if (shape & mouth).sum() > _SHARE * mouth.sum():
                return True
        return False
