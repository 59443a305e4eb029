"""TimeSformer layers (G. Bertasius et al., ICML 2021) as PVDM's autoencoder has them (S. Yu et al., CVPR 2023).

Time attention at each place, space attention in each frame, GEGLU feed-forward; all pre-norm around a shortcut.
Rotary positions: in time, the angles of the frequencies f stand as [f, f] over a head while neighbouring channels are
turned as pairs, so the two of a pair turn by different angles; in space, rows take the first half of a head and columns
the second. Both are the published network's, whatever one thinks of them.
"""

import math

import torch
from torch import nn
from torch.nn import functional as F

from moditalker.paper.rotary import frequencies, turn

Angles = tuple[torch.Tensor, torch.Tensor]


class TimeAngles(nn.Module):
    """Sines and cosines (T, D) of frame numbers."""

    inv_freqs: torch.Tensor

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.register_buffer("inv_freqs", frequencies(dim))

    def forward(self, frames: int) -> Angles:
        """How many frames -> sine and cosine."""
        places = torch.arange(frames, device=self.inv_freqs.device).to(self.inv_freqs.dtype)
        angles = (places[:, None] * self.inv_freqs).repeat(1, 2)
        return angles.sin(), angles.cos()


class SpaceAngles(nn.Module):
    """Sines and cosines (H * W, D) of places in [-1, 1], row by row; D a multiple of 4."""

    scales: torch.Tensor

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.register_buffer("scales", torch.logspace(0.0, math.log(5) / math.log(2), dim // 4, base=2))

    def forward(self, height: int, width: int) -> Angles:
        """Rows and columns -> sine and cosine."""
        rows, columns = (
            torch.linspace(-1.0, 1.0, steps, device=self.scales.device)[:, None] * self.scales * math.pi
            for steps in (height, width)
        )
        grid = [rows[:, None].expand(-1, width, -1), columns[None].expand(height, -1, -1)]
        sine, cosine = (
            torch.cat([wave(part) for part in grid], -1).flatten(0, 1).repeat_interleave(2, -1)
            for wave in (torch.sin, torch.cos)
        )
        return sine, cosine


class Attention(nn.Module):
    """Multi-head self-attention without biases on query, key and value.

    Args:
        width: of the tokens.
        heads: how many.
        head_dim: width of each.
    """

    def __init__(self, width: int, heads: int, head_dim: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * heads * head_dim, bias=False)
        self.out = nn.Linear(heads * head_dim, width)

    def forward(self, x: torch.Tensor, angles: Angles | None = None) -> torch.Tensor:
        """(..., N, width) -> (..., N, width), the shortcut added."""
        qkv = self.qkv(self.norm(x)).unflatten(-1, (3, self.heads, -1))
        query, key, value = qkv.movedim(-3, 0).transpose(-2, -3)
        if angles is not None:
            query, key = turn(query, *angles), turn(key, *angles)
        mixed = F.scaled_dot_product_attention(query, key, value)
        return x + self.out(mixed.transpose(-2, -3).flatten(-2))


class GatedFeedForward(nn.Module):
    """GEGLU (N. Shazeer, 2020): half of the inner numbers times the GELU of the other half; four times as wide."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.inner = nn.Linear(width, 8 * width)
        self.out = nn.Linear(4 * width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(..., width) -> (..., width), the shortcut added."""
        values, gates = self.inner(self.norm(x)).chunk(2, -1)
        return x + self.out(values * F.gelu(gates))


class FeedForward(nn.Module):
    """Two linear layers with a GELU between them."""

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.inner = nn.Linear(width, inner)
        self.out = nn.Linear(inner, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(..., width) -> (..., width), the shortcut added."""
        return x + self.out(F.gelu(self.inner(self.norm(x))))


class TimeSpaceLayer(nn.Module):
    """Time attention, space attention, feed-forward."""

    def __init__(self, width: int, heads: int, head_dim: int) -> None:
        super().__init__()
        self.time = Attention(width, heads, head_dim)
        self.space = Attention(width, heads, head_dim)
        self.feed_forward = GatedFeedForward(width)

    def forward(self, x: torch.Tensor, in_time: Angles, in_space: Angles) -> torch.Tensor:
        """(B, T, H * W, width) -> the same shape."""
        x = self.time(x.transpose(1, 2), in_time).transpose(1, 2)
        return self.feed_forward(self.space(x, in_space))


class TimeSformer(nn.Module):
    """A stack of ``TimeSpaceLayer``.

    Args:
        width: of the tokens.
        depth: layers.
        heads, head_dim: of the attentions.
    """

    def __init__(self, width: int, depth: int, heads: int, head_dim: int) -> None:
        super().__init__()
        self.in_time, self.in_space = TimeAngles(head_dim), SpaceAngles(head_dim)
        self.layers = nn.ModuleList(TimeSpaceLayer(width, heads, head_dim) for _ in range(depth))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, T, H, W, width) -> the same shape."""
        frames, height, width = x.shape[1:4]
        in_time, in_space = self.in_time(frames), self.in_space(height, width)
        tokens = x.flatten(2, 3)
        for layer in self.layers:
            tokens = layer(tokens, in_time, in_space)
        return tokens.unflatten(2, (height, width))


class AxisPooling(nn.Module):
    """Learns to say one axis of a video's tokens in one token.

    A learned token is set behind the axis, yet it is the output at the first place that is kept: so the published
    network does, and so its weights were trained.

    Args:
        length: of the axis.
        width: of the tokens.
        depth, heads, inner: of the small transformer.
    """

    def __init__(self, length: int, width: int, depth: int, heads: int, inner: int) -> None:
        super().__init__()
        self.token = nn.Parameter(torch.randn(1, 1, width))
        self.places = nn.Parameter(torch.randn(1, length + 1, width))
        self.attentions = nn.ModuleList(Attention(width, heads, width // (2 * heads)) for _ in range(depth))
        self.feed_forwards = nn.ModuleList(FeedForward(width, inner) for _ in range(depth))

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """(N, length, width) -> (N, width)."""
        x = torch.cat([tokens, self.token.expand(len(tokens), -1, -1)], 1) + self.places
        for attention, feed_forward in zip(self.attentions, self.feed_forwards, strict=True):
            x = feed_forward(attention(x))
        return x[:, 0]
