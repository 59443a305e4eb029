"""What of a face a portrait does not show: shut eyes, a covered mouth."""

import numpy as np

from moditalker.face.covering import coverings, is_covered
from moditalker.face.layout import OUTER_LIPS, eye_opening
from moditalker.utils.errors import InputError

SHUT_EYES = 0.045
"""Opening of the eyes below which they count as shut, inter-ocular distances. Of 350 frames of talking people 29 lay
below it, blinks and eyes that look down; of 25 portraits, paintings among them, none did, and the lowest was 0.054."""


def shown_of(picture: np.ndarray, landmarks: np.ndarray) -> list[str]:
    """Sentences about what will not be as it should in the video.

    Args:
        picture: (H, W, 3) uint8.
        landmarks: (68, 3) of its face, pixels.
    Raises:
        InputError: something covers the mouth or a part of it; lips would be cut into it.
    """
    warnings = []
    lips = landmarks[OUTER_LIPS, :2]
    # What the picture's edge cuts off is said elsewhere.
    inside = (lips >= 0).all() and (lips < picture.shape[1::-1]).all()
    if inside and is_covered(coverings(picture, landmarks)):
        raise InputError("Something covers the mouth or a part of it; use a picture that shows the whole mouth.")
    if float(eye_opening(landmarks[None])[0]) < SHUT_EYES:
        warnings.append(
            "The eyes are shut, or nearly so, and stay as they are in the whole video. Use a picture with open eyes."
        )
    return warnings
