"""Upper teeth for a portrait that shows none.

A mouth that was photographed shut says nothing about its teeth, and a decoder that has to guess paints the mean of all
of them: grey mush. What can be known is where they are. The upper row hangs from the skull and does not move with the
jaw, so it shows by as much as the upper lip is lifted from where it covered it, and a lip that stays down hides it
however wide the mouth opens. So a row of plain teeth is painted there, for the decoder to work on.

All lengths are in eye distances. Teeth are as wide as anatomy has them (R. C. Scheid, G. Weiss, "Woelfel's Dental
Anatomy", 2012: crowns of 8.6, 6.6 and 7.6 mm, eyes taken as 90 mm apart), a little less where the arch turns away.
"""

import cv2
import numpy as np

from moditalker.face.layout import UPPER_INNER_LIP
from moditalker.render.light import light_on

_COVERED, _TALL = 0.01, 0.09
"""By how much a lip is lifted before teeth show, and how far down they reach at most."""
_SHUT, _PARTED = 0.02, 0.03
"""Lips that are nearer than the first hide them, and by ``_PARTED`` more no longer."""
_BETWEEN = (0.0, 0.095, 0.165, 0.24)
"""Where two teeth meet, from the middle outwards."""
_GAP, _GAP_WIDTH = 0.25, 0.008
"""How much darker it is there, and how wide."""
_CORNER, _HALF_ARCH = 0.5, 0.2
"""How much darker it is so far from the middle."""
_SHADE, _SHADE_DEPTH = 0.3, 0.015
"""How much darker it is under the lip, and how deep."""
_TINT, _DARKEST = 0.6, 0.1
"""Share of the skin's colour in a tooth that is as bright as skin, and how bright its darkest part is."""
_SOFT, _FIRST = 0.015, 0.01
"""How soft its edge is, and the height by which a row comes in."""
_CHEEKS = ([31, 48, 3, 2], [35, 54, 13, 14])


class UpperTeeth:
    """The row of a person.

    Args:
        skin: (3,) float32, see ``cheek_colour``.
        unit: eye distance, pixels of the portrait.
    """

    def __init__(self, skin: np.ndarray, unit: float) -> None:
        light = light_on(skin)
        skin = skin / light
        grey = float(cv2.cvtColor(skin[None, None], cv2.COLOR_RGB2GRAY).item())
        self._colour = light * (_TINT * skin + (1 - _TINT) * grey)
        self._unit = unit

    def row(self, across: np.ndarray, below: np.ndarray, opening: float, lift: float) -> tuple[np.ndarray, np.ndarray]:
        """What is seen of it.

        Args:
            across, below: (h, w) how far each pixel lies from the mouth's middle and below the upper lip, pixels of the
                portrait.
            opening: how far the lips are apart at most, pixels of the portrait.
            lift: see ``lip_lift``.
        Returns:
            (h, w, 3) float32 colours, 0 to 255, and (h, w) how much of them is seen, 0 to 1.
        """
        x, y = np.abs(across) / self._unit, below / self._unit
        light = 1 - _CORNER * (x / _HALF_ARCH) ** 2
        light = light * (1 - _SHADE * np.exp(-y / _SHADE_DEPTH))
        for edge in _BETWEEN:
            light = light * (1 - _GAP * np.exp(-(((x - edge) / _GAP_WIDTH) ** 2)))
        colours = self._colour * np.clip(light, _DARKEST, 1)[..., None]
        height = float(np.clip(lift - _COVERED, 0, _TALL))
        parted = np.clip((opening / self._unit - _SHUT) / _PARTED, 0, 1)
        seen = np.clip((height - y) / _SOFT + 0.5, 0, 1) * min(height / _FIRST, 1) * parted
        return np.asarray(colours, np.float32), np.asarray(seen, np.float32)


def lip_lift(residual: np.ndarray) -> np.ndarray:
    """How much higher on the skull than in the portrait the upper lip's edge is.

    Args:
        residual: (T, 68, 3) as ``FaceFrame.analyse`` gives it.
    Returns:
        (T,) inter-ocular distances.
    """
    return np.asarray(-residual[:, UPPER_INNER_LIP, 1].mean(1), np.float64)


def cheek_colour(picture: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Median colour of the cheeks.

    Args:
        picture: (H, W, 3) uint8.
        points: (68, 2) in its pixels.
    Returns:
        (3,) float32, 0 to 255; a middle grey when no pixel of them lies in the picture.
    """
    mask = np.zeros(picture.shape[:2], np.uint8)
    for cheek in _CHEEKS:
        cv2.fillPoly(mask, [np.round(points[cheek]).astype(np.int32)], 1)
    return median_colour(picture, mask, otherwise=128)


def median_colour(picture: np.ndarray, mask: np.ndarray, otherwise: int) -> np.ndarray:
    """Median colour of what a mask chooses.

    Args:
        picture: (H, W, 3) uint8.
        mask: (H, W), above zero where a pixel counts.
        otherwise: grey value that is given where none does.
    Returns:
        (3,) float32, 0 to 255.
    """
    chosen = picture[mask > 0]
    return np.asarray(np.median(chosen, 0) if len(chosen) else np.full(3, otherwise), np.float32)
