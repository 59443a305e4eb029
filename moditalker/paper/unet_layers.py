"""Blocks of the published U-Net: those of P. Dhariwal and A. Nichol (ADM, NeurIPS 2021) as PVDM uses them."""

import torch
from torch import nn
from torch.nn import functional as F

GROUPS = 32


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions around a shortcut, scaled and shifted by time; may halve or double the sides between them.

    Args:
        channels_in, channels_out: before and after.
        time: width of the time embedding.
        resize: ``down`` (average), ``up`` (nearest) or none, within the block and on its shortcut.
        dropout: while training.
    """

    def __init__(
        self, channels_in: int, channels_out: int, time: int, resize: str | None = None, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.norm1 = nn.GroupNorm(GROUPS, channels_in)
        self.conv1 = nn.Conv2d(channels_in, channels_out, 3, padding=1)
        self.modulation = nn.Linear(time, 2 * channels_out)
        self.norm2 = nn.GroupNorm(GROUPS, channels_out)
        self.dropout = nn.Dropout(dropout)
        self.conv2 = _silenced(nn.Conv2d(channels_out, channels_out, 3, padding=1))
        self.shortcut = nn.Identity() if channels_in == channels_out else nn.Conv2d(channels_in, channels_out, 1)
        self.resize = resize

    def forward(self, x: torch.Tensor, time: torch.Tensor) -> torch.Tensor:
        """(B, channels_in, H, W) and (B, time) -> (B, channels_out, H', W')."""
        h = self.conv1(self._resized(F.silu(self.norm1(x))))
        scale, shift = self.modulation(F.silu(time))[:, :, None, None].chunk(2, 1)
        h = self.norm2(h) * (1 + scale) + shift
        return self.shortcut(self._resized(x)) + self.conv2(self.dropout(F.silu(h)))

    def _resized(self, x: torch.Tensor) -> torch.Tensor:
        if self.resize == "down":
            return F.avg_pool2d(x, 2)
        if self.resize == "up":
            return F.interpolate(x, scale_factor=2, mode="nearest")
        return x


class Attention(nn.Module):
    """Self-attention over all places of whatever shape comes in, with a shortcut.

    The channels of ``qkv`` are ordered head by head, in each first the query, then the key, then the value.

    Args:
        channels: of the tokens.
        heads: how many.
    """

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.GroupNorm(GROUPS, channels)
        self.qkv = nn.Conv1d(channels, 3 * channels, 1)
        self.out = _silenced(nn.Conv1d(channels, channels, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(B, C, ...) -> (B, C, ...)."""
        places = x.flatten(2)
        qkv = self.qkv(self.norm(places)).unflatten(1, (self.heads, 3, -1))
        query, key, value = qkv.transpose(-1, -2).unbind(2)
        mixed = F.scaled_dot_product_attention(query, key, value)
        mixed = mixed.transpose(-1, -2).flatten(1, 2)
        return (places + self.out(mixed)).reshape(x.shape)


class PlaneBlock(nn.Module):
    """What happens to every plane by itself, with the same weights: convolutions, attention, a change of size.

    Args:
        first: residual block.
        attention: follows it, or none.
        last: residual block at the end, or none.
    """

    def __init__(
        self, first: ResidualBlock, attention: Attention | None = None, last: ResidualBlock | None = None
    ) -> None:
        super().__init__()
        self.first, self.attention, self.last = first, attention, last

    def forward(self, plane: torch.Tensor, time: torch.Tensor) -> torch.Tensor:
        """(B, C, H, W) and (B, time) -> (B, C', H', W')."""
        plane = self.first(plane, time)
        if self.attention is not None:
            plane = self.attention(plane)
        return plane if self.last is None else self.last(plane, time)


def _silenced(layer: nn.Module) -> nn.Module:
    """Zero a layer's parameters: what it is added to is then passed on as it is."""
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)
    return layer
