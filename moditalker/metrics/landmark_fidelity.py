"""Landmark fidelity: does the mouth in the picture follow the landmarks that it was made from?

The failure that users of the released MoDiTalker report ("the mouth shape is the same as the template's") shows here: a
tracker measures the mouth's opening on the generated frames, and that is compared with the opening of the target.
"""

from dataclasses import dataclass

import numpy as np

from moditalker.face.layout import mouth_opening
from moditalker.metrics.curves import correlation, slope

MOVES = 0.02
"""Where the target opening deviates by less (inter-ocular distances), there is nothing to follow."""


@dataclass(frozen=True)
class LandmarkFidelity:
    """``correlation`` of the generated with the target mouth opening, and ``slope`` over the target; both best at 1."""

    correlation: float
    slope: float


def landmark_fidelity(target: np.ndarray, generated: np.ndarray) -> LandmarkFidelity | None:
    """Compare (T, 68, 3) target landmarks with those tracked on the generated frames, each in its own pixels.

    Returns:
        None when the target mouth hardly moves.
    """
    wanted, shown = mouth_opening(target), mouth_opening(generated)
    if wanted.std() < MOVES:
        return None
    return LandmarkFidelity(correlation(shown, wanted), slope(wanted, shown))
