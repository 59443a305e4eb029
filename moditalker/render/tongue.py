"""A tongue for a mouth that opens much wider than in the portrait.

What a portrait does not show of the inside of its mouth has to be guessed, and a decoder that guesses paints the mean
of teeth, tongue and dark: a pale wedge, or fog. In a mouth that opens wide it is known well enough without it. Under
the upper teeth it is dark, and from half way down a tongue lies before the lower teeth, nearly as bright as the face:
in 564 mouths of 40 people of the training clips (0.2 to 0.3 open) the middle is 0.6 as bright as the cheeks a third of
the way down, 0.9 half way and 1.2 at the bottom, and beside it, near the corners, 0.4, 0.6 and 0.9. So that is painted,
before the networks look, and what the decoder adds is held back there.

All lengths are in eye distances.
"""

import numpy as np

from moditalker.face.geometry import transform_points
from moditalker.face.layout import mouth_opening
from moditalker.render.landmark_map import inside_mouth

_OPEN, _WIDE = 0.1, 0.16
"""A mouth that opens by more than the first wider than the portrait's shows it, and from the second on wholly."""
_BEGINS, _LIES = 0.35, 0.85
"""How far down between upper teeth and lower lip it rises from the dark, and where it is as bright as it gets."""
_BRIGHT, _BESIDE = 0.95, 0.35
"""Of the mean of lips and cheeks, and how much less of it there is at the corners."""
_SHADE_DEPTH = 0.04
"""How far up the lower lip keeps it in the dark; without that it is taken for a part of the lip."""
_HELD_BACK = 0.7
"""Share of what the decoder adds inside such a mouth that is left out."""


def tongue(
    lips: np.ndarray, cheeks: np.ndarray, aside: np.ndarray, depth: np.ndarray, above: np.ndarray, wider: float
) -> tuple[np.ndarray, np.ndarray]:
    """What is seen of it.

    Args:
        lips, cheeks: (3,) their colours, 0 to 255.
        aside: (h, w) how far each pixel lies from the mouth's middle, 1 at a corner.
        depth: (h, w) how far down it lies, 0 where the upper teeth end and 1 at the lower lip.
        above: (h, w) how far above the lower lip, eye distances.
        wider: how much farther than in the portrait the lips are apart at most, eye distances.
    Returns:
        (h, w, 3) float32 colours, 0 to 255, and (h, w) how much of them is seen, 0 to 1.
    """
    light = _BRIGHT * np.clip(1 - _BESIDE * aside**2, 0, 1)
    colours = light[..., None] * (lips + cheeks) / 2
    rises = np.clip((depth - _BEGINS) / (_LIES - _BEGINS), 0, 1)
    seen = rises**2 * (3 - 2 * rises) * uncovered(wider)
    seen = seen * np.clip(above / _SHADE_DEPTH, 0, 1)
    return np.asarray(colours, np.float32), np.asarray(seen, np.float32)


def uncovered(wider: np.ndarray | float) -> np.ndarray:
    """How much wider than the portrait's a mouth is, eye distances -> how much of its tongue is seen, 0 to 1."""
    return np.clip((np.asarray(wider) - _OPEN) / (_WIDE - _OPEN), 0, 1)


def held_back(portrait: np.ndarray, landmarks: np.ndarray, matrices: np.ndarray, size: int) -> np.ndarray:
    """Where the decoder's guess is left out, and by how much.

    Args:
        portrait: (68, 3) landmarks.
        landmarks: (n, 68, 3) picture space.
        matrices: (n, 2, 3) picture -> aligned.
        size: of the aligned face, pixels.
    Returns:
        (n, 1, size, size) float32, 0 to 1.
    """
    share = _HELD_BACK * uncovered(mouth_opening(landmarks) - mouth_opening(portrait))
    masks = np.zeros((len(landmarks), 1, size, size), np.float32)
    wide = share > 0
    points = transform_points(matrices[wide], landmarks[wide])
    masks[wide] = share[wide, None, None, None] * inside_mouth(points, grown=False, size=size)
    return masks
