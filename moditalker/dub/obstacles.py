"""Whether something passes before a part of a mouth: a hand, a cup, a sheet of paper.

`face.covering` sees in one picture what covers a mouth from top to bottom. A video tells more: skin around the lips
that suddenly has another colour than in the rest of the shot.
"""

import cv2
import numpy as np

from moditalker.face.layout import interocular_distance

_PLACES = ((57, 8, 0.3), (57, 8, 0.7), (59, 6, 0.5), (55, 10, 0.5), (51, 33, 0.5), (48, 4, 0.2), (54, 12, 0.2))
"""From one landmark so far to another: below the lips, above them, and beside their corners."""
_BRIDGE = (28, 29)
_HALF = 0.03
"""Half the side of what is averaged at a place, inter-ocular distances."""
_UNLIKE = 18.0
"""Distance in CIELAB from the shot's median, in two places, from which a frame counts as covered. In 100 frames each of
five clips of faces that nothing covers the second largest stays below 12."""


def skin_colours(frame: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """Colours around the lips against that of the nose, (7, 3) CIELAB.

    Args:
        frame: (H, W, 3) uint8.
        landmarks: (68, 3) pixels.
    """
    points = landmarks[:, :2]
    half = max(1, round(_HALF * float(interocular_distance(points))))
    ends = np.array([(first, second) for first, second, _ in _PLACES])
    shares = np.array([share for *_, share in _PLACES])[:, None]
    places = points[ends[:, 0]] + shares * (points[ends[:, 1]] - points[ends[:, 0]])
    colours = [_colour(frame, place, half) for place in (*places, points[list(_BRIDGE)].mean(0))]
    lab = cv2.cvtColor(np.array([colours], np.float32) / 255, cv2.COLOR_RGB2LAB)[0]
    return np.asarray(lab[:-1] - lab[-1])


def obstructed(colours: np.ndarray) -> np.ndarray:
    """Which frames of a shot show something before the mouth: (T, 7, 3) -> (T,) bool."""
    apart = np.linalg.norm(colours - np.median(colours, 0), axis=-1)
    return np.asarray((apart > _UNLIKE).sum(-1) > 1)


def _colour(frame: np.ndarray, place: np.ndarray, half: int) -> np.ndarray:
    """Mean of a square in the frame, (3,)."""
    x, y = np.clip(np.round(place).astype(int), 0, np.array(frame.shape[1::-1]) - 1)
    part = frame[max(0, y - half) : y + half + 1, max(0, x - half) : x + half + 1]
    return np.asarray(part.reshape(-1, 3).mean(0))
