"""Flicker: the mean absolute second difference over time of the aligned face, against the real video's.

A face that moves smoothly has a small second difference, one whose skin boils or whose outline trembles a large one
(the temporal part of warping-error measures such as W.-S. Lai et al., ECCV 2018, without an optical flow, which is
itself unsure on skin). Both videos are aligned by what the same tracker sees in each, steadied alike.
"""

import numpy as np


def flicker(faces: np.ndarray) -> float:
    """Mean absolute second difference of (T, H, W, 3) uint8, T > 2, in grey levels."""
    moving = faces.astype(np.int16)
    return float(np.abs(moving[2:] - 2 * moving[1:-1] + moving[:-2]).mean())
