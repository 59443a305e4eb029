"""Rotary positions as the published networks apply them: neighbouring channels are a pair (J. Su et al., RoFormer)."""

import torch


def frequencies(dim: int) -> torch.Tensor:
    """(dim / 2,) angles a position, from 1 down to a ten-thousandth."""
    return 1.0 / (10000 ** (torch.arange(0, dim, 2).float() / dim))


def turn(x: torch.Tensor, sine: torch.Tensor, cosine: torch.Tensor) -> torch.Tensor:
    """Turn every pair (x1, x2) of neighbouring channels: x cos + (-x2, x1) sin.

    Args:
        x: (..., N, D), D even.
        sine, cosine: (N, D), one value for each channel; the two of a pair may differ.
    Returns:
        (..., N, D)
    """
    first, second = x.unflatten(-1, (-1, 2)).unbind(-1)
    turned = torch.stack([-second, first], -1).flatten(-2)
    return x * cosine.to(x.dtype) + turned * sine.to(x.dtype)
