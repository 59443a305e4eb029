"""Layers of the published AToM: EDGE's (J. Tseng et al., CVPR 2023), its decoder split into a lip and another half.

Rotary positions turn queries and keys over their whole width, before the attention projects them; values stay.
"""

from typing import Literal, NamedTuple

import torch
from torch import nn
from torch.nn import functional as F

from moditalker.paper.rotary import frequencies, turn

Conditioning = Literal["released", "paper"]


class RotaryTime(nn.Module):
    """Turns (B, T, width) by the place of each token in its sequence, counted from 0."""

    freqs: torch.Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        self.register_buffer("freqs", frequencies(width))

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """(B, T, width) -> (B, T, width)."""
        places = torch.arange(tokens.shape[-2], device=tokens.device).to(self.freqs.dtype)
        angles = (places[:, None] * self.freqs).repeat_interleave(2, -1)
        return turn(tokens, angles.sin(), angles.cos())


class FiLM(nn.Module):
    """Scale and shift from a condition vector (E. Perez et al., AAAI 2018): (scale + 1) h + shift.

    Args:
        width: of the tokens and of the condition.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width, 2 * width)

    def forward(self, tokens: torch.Tensor, condition: torch.Tensor) -> torch.Tensor:
        """(B, T, width) and (B, width) -> (B, T, width)."""
        scale, shift = self.linear(F.mish(condition)).unsqueeze(1).chunk(2, -1)
        return (scale + 1) * tokens + shift


class EncoderLayer(nn.Module):
    """Pre-norm self-attention and GELU feed-forward.

    Args:
        width: of the tokens.
        heads: of the attention.
        inner: width of the feed-forward.
        dropout: while training.
    """

    def __init__(self, width: int, heads: int, inner: int, dropout: float) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(width, heads, dropout, batch_first=True)
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.linear1, self.linear2 = nn.Linear(width, inner), nn.Linear(inner, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: torch.Tensor, rotary: RotaryTime) -> torch.Tensor:
        """(B, T, width) -> (B, T, width)."""
        x = x + self.dropout(attend(self.attention, rotary, self.norm1(x)))
        return x + self.dropout(self.linear2(self.dropout(F.gelu(self.linear1(self.norm2(x))))))


def attend(
    attention: nn.MultiheadAttention, rotary: RotaryTime, x: torch.Tensor, memory: torch.Tensor | None = None
) -> torch.Tensor:
    """Attend from (B, T, width) to itself or to a memory (B, S, width)."""
    query = rotary(x)
    if memory is None:
        return attention(query, query, x, need_weights=False)[0]
    return attention(query, rotary(memory), memory, need_weights=False)[0]


class Encoded(NamedTuple):
    """Speech and identity, encoded once for all steps, dropped samples replaced.

    Attributes:
        speech_tokens: (B, 2T, width).
        identity_tokens: (B, T, width).
        speech_vector, identity_vector: (B, width).
    """

    speech_tokens: torch.Tensor
    identity_tokens: torch.Tensor
    speech_vector: torch.Tensor
    identity_vector: torch.Tensor


class Conditions(NamedTuple):
    """What the decoder is told besides its tokens.

    Attributes:
        lip, other, fused: (B, width) FiLM vectors of the two halves and of their fusion.
        lip_memory: (B, S, width) audio, time and identity.
        face_memory: (B, S', width) time and identity.
    """

    lip: torch.Tensor
    other: torch.Tensor
    fused: torch.Tensor
    lip_memory: torch.Tensor
    face_memory: torch.Tensor


class DecoderLayer(nn.Module):
    """One layer over both halves: self-attention, lips to audio, then the fusion that makes the next layer's halves.

    Args:
        width: of each half.
        heads: of the attentions.
        dropout: while training.
    """

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.self_attention = nn.MultiheadAttention(width, heads, dropout, batch_first=True)
        self.cross_attention = nn.MultiheadAttention(width, heads, dropout, batch_first=True)
        self.norm1, self.norm2, self.norm3 = nn.LayerNorm(width), nn.LayerNorm(width), nn.LayerNorm(width)
        self.film1, self.film2, self.film3 = FiLM(width), FiLM(width), FiLM(width)
        self.split = nn.Linear(width, 2 * width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: torch.Tensor, rotary: RotaryTime, given: Conditions) -> torch.Tensor:
        """(B, T, 2 width), lips first -> (B, T, 2 width)."""
        lip, other = x.chunk(2, -1)
        lip = lip + self.film1(self._self(rotary, self.norm1(lip)), given.lip)
        other = other + self.film1(self._self(rotary, self.norm1(other)), given.other)
        lip = lip + self.film2(self._cross(rotary, self.norm2(lip), given.lip_memory), given.lip)
        other = other + self.film2(self._self(rotary, self.norm2(other)), given.other)
        joined = self._cross(rotary, self.norm3(lip + other), given.face_memory)
        return self.split(joined + self.film3(joined, given.fused))

    def _self(self, rotary: RotaryTime, x: torch.Tensor) -> torch.Tensor:
        return self.dropout(attend(self.self_attention, rotary, x))

    def _cross(self, rotary: RotaryTime, x: torch.Tensor, memory: torch.Tensor) -> torch.Tensor:
        return self.dropout(attend(self.cross_attention, rotary, x, memory))
