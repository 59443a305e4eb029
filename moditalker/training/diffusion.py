"""The forward process and the common part of the three diffusion objectives."""

import torch
from diffusers import DDIMScheduler


def add_noise(
    scheduler: DDIMScheduler, clean: torch.Tensor, noise: torch.Tensor | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Noise a batch at random times.

    Args:
        clean: (B, ...).
        noise: the same shape; drawn when not given.
    Returns:
        noisy (B, ...) and timesteps (B,).
    """
    noise = torch.randn_like(clean) if noise is None else noise
    steps = torch.randint(0, scheduler.config["num_train_timesteps"], (len(clean),), device=clean.device)
    return scheduler.add_noise(clean, noise, steps), steps
