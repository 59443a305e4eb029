"""Coloured and dark light on a face.

The networks learnt from faces in ordinary light. In a face that is lit blue, red or hardly at all they draw what they
know: grey teeth that glow. So such a face is shown to them as it would be in ordinary light, and what they add is put
back into its own. The change is one factor a channel (J. von Kries, 1902), found from the cheeks.
"""

import cv2
import numpy as np

_GREEN, _BLUE = (0.47, 1.02), (0.22, 1.02)
"""Green and blue of cheeks in ordinary light, as shares of their red. 119 portraits and clips have 0.49 to 1 and 0.25
to 1. A picture without colours has 1."""
_SKIN = np.array([1, 0.7, 0.6], np.float32)
"""The middle ones of these: cheeks outside those ranges are taken for these in another light."""
_DIM = 80.0
"""Cheeks that are darker are shown as bright as this: 4 of the 119 are, and the darkest has 37."""
_FLOOR = 2.0
"""A channel that is darker than this holds noise."""


def light_on(cheeks: np.ndarray) -> np.ndarray:
    """The light on a face, compared with ordinary light.

    Args:
        cheeks: (3,) their colour, 0 to 255, see ``teeth.cheek_colour``.
    Returns:
        (3,) float32, above zero: how much of each channel there is; ones for a face in ordinary light.
    """
    seen = np.maximum(np.asarray(cheeks, np.float32), _FLOOR)
    _, green, blue = seen / seen[0]
    ordinary = _GREEN[0] <= green <= _GREEN[1] and _BLUE[0] <= blue <= _BLUE[1]
    skin = seen if ordinary else _SKIN * (_brightness(seen) / _brightness(_SKIN))
    dim = min(_brightness(seen) / _DIM, 1.0)
    return np.asarray(dim * seen / skin, np.float32)


def _brightness(colour: np.ndarray) -> float:
    return float(cv2.cvtColor(colour[None, None], cv2.COLOR_RGB2GRAY).item())
