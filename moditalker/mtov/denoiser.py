"""MToV's denoiser: a network shared by the three planes, with attention across them (MoDiTalker, section 3.3).

Conditions, as in the paper: identity planes (the portrait), pose planes (the warped portrait, its lower face hidden,
so that no driving video is needed) and landmark planes (drawings, through an encoder of their own).
"""

import torch
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from diffusers.models.embeddings import TimestepEmbedding, Timesteps
from torch import nn
from torch.nn import functional as F

from moditalker.mtov.planes import ResidualBlock, TriplaneEncoder


class CrossPlaneAttention(nn.Module):
    """Self-attention over all cells of the three planes at once.

    Args:
        channels: of the planes.
        heads: attention heads.
    """

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels)
        self.qkv = nn.Linear(channels, 3 * channels)
        self.out = nn.Linear(channels, channels)
        self.heads = heads
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B * 3, C, S, S), planes of one sample adjacent -> the same shape."""
        planes, channels, height, width = x.shape
        tokens = x.reshape(planes // 3, 3, channels, height * width).transpose(2, 3).flatten(1, 2)
        qkv = self.qkv(self.norm(tokens)).unflatten(-1, (3, self.heads, -1))
        query, key, value = qkv.permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2)
        out = self.out(mixed).unflatten(1, (3, height * width)).transpose(2, 3)
        return x + out.reshape(planes, channels, height, width)


class MotionToVideo(ModelMixin, ConfigMixin):
    """Denoises the planes of a 16-frame block.

    Args:
        latent_channels: of the video planes.
        landmark_channels: of the landmark planes.
        width: channels inside.
        num_blocks: residual block and attention, so many times.
        heads: attention heads.
        size: side of the planes.
    """

    @register_to_config
    def __init__(
        self,
        latent_channels: int = 8,
        landmark_channels: int = 16,
        width: int = 192,
        num_blocks: int = 5,
        heads: int = 4,
        size: int = 16,
        landmark_widths: tuple[int, int] = (32, 64),
    ) -> None:
        super().__init__()
        self.landmark_encoder = TriplaneEncoder(3, landmark_channels, (landmark_widths[0], landmark_widths[1]))
        self.time_projection = Timesteps(128, flip_sin_to_cos=True, downscale_freq_shift=0)
        self.time_embedding = TimestepEmbedding(128, width)
        self.stem = nn.Conv2d(3 * latent_channels + landmark_channels, width, 3, padding=1)
        self.place = nn.Parameter(torch.randn(3, width, size, size) * 0.02)
        self.blocks = nn.ModuleList(ResidualBlock(width, width) for _ in range(num_blocks))
        self.attentions = nn.ModuleList(CrossPlaneAttention(width, heads) for _ in range(num_blocks))
        self.norm = nn.GroupNorm(8, width)
        self.out = nn.Conv2d(width, latent_channels, 3, padding=1)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)  # type: ignore[arg-type]

    def encode_landmarks(self, drawn: torch.Tensor) -> torch.Tensor:
        """(B, 3, 16, 128, 128) drawings in [0, 1] -> landmark planes (B, landmark_channels, 3, 16, 16)."""
        return self.landmark_encoder(drawn)

    def forward(
        self,
        sample: torch.Tensor,
        timestep: torch.Tensor,
        identity: torch.Tensor,
        pose: torch.Tensor,
        landmarks: torch.Tensor,
    ) -> torch.Tensor:
        """Predict the clean planes (x0).

        Args:
            sample: (B, C, 3, 16, 16) noisy planes.
            timestep: (B,) 0 to 999.
            identity: (B, C, 3, 16, 16) planes of the portrait held still.
            pose: (B, C, 3, 16, 16) planes of the warped portrait without its lower face.
            landmarks: (B, L, 3, 16, 16) from ``encode_landmarks``.
        Returns:
            (B, C, 3, 16, 16)
        """
        batch = len(sample)
        time = self.time_embedding(self.time_projection(timestep).to(self.stem.weight.dtype))
        time = F.silu(time).repeat_interleave(3, 0)
        joined = torch.cat([sample, identity, pose, landmarks], 1).transpose(1, 2).flatten(0, 1)
        x = self.stem(joined) + self.place.repeat(batch, 1, 1, 1)
        for block, attention in zip(self.blocks, self.attentions, strict=True):
            x = attention(block(x, time))
        x = self.out(F.silu(self.norm(x)))
        return x.unflatten(0, (batch, 3)).transpose(1, 2).float()
