"""The published samplers once more, for the tests: DDIM (J. Song et al., ICLR 2021) with eta = 1, as formulas."""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import torch
from torch import Tensor

TIMES = 1000

Step = Callable[[Tensor, Tensor, int, int, Tensor], Tensor]
"""(sample, what the network predicted, time now, time then, new noise) -> the sample of then."""


# schedules: products of 1 - beta, (1000,) double


def cosine_products() -> Tensor:
    """AToM's (Nichol & Dhariwal 2021, eq. 17): offset 0.008, betas at most 0.999."""
    share = (torch.arange(TIMES + 1, dtype=torch.float64) / TIMES + 0.008) / 1.008
    level = torch.cos(share * math.pi / 2) ** 2
    return torch.cumprod(1 - (1 - level[1:] / level[:-1]).clamp(0, 0.999), 0)


def linear_products() -> Tensor:
    """MToV's: the roots of the betas grow evenly."""
    return torch.cumprod(1 - torch.linspace(0.0015**0.5, 0.0195**0.5, TIMES, dtype=torch.float64) ** 2, 0)


def sampling_times(steps: int) -> list[int]:
    """From 999 down to -1, which stands for x0 itself: one more than there are steps."""
    return [int(time) for time in reversed(torch.linspace(-1, TIMES - 1, steps + 1).tolist())]


# steps


def ddim_step(products: Tensor, x: Tensor, clean: Tensor, noise: Tensor, now: int, then: int, fresh: Tensor) -> Tensor:
    """Eq. 12 and 16 with eta = 1."""
    if then < 0:
        return clean
    a, b = products[now], products[then]
    spread = torch.sqrt((1 - b) / (1 - a)) * torch.sqrt(1 - a / b)
    kept = torch.sqrt(1 - b - spread**2)
    return (b.sqrt() * clean + kept * noise + spread * fresh).to(x)


def atom_step(x: Tensor, predicted: Tensor, now: int, then: int, fresh: Tensor) -> Tensor:
    """The network predicts x0, which is kept in [-1, 1]; the noise is what this x0 implies."""
    products = cosine_products()
    clean = predicted.clamp(-1, 1)
    noise = (x - products[now].sqrt() * clean) / (1 - products[now]).sqrt()
    return ddim_step(products, x, clean, noise, now, then, fresh)


def mtov_step(x: Tensor, predicted: Tensor, now: int, then: int, fresh: Tensor) -> Tensor:
    """The network predicts the noise; the x0 it implies is kept in [-1, 1], and the noise stays as predicted."""
    products = linear_products()
    clean = ((x - (1 - products[now]).sqrt() * predicted) / products[now].sqrt()).clamp(-1, 1)
    return ddim_step(products, x, clean, predicted, now, then, fresh)


def noised(clean: Tensor, noise: Tensor, time: int = 250) -> Tensor:
    """MToV's start: a latent with noise."""
    level = linear_products()[time]
    return (level.sqrt() * clean + (1 - level).sqrt() * noise).to(clean)


def chain(
    step: Step, predict: Callable[[Tensor, Tensor], Tensor], x: Tensor, fresh: Sequence[Tensor], times: Sequence[int]
) -> list[Tensor]:
    """All steps along ``times``.

    Args:
        step: of which network.
        predict: (sample (B, ...), time (B,)) -> what that network predicts.
        x: (B, ...), at the first time.
        fresh: the noise of every step but the last.
        times: from the first to the last, -1.
    Returns:
        The sample after every step.
    """
    samples = []
    for (now, then), noise in zip(pairwise(times), [*fresh, torch.zeros_like(x)], strict=True):
        x = step(x, predict(x, torch.full((len(x),), now)), now, then, noise)
        samples.append(x)
    return samples
