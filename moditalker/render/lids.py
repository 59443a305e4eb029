"""Lids that close, as a sliding of skin over the eye.

A spline cannot close an eye: points that come from different places and meet make it swirl, and a softer one leaves the
eye open. So the spline is fitted with the lids where the portrait has them, and they are moved apart from it: across
the eye, from the brow to the cheek, a piecewise linear map brings each lid to its place. Where two lids meet, nothing
is left between them.
"""

import numpy as np

from moditalker.face.layout import LEFT_EYE, RIGHT_EYE

_ABOVE, _BELOW = 0.75, 0.45
"""How far skin slides: a share of the way up to the brow, and a share of the eye's width downwards."""
_EYES = ((RIGHT_EYE, 19), (LEFT_EYE, 24))
"""Points of an eye, and the brow's middle over it."""


class LidMotion:
    """Where the lids of T frames are, and where they would be if they stood as the portrait's.

    Args:
        portrait: (68, 2) pixels.
        landmarks: (T, 68, 2) pixels.
    """

    def __init__(self, portrait: np.ndarray, landmarks: np.ndarray) -> None:
        self._eyes = [_Eye(portrait, landmarks, points, brow) for points, brow in _EYES]
        self.resting = landmarks.astype(np.float64).copy()
        """(T, 68, 2) the landmarks with the portrait's lids: what the spline is fitted to."""
        for eye in self._eyes:
            self.resting[:, eye.points] = eye.resting

    def boxes(self, frame: int) -> list[tuple[np.ndarray, np.ndarray]]:
        """Of each eye of a frame: the lowest and the highest x and y that anything moves at, pixels."""
        return [eye.box(frame) for eye in self._eyes]

    def __call__(self, frame: int, points: np.ndarray) -> np.ndarray:
        """Where in the frame with resting lids each point of a frame comes from; (P, 2) -> (P, 2) pixels."""
        moved = np.asarray(points, np.float64)
        for eye in self._eyes:
            moved = eye(frame, moved)
        return moved


class _Eye:
    """One eye in coordinates of its own: along the line between its corners (0 to 1), and across it (pixels, down)."""

    def __init__(self, portrait: np.ndarray, landmarks: np.ndarray, points: np.ndarray, brow: int) -> None:
        self.points = points
        own, seen = portrait[points].astype(np.float64), landmarks[:, points].astype(np.float64)
        self._origin, line = seen[:, 0], seen[:, 3] - seen[:, 0]
        self._width = np.linalg.norm(line, axis=-1)
        self._along = line / self._width[:, None]
        self._across = np.stack([-self._along[:, 1], self._along[:, 0]], -1)
        self._now = self._local(seen)
        own_line = own[3] - own[0]
        own_width = float(np.linalg.norm(own_line))
        along = own_line / own_width
        shape = np.stack([(own - own[0]) @ along, (own - own[0]) @ np.array([-along[1], along[0]])], -1) / own_width
        # The portrait's own lids, turned and scaled with the corners.
        self._rest = np.stack(
            [np.broadcast_to(shape[:, 0], self._now.shape[:2]), shape[:, 1] * self._width[:, None]], -1
        )
        self.resting = (
            self._origin[:, None]
            + self._rest[..., :1] * self._width[:, None, None] * self._along[:, None]
            + self._rest[..., 1:] * self._across[:, None]
        )
        brows = self._local(landmarks[:, [brow]].astype(np.float64))[:, 0, 1]
        top = np.minimum(self._now[..., 1], self._rest[..., 1]).min(1)
        low = np.maximum(self._now[..., 1], self._rest[..., 1]).max(1)
        self._top = np.minimum(_ABOVE * brows, top - 0.05 * self._width)
        self._bottom = np.maximum(_BELOW * self._width, low + 0.05 * self._width)

    def _local(self, points: np.ndarray) -> np.ndarray:
        """(T, n, 2) pixels -> (T, n, 2) along (shares of the eye's width) and across (pixels)."""
        apart = points - self._origin[:, None]
        along = (apart * self._along[:, None]).sum(-1) / self._width[:, None]
        return np.stack([along, (apart * self._across[:, None]).sum(-1)], -1)

    def box(self, frame: int) -> tuple[np.ndarray, np.ndarray]:
        ends = self._origin[frame] + np.array([[0.0], [1.0]]) * self._width[frame] * self._along[frame]
        corners = np.concatenate([ends + depth[frame] * self._across[frame] for depth in (self._top, self._bottom)])
        return corners.min(0), corners.max(0)

    def __call__(self, frame: int, points: np.ndarray) -> np.ndarray:
        apart = points - self._origin[frame]
        along = apart @ self._along[frame] / self._width[frame]
        across = apart @ self._across[frame]
        top, bottom = self._top[frame], self._bottom[frame]
        inside = (along > 0) & (along < 1) & (across > top) & (across < bottom)
        if not inside.any():
            return points
        here, depth = along[inside], across[inside]
        upper, lower = self._lids(self._now[frame], here)
        rest_upper, rest_lower = self._lids(self._rest[frame], here)
        lower = np.maximum(lower, upper + 1e-3)
        wanted = np.select(
            [depth < upper, depth < lower],
            [
                top + (depth - top) * (rest_upper - top) / (upper - top),
                rest_upper + (depth - upper) * (rest_lower - rest_upper) / (lower - upper),
            ],
            bottom + (depth - bottom) * (rest_lower - bottom) / (lower - bottom),
        )
        moved = points.copy()
        moved[inside] += (wanted - depth)[:, None] * self._across[frame]
        return moved

    @staticmethod
    def _lids(eye: np.ndarray, along: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Height of the upper and of the lower lid, both nothing at the corners; (6, 2) local points and (P,)."""

        def curve(first: int, second: int) -> np.ndarray:
            x = np.clip(np.sort(eye[[first, second], 0]), [0.05, 0.1], [0.9, 0.95])
            return np.interp(along, [0, *x, 1], [0, eye[first, 1], eye[second, 1], 0])

        upper, lower = curve(1, 2), curve(5, 4)
        # Lids that have passed through each other meet half way.
        middle = (upper + lower) / 2
        crossed = upper > lower
        return np.where(crossed, middle, upper), np.where(crossed, middle, lower)
