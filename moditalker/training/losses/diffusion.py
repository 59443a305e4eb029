"""The forward process and the common part of the three diffusion objectives."""

import torch
from diffusers import DDIMScheduler


def add_noise(
    scheduler: DDIMScheduler, clean: torch.Tensor, noise: torch.Tensor | None = None, towards_noise: float = 1.0
) -> tuple[torch.Tensor, torch.Tensor]:
    """Noise a batch at random times.

    Args:
        clean: (B, ...).
        noise: the same shape; drawn when not given.
        towards_noise: 1 draws all times alike; with k, the latest are k times as likely.
    Returns:
        noisy (B, ...) and timesteps (B,).
    """
    noise = torch.randn_like(clean) if noise is None else noise
    share = torch.rand(len(clean), device=clean.device) ** (1 / towards_noise)
    steps = (
        (share * scheduler.config["num_train_timesteps"]).long().clamp_max(scheduler.config["num_train_timesteps"] - 1)
    )
    return scheduler.add_noise(clean, noise, steps), steps
