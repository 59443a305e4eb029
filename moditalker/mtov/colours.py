"""No green inside the mouth.

Where nobody can know what a mouth shows, for it is shut in the portrait and wide in the frame, the decoder's brightness
is a fair guess, but its colours are not: teeth come out olive, and in a dark moustache green, for that is what LPIPS,
which it was trained with, likes best between white, pink and dark. Skin, lips, tongue and the dark between them are
redder than they are green, and teeth hardly less: inside real mouths (34 clips of people of the validation split) red
is above green by 28, 25 and 16 grey values or more in 98 of 100 pixels that are 40, 70 and 100 bright, and may be below
it only in those above 160.
"""

import numpy as np
import torch

from moditalker.face.geometry import transform_points
from moditalker.render.landmark_map import inside_mouth
from moditalker.sync.crops_and_mel import LUMA

_LEAST = 0.4
"""Share of the cheeks' surplus of red over green that is there at least; all of it, where they are the greener."""
_DIM, _BRIGHT = 120.0, 200.0
"""Brightness up to which that holds, and from which on grey will do."""


def without_green(
    change: torch.Tensor, warped: torch.Tensor, cheeks: np.ndarray, landmarks: np.ndarray, matrices: np.ndarray
) -> torch.Tensor:
    """What the decoder adds, without what would be greener inside the mouth than mouths are.

    Args:
        change: (n, 3, size, size), to be added to the warp.
        warped: (n, 3, size, size), the warp, 0 to 255.
        cheeks: (3,) their colour, 0 to 255.
        landmarks: (n, 68, 3) picture space.
        matrices: (n, 2, 3) picture -> aligned.
    Returns:
        As ``change``; its brightness is the same everywhere.
    """
    inside = inside_mouth(transform_points(matrices, landmarks), grown=True, size=change.shape[-1])
    drawn = warped + change
    weights = torch.from_numpy(LUMA)
    brightness = (drawn * weights[:, None, None]).sum(1, keepdim=True)
    surplus = float(cheeks[0] - cheeks[1])
    fade = ((_BRIGHT - brightness) / (_BRIGHT - _DIM)).clamp(0, 1)
    least = _LEAST * surplus * fade if surplus > 0 else surplus
    missing = (least - (drawn[:, :1] - drawn[:, 1:2])).clamp(min=0) * torch.from_numpy(inside)
    redder, greener = weights[1] / (weights[0] + weights[1]), -weights[0] / (weights[0] + weights[1])
    return change + missing * torch.stack([redder, greener, torch.zeros(())])[:, None, None]
