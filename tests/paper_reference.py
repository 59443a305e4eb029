"""MToV's published networks once more, for the tests: plain formulas over the published names.

Written from the description of the networks and from the papers they build on, in another style than the package: no
modules, rotations element by element, attention spelt out. AToM is in ``paper_reference_atom``, the samplers are in
``paper_reference_samplers``.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

State = dict[str, Tensor]


def linear(p: State, name: str, x: Tensor) -> Tensor:
    y = x @ p[f"{name}.weight"].T
    return y + p[f"{name}.bias"] if f"{name}.bias" in p else y


def layer_norm(p: State, name: str, x: Tensor) -> Tensor:
    centred = x - x.mean(-1, keepdim=True)
    return centred / (centred.square().mean(-1, keepdim=True) + 1e-5).sqrt() * p[f"{name}.weight"] + p[f"{name}.bias"]


def gelu(x: Tensor) -> Tensor:
    return 0.5 * x * (1 + torch.erf(x / math.sqrt(2)))


def silu(x: Tensor) -> Tensor:
    return x / (1 + torch.exp(-x))


def softmax_mix(q: Tensor, k: Tensor, v: Tensor, scale: float) -> Tensor:
    """(..., n, d), (..., m, d), (..., m, d)."""
    return torch.softmax(torch.einsum("...id,...jd->...ij", q, k) * scale, -1) @ v


# autoencoder


def turned(x: Tensor, angles: Tensor) -> Tensor:
    """Element by element: x (..., n, d), angles (n, d)."""
    y = torch.empty_like(x)
    for j in range(0, x.shape[-1], 2):
        one, two = x[..., j], x[..., j + 1]
        y[..., j] = one * angles[:, j].cos() - two * angles[:, j].sin()
        y[..., j + 1] = two * angles[:, j + 1].cos() + one * angles[:, j + 1].sin()
    return y


def time_angles(frames: int, d: int) -> Tensor:
    f = [10000 ** (-2 * (j % (d // 2)) / d) for j in range(d)]
    return torch.arange(frames, dtype=torch.float64)[:, None] * torch.tensor(f, dtype=torch.float64)


def space_angles(side: int, d: int) -> Tensor:
    scales = [5 ** (k / (d // 4 - 1)) for k in range(d // 4)]  # 2 ** (log2(5) * k / (n - 1))
    where = [-1 + 2 * i / (side - 1) for i in range(side)]
    rows = []
    for row in where:
        for column in where:
            angles = [row * s * math.pi for s in scales] + [column * s * math.pi for s in scales]
            rows.append([a for a in angles for _ in (0, 1)])
    return torch.tensor(rows, dtype=torch.float64)


def video_attention(p: State, name: str, x: Tensor, heads: int, angles: Tensor) -> Tensor:
    """(N, n, width), pre-norm and shortcut."""
    q, k, v = linear(p, f"{name}.fn.to_qkv", layer_norm(p, f"{name}.norm", x)).chunk(3, -1)
    q, k, v = (y.reshape(*y.shape[:-1], heads, -1).transpose(-2, -3) for y in (q, k, v))
    q = q * q.shape[-1] ** -0.5
    mixed = softmax_mix(turned(q, angles), turned(k, angles), v, 1.0)
    return x + linear(p, f"{name}.fn.to_out.0", mixed.transpose(-2, -3).flatten(-2))


def time_space(p: State, name: str, x: Tensor, heads: int) -> Tensor:
    """(B, T, h, w, width) through all layers."""
    frames, side = x.shape[1], x.shape[2]
    d = p[f"{name}.layers.0.0.fn.to_qkv.weight"].shape[0] // 3 // heads
    n = 0
    while f"{name}.layers.{n}.0.norm.weight" in p:
        layer = f"{name}.layers.{n}"
        for b in range(len(x)):
            by_place = x[b].flatten(1, 2).transpose(0, 1)
            by_place = video_attention(p, f"{layer}.0", by_place, heads, time_angles(frames, d))
            by_frame = by_place.transpose(0, 1)
            by_frame = video_attention(p, f"{layer}.1", by_frame, heads, space_angles(side, d))
            h = linear(p, f"{layer}.2.fn.net.0", layer_norm(p, f"{layer}.2.norm", by_frame))
            h = h[..., : h.shape[-1] // 2] * gelu(h[..., h.shape[-1] // 2 :])
            x = x.clone()
            x[b] = (by_frame + linear(p, f"{layer}.2.fn.net.3", h)).reshape(x[b].shape)
        n += 1
    return x


def pool(p: State, plane: str, tokens: Tensor) -> Tensor:
    """(N, n, width) -> (N, width)."""
    x = torch.cat([tokens, p[f"{plane}_token"].expand(len(tokens), 1, -1)], 1) + p[f"{plane}_pos_embedding"]
    n = 0
    while f"{plane}_quant_attn.layers.{n}.0.norm.weight" in p:
        layer = f"{plane}_quant_attn.layers.{n}"
        q, k, v = linear(p, f"{layer}.0.fn.to_qkv", layer_norm(p, f"{layer}.0.norm", x)).chunk(3, -1)
        q, k, v = (y.reshape(*y.shape[:-1], 4, -1).transpose(1, 2) for y in (q, k, v))
        mixed = softmax_mix(q, k, v, q.shape[-1] ** -0.5).transpose(1, 2).flatten(2)
        x = x + linear(p, f"{layer}.0.fn.to_out.0", mixed)
        h = linear(p, f"{layer}.1.fn.net.0", layer_norm(p, f"{layer}.1.norm", x))
        x = x + linear(p, f"{layer}.1.fn.net.3", gelu(h))
        n += 1
    return x[:, 0]


def encode(p: State, video: Tensor, patch: int, heads: int) -> Tensor:
    """(B, 3, T, H, W) -> (B, C, S)."""
    batch, _, frames, size, _ = video.shape
    side = size // patch
    patches = torch.empty(batch, frames, side, side, 3 * patch * patch, dtype=video.dtype)
    for row in range(side):
        for column in range(side):
            cut = video[..., row * patch : (row + 1) * patch, column * patch : (column + 1) * patch]
            patches[:, :, row, column] = cut.permute(0, 2, 3, 4, 1).flatten(2)  # row in patch, column in patch, channel
    x = time_space(p, "encoder", linear(p, "encoder.to_patch_embedding", patches), heads)
    latents = []
    for b in range(batch):
        xy = torch.stack([pool(p, "xy", x[b, :, i].transpose(0, 1)) for i in range(side)])  # rows, columns
        yt = torch.stack([pool(p, "yt", x[b, t].transpose(0, 1)) for t in range(frames)])  # frames, columns
        xt = torch.stack([pool(p, "xt", x[b, t]) for t in range(frames)])  # frames, rows
        flat = [
            torch.tanh(plane.flatten(0, 1) @ p[f"pre_{name}.weight"][:, :, 0, 0].T + p[f"pre_{name}.bias"])
            for name, plane in (("xy", xy), ("yt", yt), ("xt", xt))
        ]
        latents.append(torch.cat(flat).T)
    return torch.stack(latents)


def decode(p: State, latent: Tensor, frames: int, side: int, patch: int, heads: int) -> Tensor:
    """(B, C, S) -> (B, 3, T, H, W)."""
    first, second = side * side, side * side + frames * side
    parts = {"xy": latent[..., :first], "yt": latent[..., first:second], "xt": latent[..., second:]}
    wide = {
        name: torch.einsum("oc,bcs->bso", p[f"post_{name}.weight"][:, :, 0, 0], part) + p[f"post_{name}.bias"]
        for name, part in parts.items()
    }
    xy = wide["xy"].reshape(len(latent), 1, side, side, -1)
    yt = wide["yt"].reshape(len(latent), frames, 1, side, -1)
    xt = wide["xt"].reshape(len(latent), frames, side, 1, -1)
    x = time_space(p, "decoder", xy + yt + xt, heads)
    pixels = torch.einsum("bthwc,coij->bothiwj", x, p["to_pixel.1.weight"])
    video = pixels.reshape(len(latent), 3, frames, side * patch, side * patch)
    video = video + p["to_pixel.1.bias"].reshape(1, 3, 1, 1, 1)
    return 2 / (1 + torch.exp(-video)) - 1


# U-Net


def group_norm(p: State, name: str, x: Tensor) -> Tensor:
    grouped = x.reshape(len(x), 32, -1)
    centred = grouped - grouped.mean(-1, keepdim=True)
    normal = (centred / (centred.square().mean(-1, keepdim=True) + 1e-5).sqrt()).reshape(x.shape)
    shape = (1, -1, *[1] * (x.dim() - 2))
    return normal * p[f"{name}.weight"].reshape(shape) + p[f"{name}.bias"].reshape(shape)


def convolution(p: State, name: str, x: Tensor) -> Tensor:
    weight = p[f"{name}.weight"]
    return F.conv2d(x, weight, p[f"{name}.bias"], padding=weight.shape[-1] // 2)


def residual(p: State, name: str, x: Tensor, emb: Tensor, size: str) -> Tensor:
    def resized(y: Tensor) -> Tensor:
        if size == "down":
            return (y[..., ::2, ::2] + y[..., 1::2, ::2] + y[..., ::2, 1::2] + y[..., 1::2, 1::2]) / 4
        return y.repeat_interleave(2, -1).repeat_interleave(2, -2) if size == "up" else y

    h = convolution(p, f"{name}.in_layers.2", resized(silu(group_norm(p, f"{name}.in_layers.0", x))))
    both = linear(p, f"{name}.emb_layers.1", silu(emb))[:, :, None, None]
    scale, shift = both[:, : both.shape[1] // 2], both[:, both.shape[1] // 2 :]
    h = group_norm(p, f"{name}.out_layers.0", h) * (1 + scale) + shift
    h = convolution(p, f"{name}.out_layers.3", silu(h))
    x = resized(x)
    return h + (convolution(p, f"{name}.skip_connection", x) if f"{name}.skip_connection.weight" in p else x)


def place_attention(p: State, name: str, x: Tensor, heads: int) -> Tensor:
    flat = x.flatten(2)
    qkv = torch.einsum("oc,bcn->bon", p[f"{name}.qkv.weight"][..., 0], group_norm(p, f"{name}.norm", flat))
    qkv = qkv + p[f"{name}.qkv.bias"][:, None]
    size = qkv.shape[1] // (3 * heads)
    out = []
    for head in range(heads):
        q, k, v = qkv[:, 3 * head * size : 3 * (head + 1) * size].split(size, 1)
        weights = torch.softmax(torch.einsum("bct,bcs->bts", q * size**-0.25, k * size**-0.25), -1)
        out.append(torch.einsum("bts,bcs->bct", weights, v))
    mixed = torch.einsum("oc,bcn->bon", p[f"{name}.proj_out.weight"][..., 0], torch.cat(out, 1))
    return (flat + mixed + p[f"{name}.proj_out.bias"][:, None]).reshape(x.shape)


def unet(
    p: State, z: Tensor, condition: Tensor, identity: Tensor, t: Tensor, frames: int, side: int, heads: int
) -> Tensor:
    """z (B, C, S), condition (B, 2C, S), identity (B, C, side ** 2), t (B,) -> the noise."""
    p = {name.removeprefix("diffusion_model."): value for name, value in p.items()}
    width = p["time_embed.0.weight"].shape[1]
    angles = t[:, None] * torch.exp(-math.log(10000) * torch.arange(width // 2, dtype=z.dtype) / (width // 2))
    emb = torch.cat([angles.cos(), angles.sin()], 1)
    emb = linear(p, "time_embed.2", silu(linear(p, "time_embed.0", emb)))
    padded = torch.zeros_like(z)
    padded[..., : identity.shape[-1]] = identity
    everything = torch.cat([z, condition, padded], 1)
    s = side * side
    planes = [
        everything[..., :s].reshape(*everything.shape[:2], side, side),
        everything[..., s : s + frames * side].reshape(*everything.shape[:2], frames, side),
        everything[..., s + frames * side :].reshape(*everything.shape[:2], frames, side),
    ]

    def within(block: str, plane: Tensor, size: str) -> Tensor:
        part = 0
        while any(name.startswith(f"{block}.{part}.") for name in p):
            if f"{block}.{part}.qkv.weight" in p:
                plane = place_attention(p, f"{block}.{part}", plane, heads)
            elif f"{block}.{part}.in_layers.0.weight" in p:
                # The only block of its list is a smaller picture's, one at the end a larger one's.
                resizes = size if size == "down" or part > 0 else ""
                plane = residual(p, f"{block}.{part}", plane, emb, resizes)
            else:
                plane = convolution(p, f"{block}.{part}", plane)
            part += 1
        return plane

    def across(name: str, planes: list[Tensor]) -> list[Tensor]:
        sizes = [plane[0, 0].numel() for plane in planes]
        joined = place_attention(p, name, torch.cat([plane.flatten(2) for plane in planes], 2), heads)
        return [part.reshape(plane.shape) for part, plane in zip(joined.split(sizes, 2), planes, strict=True)]

    stack = []
    n = 0
    while any(name.startswith(f"input_blocks.{n}.") for name in p):
        downs = n > 0 and n % 3 == 0
        planes = [within(f"input_blocks.{n}", plane, "down" if downs else "") for plane in planes]
        planes = planes if n == 0 else across(f"input_attns.{n}", planes)
        stack.append(planes)
        n += 1
    planes = [within("middle_block", plane, "") for plane in planes]
    planes = across("mid_attn", planes)
    n = 0
    while any(name.startswith(f"output_blocks.{n}.") for name in p):
        planes = [torch.cat([plane, kept], 1) for plane, kept in zip(planes, stack.pop(), strict=True)]
        planes = across(f"output_attns.{n}", [within(f"output_blocks.{n}", plane, "up") for plane in planes])
        n += 1
    out = [convolution(p, "out.2", silu(group_norm(p, "out.0", plane))).flatten(2) for plane in planes]
    return torch.cat(out, 2)
