"""A picture without colours stays without.

Old photographs and drawings have one tone, from black over grey or brown to white. A network that learnt from coloured
footage paints red lips and a pink tongue into them. Such a picture is known by its face, whose colours lie on a line,
and what is added to it is kept on that line.
"""

import cv2
import numpy as np

_COLOURLESS = 3.0
"""Colours that stray from the line by less (root of their mean square, grey levels) are noise and compression. 25
portraits: the three in black and white 0, all others 5 and more; made brown and saved as JPEG (quality 80), all below
2.5."""
_CELLS = 24
"""The face is looked at on a grid of so many cells a side: JPEG blurs colours and sprinkles wrong ones."""


def tone_of(picture: np.ndarray, points: np.ndarray) -> np.ndarray | None:
    """The direction in which the colours of a face without colour differ.

    Args:
        picture: (H, W, 3) uint8.
        points: (68, 2 or 3) landmarks in its pixels.
    Returns:
        (3,) float32 of length 1, or None: the face has colours.
    """
    low, high = points[:, :2].min(0), np.ceil(points[:, :2].max(0)) + 1
    (x0, y0), (x1, y1) = (np.clip(corner, 0, picture.shape[1::-1]).astype(int) for corner in (low, high))
    if min(x1 - x0, y1 - y0) < 1:
        return None
    face = picture[y0:y1, x0:x1].astype(np.float32)
    cells = cv2.resize(face, (_CELLS, _CELLS), interpolation=cv2.INTER_AREA)
    spread, directions = np.linalg.eigh(np.cov(cells.reshape(-1, 3).T))
    if np.sqrt(max(spread[0] + spread[1], 0)) > _COLOURLESS:
        return None
    return np.asarray(directions[:, 2], np.float32)


def in_tone(change: np.ndarray, tone: np.ndarray) -> np.ndarray:
    """What of a change of colours lies on a line.

    Args:
        change: (n, 3, h, w), to be added to a picture.
        tone: (3,) of length 1.
    Returns:
        As ``change``.
    """
    return np.asarray(tone[:, None, None] * np.tensordot(change, tone, (1, 0))[:, None], change.dtype)
