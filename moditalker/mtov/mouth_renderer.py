"""The mouth at 256 pixels, drawn by a network that has seen many people.

It looks at four things: the warped portrait; the draft, which is what MToV makes of it at 128 pixels; features of the
portrait that are warped the same way; and features of the portrait as it is, so that teeth keep their own size. Warped
features are those of first-order motion (A. Siarohin et al., NeurIPS 2019). Pictures are folded four by four, so all
maps are small: that is what CPUs are fast at.
"""

from dataclasses import dataclass

import torch
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from torch import nn
from torch.nn import functional as F

from moditalker.mtov.autoencoder import PlainBlock, Window, calmed
from moditalker.render.grid import sample

SIDE = 256
"""Of the aligned face that is drawn in, pixels."""
WINDOW = Window(128, 64, 96, 128)
"""Where in it the mouth is drawn: from under the nose to the chin."""
FOLD = 4
"""Pixels aside that become one place of the network."""
_OUTPUT_SCALE = 0.1
_COVER_SCALE = 0.3
_PIXELS_A_UNIT = 16


@dataclass(frozen=True)
class PortraitFeatures:
    """What the network keeps of a portrait.

    Attributes:
        quarter: (B, C, 24, 32), to be warped.
        eighth: (B, D, 12, 16), as they are.
    """

    quarter: torch.Tensor
    eighth: torch.Tensor


class MouthRenderer(ModelMixin, ConfigMixin):
    """Draws the mouth's window of the aligned face of 256 pixels.

    Args:
        widths: channels at a quarter and at an eighth of the side.
        depths: residual blocks before, in and after the middle.
        features: channels of the portrait that are warped.
        fine_width: channels at half of the side.
        fine_depth: residual blocks there.
        whole_width: channels at the whole side.
    """

    @register_to_config
    def __init__(
        self,
        widths: tuple[int, int] = (80, 160),
        depths: tuple[int, int, int] = (1, 4, 2),
        features: int = 48,
        fine_width: int = 32,
        fine_depth: int = 2,
        whole_width: int = 16,
    ) -> None:
        super().__init__()
        quarter, eighth = widths
        folded = 3 * FOLD**2
        self.fold = nn.PixelUnshuffle(FOLD)
        self.portrait_stem = nn.Conv2d(2 * folded, quarter, 3, padding=1)
        self.portrait_block = PlainBlock(quarter)
        self.portrait_features = nn.Conv2d(quarter, features, 1)
        self.portrait_down = nn.Conv2d(quarter, eighth, 4, stride=2, padding=1)
        self.portrait_deep = nn.Sequential(PlainBlock(eighth), PlainBlock(eighth))
        self.stem = nn.Conv2d(3 * folded + features + 2, quarter, 3, padding=1)
        self.before = nn.Sequential(*(PlainBlock(quarter) for _ in range(depths[0])))
        self.down = nn.Conv2d(quarter, eighth, 4, stride=2, padding=1)
        self.middle = nn.Sequential(*(PlainBlock(eighth) for _ in range(depths[1])))
        self.up = nn.Conv2d(eighth, quarter, 3, padding=1)
        self.after = nn.Sequential(*(PlainBlock(quarter) for _ in range(depths[2])))
        # Enlarged smoothly and not by shuffled pixels: those begin as a grid of dots, and teeth keep it for long.
        self.to_fine = nn.Conv2d(quarter, fine_width, 3, padding=1)
        self.fine_stem = nn.Conv2d(24, fine_width, 3, padding=1)
        self.fine = nn.Sequential(*(PlainBlock(fine_width) for _ in range(fine_depth)))
        self.to_whole = nn.Conv2d(fine_width, whole_width, 3, padding=1)
        self.whole_stem = nn.Conv2d(6, whole_width, 3, padding=1)
        # Warp or draft; what is seen gets brighter or darker; what was hidden is covered with a colour. All say where.
        self.out = nn.Conv2d(whole_width, 7, 3, padding=1)
        # Nothing is normalised, so the variance is brought to about one here and kept there.
        gains = ((self.portrait_stem, 3.0), (self.portrait_down, 1.0), (self.stem, 3.0), (self.down, 1.0))
        for convolution, gain in (
            *gains,
            (self.up, 1.0),
            (self.to_fine, 1.0),
            (self.fine_stem, 2.0),
            (self.to_whole, 1.0),
            (self.whole_stem, 2.0),
        ):
            nn.init.kaiming_normal_(convolution.weight, nonlinearity="linear")
            convolution.weight.data.mul_(gain)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)  # type: ignore[arg-type]
        self.to(memory_format=torch.channels_last)

    def encode_portrait(self, portrait: torch.Tensor, landmark_map: torch.Tensor) -> PortraitFeatures:
        """Look at a portrait once.

        Args:
            portrait: (B, 3, 96, 128) ``WINDOW`` of the aligned portrait, in [-1, 1].
            landmark_map: (B, 3, 96, 128) of its own landmarks, in [0, 1].
        """
        x = self.fold(torch.cat([portrait, landmark_map], 1).contiguous(memory_format=torch.channels_last))
        x = self.portrait_block(self.portrait_stem(x))
        return PortraitFeatures(self.portrait_features(x), self.portrait_deep(self.portrait_down(x)))

    def forward(
        self,
        portrait: PortraitFeatures,
        warped: torch.Tensor,
        draft: torch.Tensor,
        landmark_map: torch.Tensor,
        displacement: torch.Tensor,
    ) -> torch.Tensor:
        """Draw frames.

        Args:
            portrait: features of N portraits, or of one.
            warped: (N, 3, 96, 128) ``WINDOW`` of the warped portraits, in [-1, 1].
            draft: (N, 3, 96, 128) the same with what MToV added.
            landmark_map: (N, 3, 96, 128) of the frames, in [0, 1].
            displacement: (N, 2, 24, 32) how far to the right and below each quarter was taken from, pixels.
        Returns:
            (N, 3, 96, 128) about [-1, 1].
        """
        # Features are few, so what lies between them is looked up at full precision.
        moved = sample(portrait.quarter.float(), displacement.permute(0, 2, 3, 1) / FOLD)
        seen, drafted = (
            self.fold(x.contiguous(memory_format=torch.channels_last))
            for x in (torch.cat([warped, landmark_map], 1), draft)
        )
        given = torch.cat([seen, moved.to(seen.dtype), displacement / _PIXELS_A_UNIT, drafted], 1)
        at_quarter = self.before(self.stem(given.contiguous(memory_format=torch.channels_last)))
        x = self.middle(self.down(at_quarter) + portrait.eighth)
        x = self.after(self.up(F.interpolate(x, scale_factor=2.0)) + at_quarter)
        both = torch.cat([warped, draft], 1)
        fine = self.to_fine(_twice(F.silu(x))) + self.fine_stem(F.pixel_unshuffle(both, 2))
        whole = self.to_whole(_twice(F.silu(self.fine(fine)))) + self.whole_stem(both)
        out = self.out(F.silu(whole)).float()
        # The masks start open: one that closes over the first garbage never opens again.
        light = torch.sigmoid(_OUTPUT_SCALE * out[:, 1:2] + 1) * 2 * torch.tanh(_OUTPUT_SCALE * out[:, :1])
        hidden = torch.sigmoid(_COVER_SCALE * out[:, 5:6] - 2)
        cover = torch.tanh(_COVER_SCALE * out[:, 2:5])
        # A colour that is added to red lips turns green where it misses them by a pixel; one that covers them cannot.
        taken = torch.sigmoid(_COVER_SCALE * out[:, 6:] - 2)
        mended = warped + taken * (draft - warped) + calmed(light.expand(-1, 3, -1, -1)[:, :, None])[:, :, 0]
        return mended + hidden * (calmed(cover[:, :, None])[:, :, 0] - mended)


def _twice(x: torch.Tensor) -> torch.Tensor:
    """(N, C, H, W) -> (N, C, 2H, 2W)."""
    return F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False)
