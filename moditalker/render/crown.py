"""The top of a head that the picture cuts off.

A warp that needs pixels from above a portrait gets its first row again and again, so hair that is cut off there stood
up like a chimney when the head went down. A head is round: it is closed with an arc over the part of the first row that
the person takes up.
"""

import numpy as np

_HEAD = 0.9
"""Half of a head's width with its hair, inter-ocular distances: no arc is narrower."""
_TALLEST = 1.0
"""Rows that are added at most, inter-ocular distances."""
_SOFT = 0.02
"""How soft the arc's edge is, inter-ocular distances."""
_HAIR = 0.15
"""The hair above is the mirrored picture of so much of what is seen of it, inter-ocular distances."""
_TAKEN = 128
"""Share of 255 from which a pixel of the first row is the person's."""


def crown(person: np.ndarray, unit: float) -> np.ndarray:
    """The person's share above the picture.

    Args:
        person: (H, W) uint8, the person's share of each pixel, of 255.
        unit: inter-ocular distance, pixels.
    Returns:
        (A, W) uint8, the lowest row last; none where the person does not reach the first row.
    """
    first = person[0]
    tall = np.zeros(len(first))
    edges = np.flatnonzero(np.diff(np.concatenate([[False], first >= _TAKEN, [False]]).astype(int)))
    for start, stop in edges.reshape(-1, 2):
        tall[start:stop] = _arc(start, stop, len(first), unit)
    soft = max(1.0, _SOFT * unit)
    rows = int(min(np.ceil(tall.max() + soft), _TALLEST * unit)) if tall.any() else 0
    height = np.arange(rows, 0, -1)[:, None] - 0.5
    return np.asarray((np.clip((tall - height) / soft + 0.5, 0, 1) * first).round(), np.uint8)


def hair(picture: np.ndarray, rows: int, unit: float) -> np.ndarray:
    """What hair above a picture looks like.

    Args:
        picture: (H, W, 3) uint8.
        rows: how many are wanted.
        unit: inter-ocular distance, pixels.
    Returns:
        (rows, W, 3) uint8, the lowest row last; the first rows of the picture mirrored, again and again.
    """
    seen = picture[: max(2, round(_HAIR * unit))]
    return np.pad(seen, ((rows, 0), (0, 0), (0, 0)), mode="reflect")[:rows]


def _arc(start: int, stop: int, width: int, unit: float) -> np.ndarray:
    """How high a head rises above each pixel from ``start`` to ``stop`` of the first row.

    Where it reaches the picture's side, too, its other half is taken to lie beyond.
    """
    span = stop - start
    low = start - span if start == 0 else start
    high = stop + span if stop == width else stop
    half, middle = (high - low) / 2, (low + high) / 2
    radius = max(half, _HEAD * unit)
    across = np.arange(start, stop) + 0.5 - middle
    return np.asarray(np.sqrt(np.maximum(radius**2 - across**2, 0)) - np.sqrt(radius**2 - half**2))
