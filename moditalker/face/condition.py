"""What of a face a portrait does not show as it should be: shut eyes."""

import numpy as np

from moditalker.face.layout import eye_opening

SHUT_EYES = 0.045
"""Opening of the eyes below which they count as shut, inter-ocular distances. Of 350 frames of talking people 26 lay
below it, all blinks; of 25 portraits, paintings among them, none did, and the lowest was 0.054."""


def shown_of(picture: np.ndarray, landmarks: np.ndarray) -> list[str]:
    """Sentences about what will stay as it is in the video, although it should not.

    Args:
        picture: (H, W, 3) uint8.
        landmarks: (68, 3) of its face, pixels.
    """
    warnings = []
    if float(eye_opening(landmarks[None])[0]) < SHUT_EYES:
        warnings.append(
            "The eyes are shut, or nearly so, and stay as they are in the whole video. Use a picture with open eyes."
        )
    return warnings
