"""The inside of a mouth where the warp cannot know it: darkness instead of stretched or squeezed teeth.

The warp knows the mouth of one picture. Opened much wider than there it shows its few teeth stretched over the whole
mouth, and closed it squeezes them into a bright line, and a decoder that starts from there keeps both. So a mouth that
opens wide starts dark, and one that closes starts with the line that closed lips have; what belongs there besides,
teeth and tongue, is drawn by the decoder.
"""

import cv2
import numpy as np

from moditalker.face.layout import INNER_LIPS, OUTER_LIPS, interocular_distance, mouth_opening

_WIDER, _MARGIN, _RISE = 1.4, 0.01, 0.04
"""A mouth is darkened from so many times the portrait's opening on, and wholly by ``_RISE`` (eye distances) more."""
_CLOSER, _FALL = 0.6, 0.03
"""It gets a line from so much of the portrait's opening down, and wholly by ``_FALL`` less."""
_DARKNESS, _LINE = 0.3, 0.65
"""Share of the lips' colour."""
_SOFT, _THICK = 0.012, 0.03
"""Of the eye distance: how soft the inside's border is, and how thick the line."""
_SHIFT = 4  # cv2 draws with 4 fractional bits


class MouthInterior:
    """Paints the inside of the mouth into warped frames.

    Args:
        portrait: (68, 3) pixels.
        landmarks: (T, 68, 3) pixels of the same picture.
    """

    def __init__(self, portrait: np.ndarray, landmarks: np.ndarray) -> None:
        own, opening = float(mouth_opening(portrait)), mouth_opening(landmarks)
        self.dark = np.clip((opening - _WIDER * own - _MARGIN) / _RISE, 0, 1)
        """(T,) 0 to 1, how dark the inside is."""
        self.line = np.clip((_CLOSER * own - _MARGIN - opening) / _FALL, 0, 1)
        """(T,) 0 to 1, how clear the line between closed lips is."""
        self._unit = float(interocular_distance(portrait))

    def paint(self, frame: np.ndarray, index: int, landmarks: np.ndarray, lips: np.ndarray, scale: float = 1.0) -> None:
        """Paint a frame, in place.

        Args:
            frame: (H, W, 3) uint8.
            index: which of the T frames it is.
            landmarks: (T, 68, 2 or 3) in the frames' pixels.
            lips: (3,) colour of the lips, see ``lip_colour``.
            scale: pixels of the frame to a pixel of the portrait.
        """
        dark, line = float(self.dark[index]), float(self.line[index])
        if max(dark, line) == 0:
            return
        unit, inner = self._unit * scale, landmarks[index, INNER_LIPS, :2]
        reach, size = 0.1 * unit + 2, frame.shape[1::-1]
        low = np.clip(np.floor(inner.min(0) - reach).astype(int), 0, size)
        high = np.clip(np.ceil(inner.max(0) + reach).astype(int) + 1, 0, size)
        if (high <= low).any():
            return
        part = frame[low[1] : high[1], low[0] : high[0]]
        corners = np.round((inner - low) * (1 << _SHIFT)).astype(np.int32)
        inside = np.zeros(part.shape[:2], np.float32)
        cv2.fillPoly(inside, [corners], 1.0, cv2.LINE_AA, _SHIFT)
        if line > 0:
            between = (corners[:5] + corners[[0, 7, 6, 5, 4]]) // 2
            cv2.polylines(inside, [between], False, 1.0, max(1, round(_THICK * unit)), cv2.LINE_AA, _SHIFT)
        soft = cv2.GaussianBlur(inside, (0, 0), max(0.5, _SOFT * unit))[..., None]
        share, colour = (dark, lips * _DARKNESS) if dark > 0 else (line, lips * _LINE)
        part[:] = (part + share * soft * (colour - part)).round().clip(0, 255).astype(np.uint8)


def lip_colour(picture: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Median colour of the lips.

    Args:
        picture: (H, W, 3) uint8.
        points: (68, 2) in its pixels.
    Returns:
        (3,) float32, 0 to 255; black when no pixel of the lips lies in the picture.
    """
    mask = np.zeros(picture.shape[:2], np.uint8)
    for part, value in ((OUTER_LIPS, 1), (INNER_LIPS, 0)):
        cv2.fillPoly(mask, [np.round(points[part]).astype(np.int32)], value)
    chosen = picture[mask > 0]
    return np.asarray(np.median(chosen, 0) if len(chosen) else np.zeros(3), np.float32)
