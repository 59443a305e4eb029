"""The published AToM once more, for the tests: formulas over the published names, as its description tells them.

Written without the package's own network at hand, so that a mistake in one shows in the other. Everything works in the
precision of the weights. ``p`` is a state dictionary with the published names. B samples, F frames, A audio features
(two a frame), D is the width (512), L the 68 x 3 = 204 numbers of the landmarks.
"""

import math
from typing import Literal

import torch
from paper_reference import State, layer_norm, linear
from torch import Tensor
from torch.nn import functional as F

Conditioning = Literal["released", "paper"]

LIP_GROUP = [*range(17), *range(48, 68)]
"""The jaw and the mouth, which hear the speech."""
OTHER_GROUP = list(range(17, 48))


# conditions


def time_embedding(p: State, t: Tensor) -> tuple[Tensor, Tensor]:
    """t (B,) -> the time vector (B, D) and two time tokens (B, 2, D)."""
    half = p["time_mlp.1.weight"].shape[1] // 2
    frequencies = torch.exp(-math.log(10000) * torch.arange(half) / (half - 1)).to(p["time_mlp.1.weight"])
    angles = t.to(frequencies)[:, None] * frequencies
    h = F.mish(linear(p, "time_mlp.1", torch.cat([angles.sin(), angles.cos()], -1)))
    vector = linear(p, "to_time_cond.0", h)
    return vector, linear(p, "to_time_tokens.0", h).reshape(len(t), 2, vector.shape[-1])


def audio_condition(p: State, audio: Tensor, dropped: Tensor, heads: int) -> tuple[Tensor, Tensor]:
    """audio (B, A, 1024), dropped (B,) -> tokens (B, A, D) and the audio vector (B, D)."""
    tokens = encoder(p, "cond_encoder", linear(p, "cond_projection", audio), heads)
    tokens = torch.where(dropped[:, None, None], p["null_cond_embed"], tokens)
    vector = condition_vector(p, "non_attn_cond_projection", tokens)
    return tokens, torch.where(dropped[:, None], p["null_cond_hidden"], vector)


def identity_condition(p: State, identity: Tensor, dropped: Tensor, heads: int) -> tuple[Tensor, Tensor]:
    """identity (B, F, L), dropped (B,) -> tokens (B, F, D) and the identity vector (B, D).

    There is no null vector: a dropped sample's is made from its null tokens.
    """
    tokens = encoder(p, "face_encoder", linear(p, "face_projection", identity), heads)
    tokens = torch.where(dropped[:, None, None], p["face_null_cond_embed"], tokens)
    return tokens, condition_vector(p, "non_attn_face_projection", tokens)


def condition_vector(p: State, name: str, tokens: Tensor) -> Tensor:
    """The mean over time through LayerNorm, linear, SiLU, linear."""
    h = linear(p, f"{name}.1", layer_norm(p, f"{name}.0", tokens.mean(1)))
    return linear(p, f"{name}.3", F.silu(h))


def film_vectors(
    time: Tensor, identity: Tensor, audio: Tensor, conditioning: Conditioning
) -> tuple[Tensor, Tensor, Tensor]:
    """The vectors (B, D) of the lip half, of the other half, and of both once they are fused."""
    if conditioning == "paper":
        lip, other = time + identity + audio, time + identity
    else:
        # All names are one tensor, and identity is added in place under two of them.
        lip = other = time + identity + identity + audio
    return lip, other, (lip + other) / 2


# attention


def rotated(x: Tensor) -> Tensor:
    """x (B, n, D), each pair (x1, x2) turned by the place in the sequence: base 10000, interleaved."""
    places, width = x.shape[1:]
    turns = 10000.0 ** (-torch.arange(0, width, 2, dtype=torch.float64) / width)
    angles = (torch.arange(places, dtype=torch.float64)[:, None] * turns).repeat_interleave(2, -1)
    crossed = torch.stack([-x[..., 1::2], x[..., 0::2]], -1).flatten(-2)
    return x * angles.cos().to(x) + crossed * angles.sin().to(x)


def attention(p: State, name: str, x: Tensor, memory: Tensor, heads: int) -> Tensor:
    """x (B, n, D) looks at memory (B, m, D); queries and keys are rotated before they are projected, values are not."""
    weights = p[f"{name}.in_proj_weight"].chunk(3)
    biases = p[f"{name}.in_proj_bias"].chunk(3)
    read = (rotated(x), rotated(memory), memory)
    q, k, v = (
        F.linear(h, weight, bias).unflatten(-1, (heads, -1)).transpose(1, 2)
        for h, weight, bias in zip(read, weights, biases, strict=True)
    )
    shares = torch.softmax(q @ k.mT / math.sqrt(q.shape[-1]), -1)
    return linear(p, f"{name}.out_proj", (shares @ v).transpose(1, 2).flatten(2))


def encoder(p: State, name: str, x: Tensor, heads: int) -> Tensor:
    """Pre-norm layers: self-attention, then a feed-forward network with GELU."""
    for n in range(layer_count(p, name)):
        layer = f"{name}.{n}"
        h = layer_norm(p, f"{layer}.norm1", x)
        x = x + attention(p, f"{layer}.self_attn", h, h, heads)
        h = linear(p, f"{layer}.linear1", layer_norm(p, f"{layer}.norm2", x))
        x = x + linear(p, f"{layer}.linear2", F.gelu(h))
    return x


def layer_count(p: State, name: str) -> int:
    return sum(key.startswith(f"{name}.") and key.endswith(".norm1.weight") for key in p)


# decoder


def film(p: State, name: str, h: Tensor, vector: Tensor) -> Tensor:
    """h (B, n, D), vector (B, D) -> (scale + 1) h + shift."""
    scale, shift = linear(p, f"{name}.block.1", F.mish(vector))[:, None].chunk(2, -1)
    return (scale + 1) * h + shift


def decoder_layer(
    p: State,
    layer: str,
    x: Tensor,
    vectors: tuple[Tensor, Tensor, Tensor],
    lip_memory: Tensor,
    face_memory: Tensor,
    heads: int,
) -> Tensor:
    """x (B, F, 2D), the lip half first -> (B, F, 2D)."""
    lip, other = x.chunk(2, -1)
    for_lip, for_other, for_both = vectors

    def self_attention(norm: str, half: Tensor) -> Tensor:
        h = layer_norm(p, f"{layer}.{norm}", half)
        return attention(p, f"{layer}.self_attn", h, h, heads)

    def cross_attention(norm: str, half: Tensor, memory: Tensor) -> Tensor:
        return attention(p, f"{layer}.multihead_attn", layer_norm(p, f"{layer}.{norm}", half), memory, heads)

    lip = lip + film(p, f"{layer}.film1", self_attention("norm1", lip), for_lip)
    other = other + film(p, f"{layer}.film1", self_attention("norm1", other), for_other)

    lip = lip + film(p, f"{layer}.film2", cross_attention("norm2", lip, lip_memory), for_lip)
    other = other + film(p, f"{layer}.film2", self_attention("norm2", other), for_other)

    both = cross_attention("norm3", lip + other, face_memory)
    both = both + film(p, f"{layer}.film3", both, for_both)
    return linear(p, f"{layer}.linear3", both)


def forward(
    p: State,
    x: Tensor,
    identity: Tensor,
    audio: Tensor,
    t: Tensor,
    dropped: Tensor,
    conditioning: Conditioning,
    heads: int = 8,
) -> Tensor:
    """x0 as the network has it.

    Args:
        p: weights by their published names.
        x: (B, F, L), landmarks with noise.
        identity: (B, F, L), initial landmarks: the identity frame, repeated.
        audio: (B, A, 1024).
        t: (B,), 0 to 999.
        dropped: (B,), where audio and identity are withheld.
        conditioning: as the released code computes it, or as the paper draws it.
        heads: of every attention.
    Returns:
        (B, F, L).
    """
    lip = linear(p, "input_projection_lip", group(x, LIP_GROUP))
    other = linear(p, "input_projection_wo_lip", group(x, OTHER_GROUP))
    h = torch.cat([lip, other], -1)

    time_vector, time_tokens = time_embedding(p, t)
    audio_tokens, audio_vector = audio_condition(p, audio, dropped, heads)
    identity_tokens, identity_vector = identity_condition(p, identity, dropped, heads)
    vectors = film_vectors(time_vector, identity_vector, audio_vector, conditioning)
    lip_memory = layer_norm(p, "norm_cond", torch.cat([audio_tokens, time_tokens, identity_tokens], 1))
    face_memory = layer_norm(p, "norm_cond", torch.cat([time_tokens, identity_tokens], 1))

    for n in range(layer_count(p, "seqTransDecoder.stack")):
        h = decoder_layer(p, f"seqTransDecoder.stack.{n}", h, vectors, lip_memory, face_memory, heads)
    return linear(p, "final_layer", h)


def group(x: Tensor, points: list[int]) -> Tensor:
    """x (B, F, 204) -> (B, F, 3 numbers a point)."""
    return x.unflatten(-1, (68, 3))[:, :, points].flatten(2)


# guidance


def guided(
    p: State,
    x: Tensor,
    identity: Tensor,
    audio: Tensor,
    t: Tensor,
    conditioning: Conditioning,
    heads: int = 8,
    weight: float = 2.0,
) -> Tensor:
    """Classifier-free guidance: without + weight (with - without)."""
    nobody = torch.zeros(len(x), dtype=torch.bool)
    conditional = forward(p, x, identity, audio, t, nobody, conditioning, heads)
    unconditional = forward(p, x, identity, audio, t, ~nobody, conditioning, heads)
    return unconditional + weight * (conditional - unconditional)
