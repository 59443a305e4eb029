"""What landmarks do not tell the warp: how hair, neck and collar go along with a head.

The spline of ``render.warp`` follows 68 points of the face. Around them it guesses: a nod drags the collar along, hair
swings by half of what the head does. A small network looks at the warped portrait and says where each part of it
should have been taken from instead, as flow networks refine one another's answers (E. Ilg et al., "FlowNet 2.0", CVPR
2017). What it moves is moved in the full picture, so nothing gets blurred. Lips stay where their landmarks are.
"""

import cv2
import numpy as np
import torch
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from torch import nn
from torch.nn import functional as F

from moditalker.face.geometry import ALIGNED_SIZE
from moditalker.face.layout import OUTER_LIPS
from moditalker.mtov.autoencoder import PlainBlock, to_unit
from moditalker.render.grid import sample
from moditalker.utils.precision import fast_autocast

CELLS = 32
"""The network answers for so many cells a side; between their middles the flow is linear."""
_PATCH, _PIXELS_A_UNIT = 8, 8
_MARGIN, _SOFT = 13, 3.0
"""Around the lips nothing moves: within so many pixels (a kernel's side), fading over a few more."""


class FlowRefiner(ModelMixin, ConfigMixin):
    """A small U-Net on patches of the warped portrait.

    Nothing is normalised: what was pulled twice as far is off by twice as much.

    Args:
        width: channels.
        depths: residual blocks on a grid of 16, of 8, and of 16 again.
    """

    @register_to_config
    def __init__(self, width: int = 96, depths: tuple[int, int, int] = (2, 4, 2)) -> None:
        super().__init__()
        side = ALIGNED_SIZE // _PATCH
        # Warp and landmark map in patches; how far the spline pulled them is smooth, so its means say all of it.
        self.patches = nn.Conv2d(6, width, _PATCH, stride=_PATCH)
        self.pulled = nn.Conv2d(8, width, 1)
        self.place = nn.Parameter(torch.zeros(1, width, side, side))
        self.before = nn.Sequential(*(PlainBlock(width) for _ in range(depths[0])))
        self.down = nn.Conv2d(width, width, 4, stride=2, padding=1)
        self.middle = nn.Sequential(*(PlainBlock(width) for _ in range(depths[1])))
        self.up = nn.Conv2d(width, width, 3, padding=1)
        self.after = nn.Sequential(*(PlainBlock(width) for _ in range(depths[2])))
        self.out = nn.Conv2d(width, 2, 3, padding=1)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)  # type: ignore[arg-type]
        self.to(memory_format=torch.channels_last)

    def forward(
        self, warped: torch.Tensor, landmark_map: torch.Tensor, displacement: torch.Tensor, loose: torch.Tensor
    ) -> torch.Tensor:
        """Where warped portraits should have been taken from.

        Args:
            warped: (N, 3, 128, 128) in [-1, 1].
            landmark_map: (N, 3, 128, 128) in [0, 1], see ``draw_landmarks``.
            displacement: (N, 2, 128, 128) pixels to the right and below, how far the spline took each pixel from.
            loose: (N, 1, 32, 32) in [0, 1], how free a cell is to move, see ``loose_cells``.
        Returns:
            (N, 2, 32, 32) pixels to the right and below, for ``displaced``.
        """
        seen = torch.cat([warped, landmark_map], 1).contiguous(memory_format=torch.channels_last)
        pulled = F.pixel_unshuffle(F.avg_pool2d(displacement / _PIXELS_A_UNIT, _PATCH // 2), 2)
        fine = self.before(self.patches(seen) + self.pulled(pulled) + self.place)
        x = self.middle(self.down(fine))
        x = self.after(self.up(F.interpolate(x, scale_factor=2.0)) + fine)
        shift = F.interpolate(self.out(F.silu(x)).float(), CELLS, mode="bicubic", align_corners=False)
        return shift * loose

    @torch.no_grad()
    def refine(
        self, warped: torch.Tensor, landmark_map: torch.Tensor, displacement: torch.Tensor, loose: torch.Tensor
    ) -> torch.Tensor:
        """The same of uint8 pictures on the CPU, wherever the network is; float32 comes back."""
        given = to_unit(warped), landmark_map.float() / 255, displacement.float(), loose
        with fast_autocast(self.device):
            return self(*(value.to(self.device) for value in given)).float().cpu()


def loose_cells(points: np.ndarray) -> np.ndarray:
    """How free each cell is to move: not at all at the lips, for these have landmarks to follow.

    Args:
        points: (n, 68, 2 or 3) aligned face, pixels.
    Returns:
        (n, 1, 32, 32) float32, 0 to 1.
    """
    cells = np.empty((len(points), 1, CELLS, CELLS), np.float32)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (_MARGIN, _MARGIN))
    for cell, lips in zip(cells, points[:, OUTER_LIPS, :2], strict=True):
        mask = np.zeros((ALIGNED_SIZE, ALIGNED_SIZE), np.float32)
        cv2.fillConvexPoly(mask, cv2.convexHull(np.round(lips).astype(np.int32)), 1)
        held = cv2.GaussianBlur(cv2.dilate(mask, kernel), (0, 0), _SOFT)
        cell[0] = 1 - cv2.resize(held, (CELLS, CELLS), interpolation=cv2.INTER_AREA)
    return cells


def displaced(pictures: torch.Tensor, shift: torch.Tensor, mode: str = "bilinear") -> torch.Tensor:
    """Pictures whose pixels are taken from where ``shift`` says.

    Args:
        pictures: (N, C, 128, 128), of any value range.
        shift: (N, 2, 32, 32) pixels, as ``FlowRefiner`` gives them.
        mode: ``bilinear``, or ``bicubic``, which blurs pictures less.
    Returns:
        (N, C, 128, 128), the border repeated.
    """
    fine = F.interpolate(shift.float(), pictures.shape[-1], mode="bilinear", align_corners=False)
    return sample(pictures, fine.permute(0, 2, 3, 1), mode)
