"""Transformer pieces of AToM: rotary positions in frames, FiLM, attention within a band."""

import torch
from torch import nn
from torch.nn import functional as F


def rotary_angles(positions: torch.Tensor, dim: int) -> torch.Tensor:
    """Angles of a rotary embedding (J. Su et al., RoFormer, 2021).

    Args:
        positions: (T,) in video frames, may be fractional.
        dim: of a head, even.
    Returns:
        (T, dim / 2)
    """
    frequencies = 1000.0 ** (-torch.arange(0, dim, 2, device=positions.device) / dim)
    return positions[:, None].float() * frequencies


def rotate(x: torch.Tensor, angles: torch.Tensor) -> torch.Tensor:
    """Turn (..., T, dim) by (T, dim / 2) angles."""
    first, second = x.chunk(2, -1)
    cosine, sine = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
    return torch.cat([first * cosine - second * sine, first * sine + second * cosine], -1)


class Attention(nn.Module):
    """Multi-head attention with rotary positions; self-attention when no memory is given.

    Args:
        width: of the queries.
        heads: attention heads.
        memory_width: of keys and values, ``width`` by default.
    """

    def __init__(self, width: int, heads: int, memory_width: int | None = None) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key_value = nn.Linear(memory_width or width, 2 * width)
        self.out = nn.Linear(width, width)

    def forward(
        self,
        x: torch.Tensor,
        positions: torch.Tensor,
        memory: torch.Tensor | None = None,
        memory_positions: torch.Tensor | None = None,
        band: float | None = None,
    ) -> torch.Tensor:
        """Attend.

        Args:
            x: (B, T, width).
            positions: (T,) in frames.
            memory: (B, S, memory_width); ``x`` itself by default.
            memory_positions: (S,) in frames.
            band: only memory at most so many frames away is seen.
        Returns:
            (B, T, width)
        """
        memory = x if memory is None else memory
        memory_positions = positions if memory_positions is None else memory_positions
        query = self.query(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)
        key, value = self.key_value(memory).unflatten(-1, (2, self.heads, -1)).permute(2, 0, 3, 1, 4)
        dim = query.shape[-1]
        query = rotate(query, rotary_angles(positions, dim))
        key = rotate(key, rotary_angles(memory_positions, dim))
        mask = None
        if band is not None:
            mask = (positions[:, None] - memory_positions).abs() <= band
        mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=mask)
        return self.out(mixed.transpose(1, 2).flatten(2))


class FiLM(nn.Module):
    """Scale and shift from a condition vector (E. Perez et al., AAAI 2018); starts as the identity."""

    def __init__(self, width: int, condition: int) -> None:
        super().__init__()
        self.linear = nn.Linear(condition, 2 * width)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def forward(self, x: torch.Tensor, condition: torch.Tensor) -> torch.Tensor:
        """(B, T, width), (B, condition) -> (B, T, width)."""
        scale, shift = self.linear(F.silu(condition)).unsqueeze(1).chunk(2, -1)
        return x * (1 + scale) + shift


class FeedForward(nn.Sequential):
    """Two linear layers, twice as wide inside."""

    def __init__(self, width: int, dropout: float = 0.0) -> None:
        super().__init__(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width), nn.Dropout(dropout))


class EncoderLayer(nn.Module):
    """Pre-norm self-attention within a band, and feed-forward."""

    def __init__(self, width: int, heads: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention, self.feed_forward = Attention(width, heads), FeedForward(width, dropout)

    def forward(self, x: torch.Tensor, positions: torch.Tensor, band: float) -> torch.Tensor:
        """(B, T, width), (T,) in frames -> (B, T, width)."""
        x = x + self.attention(self.norm1(x), positions, band=band)
        return x + self.feed_forward(self.norm2(x))


class SpeechTower(nn.Module):
    """Speech features at 50 Hz to tokens at 50 Hz.

    Args:
        speech_dim: of the features.
        width: of the tokens.
        heads: attention heads.
        layers: of the encoder.
        dropout: of what comes in and of every feed-forward.
    """

    BAND = 12.0

    def __init__(self, speech_dim: int, width: int, heads: int, layers: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(speech_dim)
        self.project = nn.Linear(speech_dim, width)
        self.mix = nn.Conv1d(width, width, 5, padding=2)
        self.dropout = nn.Dropout(dropout)
        self.layers = nn.ModuleList(EncoderLayer(width, heads, dropout) for _ in range(layers))
        self.out = nn.LayerNorm(width)

    def forward(self, speech: torch.Tensor) -> torch.Tensor:
        """(B, 2T, speech_dim) -> (B, 2T, width)."""
        x = self.project(self.dropout(self.norm(speech)))
        x = x + F.gelu(self.mix(x.transpose(1, 2))).transpose(1, 2)
        positions = speech_positions(speech.shape[1], speech.device)
        for layer in self.layers:
            x = layer(x, positions, self.BAND)
        return self.out(x)


def speech_positions(count: int, device: torch.device) -> torch.Tensor:
    """Where the 50 Hz features lie on the axis of the 25 Hz frames; (count,)."""
    return (torch.arange(count, device=device) - 0.5) / 2
