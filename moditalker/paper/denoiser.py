"""The published MToV denoiser: PVDM's U-Net (S. Yu et al., CVPR 2023) over tri-planes, given landmarks, pose, identity.

Every block is applied to the three planes in turn with the same weights; after each, an attention sees all three.
"""

import torch
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from diffusers.models.embeddings import Timesteps
from torch import nn
from torch.nn import functional as F

from moditalker.paper.autoencoder import split_planes
from moditalker.paper.inputs import Inputs, check_choice
from moditalker.paper.unet_layers import GROUPS, Attention, PlaneBlock, ResidualBlock

Planes = list[torch.Tensor]


class PaperMotionToVideo(ModelMixin, ConfigMixin):
    """Denoises the latent of a 16-frame block; predicts the noise.

    Args:
        latent_channels: of a latent; four come in (noisy video, landmarks, pose, identity), one goes out.
        width: channels of the first level.
        multipliers: of ``width``, a level each.
        num_blocks: residual blocks a level.
        heads: of every attention.
        attention_levels: levels, counted from 0, whose blocks attend within a plane.
        frames: of a block.
        side: rows, and columns, of the xy plane.
        inputs: whose drawn landmarks and pose frames it was trained on, see ``moditalker.paper.inputs``.
        dropout: while training.
        keep_unread: keep the second decoder that the published checkpoint carries without using it; never trained.
    """

    @register_to_config
    def __init__(
        self,
        latent_channels: int = 4,
        width: int = 128,
        multipliers: tuple[int, ...] = (1, 2, 4, 4),
        num_blocks: int = 2,
        heads: int = 8,
        attention_levels: tuple[int, ...] = (0, 1, 2),
        frames: int = 16,
        side: int = 32,
        inputs: Inputs = "ours",
        dropout: float = 0.0,
        keep_unread: bool = True,
    ) -> None:
        super().__init__()
        check_choice(inputs)
        smallest = 2 ** (len(multipliers) - 1)
        if frames % smallest or side % smallest:
            raise ValueError(f"frames and side must be multiples of {smallest}, got {frames} and {side}")
        if width % GROUPS:
            raise ValueError(f"width must be a multiple of {GROUPS}, got {width}")
        time = 4 * width
        self.time_projection = Timesteps(width, flip_sin_to_cos=True, downscale_freq_shift=0)
        self.time_embedding = nn.Sequential(nn.Linear(width, time), nn.SiLU(), nn.Linear(time, time))
        self.conv_in = nn.Conv2d(4 * latent_channels, width, 3, padding=1)
        self.down, self.down_attentions = nn.ModuleList(), nn.ModuleList()
        kept, channels = [width], width
        for level, multiplier in enumerate(multipliers):
            for _ in range(num_blocks):
                first = ResidualBlock(channels, multiplier * width, time, None, dropout)
                channels = multiplier * width
                within = Attention(channels, heads) if level in attention_levels else None
                self.down.append(PlaneBlock(first, within))
                self.down_attentions.append(Attention(channels, heads))
                kept.append(channels)
            if level < len(multipliers) - 1:
                self.down.append(PlaneBlock(ResidualBlock(channels, channels, time, "down", dropout)))
                self.down_attentions.append(Attention(channels, heads))
                kept.append(channels)
        self.middle = PlaneBlock(
            ResidualBlock(channels, channels, time, None, dropout),
            Attention(channels, heads),
            ResidualBlock(channels, channels, time, None, dropout),
        )
        self.middle_attention = Attention(channels, heads)
        self.up, self.up_attentions = self._decoder(channels, list(kept))
        self.norm_out = nn.GroupNorm(GROUPS, width)
        self.conv_out = nn.Conv2d(width, latent_channels, 3, padding=1)
        nn.init.zeros_(self.conv_out.weight)
        nn.init.zeros_(self.conv_out.bias)  # type: ignore[arg-type]
        if keep_unread:
            # Without the attentions within a plane: of those the published file holds none for this decoder.
            blocks, attentions = self._decoder(channels, list(kept), within=False)
            self.unread = nn.ModuleDict({"up": blocks, "up_attentions": attentions}).requires_grad_(False)

    def _decoder(self, channels: int, kept: list[int], within: bool = True) -> tuple[nn.ModuleList, nn.ModuleList]:
        width, heads, dropout = self.config["width"], self.config["heads"], self.config["dropout"]
        blocks, attentions = nn.ModuleList(), nn.ModuleList()
        for level, multiplier in reversed(list(enumerate(self.config["multipliers"]))):
            for index in range(self.config["num_blocks"] + 1):
                first = ResidualBlock(channels + kept.pop(), multiplier * width, 4 * width, None, dropout)
                channels = multiplier * width
                attends = within and level in self.config["attention_levels"]
                grows = level > 0 and index == self.config["num_blocks"]
                blocks.append(
                    PlaneBlock(
                        first,
                        Attention(channels, heads) if attends else None,
                        ResidualBlock(channels, channels, 4 * width, "up", dropout) if grows else None,
                    )
                )
                attentions.append(Attention(channels, heads))
        return blocks, attentions

    def forward(
        self,
        sample: torch.Tensor,
        timestep: torch.Tensor,
        identity: torch.Tensor,
        pose: torch.Tensor,
        landmarks: torch.Tensor,
    ) -> torch.Tensor:
        """Predict the noise in a latent.

        Args:
            sample: (B, C, S) noisy latent of the video.
            timestep: (B,) 0 to 999.
            identity: (B, C, side * side) the xy plane of the still portrait's latent.
            pose: (B, C, S) latent of the frames without their lower face, of the autoencoder of pictures.
            landmarks: (B, C, S) latent of the drawn landmarks, of their own autoencoder.
        Returns:
            (B, C, S)
        """
        time = self.time_embedding(self.time_projection(timestep).to(self.conv_in.weight.dtype))
        padded = F.pad(identity, (0, sample.shape[-1] - identity.shape[-1]))
        joined = torch.cat([sample, landmarks, pose, padded], 1)
        planes: Planes = list(split_planes(joined, self.config["frames"], self.config["side"]))
        planes = [self.conv_in(plane) for plane in planes]
        kept = [planes]
        for block, attention in zip(self.down, self.down_attentions, strict=True):
            planes = _across([block(plane, time) for plane in planes], attention)
            kept.append(planes)
        planes = _across([self.middle(plane, time) for plane in planes], self.middle_attention)
        for block, attention in zip(self.up, self.up_attentions, strict=True):
            widened = [torch.cat(pair, 1) for pair in zip(planes, kept.pop(), strict=True)]
            planes = _across([block(plane, time) for plane in widened], attention)
        planes = [self.conv_out(F.silu(self.norm_out(plane))) for plane in planes]
        return torch.cat([plane.flatten(2) for plane in planes], -1)


def _across(planes: Planes, attention: nn.Module) -> Planes:
    """Lay the planes flat one after another, attend over all of their places, cut them again."""
    joined = attention(torch.cat([plane.flatten(2) for plane in planes], -1))
    cut = joined.split([plane.shape[-2] * plane.shape[-1] for plane in planes], -1)
    return [part.unflatten(-1, plane.shape[-2:]) for part, plane in zip(cut, planes, strict=True)]
