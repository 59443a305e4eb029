"""Asked against rendered: does the mouth in the picture do what the landmarks asked for?

The failure that users of the released MoDiTalker report ("the mouth shape is the same as the template's") shows here: a
tracker measures the mouth's opening on the rendered frames, and that is set against the opening that was asked for.
"""

from dataclasses import dataclass

import numpy as np

from moditalker.face.layout import mouth_opening
from moditalker.metrics.curves import correlation, slope

MOVES = 0.02
"""Where the asked opening deviates by less (inter-ocular distances), there is nothing to follow."""


@dataclass(frozen=True)
class Obedience:
    """``correlation`` of the rendered with the asked mouth opening, and ``slope`` of the one over the other; best 1."""

    correlation: float
    slope: float


def obedience(asked: np.ndarray, rendered: np.ndarray) -> Obedience | None:
    """Compare (T, 68, 3) landmarks that were asked for with those tracked on the result, each in its own pixels.

    Returns:
        None when the asked mouth hardly moves.
    """
    wanted, shown = mouth_opening(asked), mouth_opening(rendered)
    if wanted.std() < MOVES:
        return None
    return Obedience(correlation(shown, wanted), slope(wanted, shown))
