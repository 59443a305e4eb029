"""Parts of the aligned face that measures and losses look at."""

import torch

MOUTH_CENTRE = (64, 88)
"""x and y in the aligned face, pixels."""
CROP = 64
"""Side of the square around it, pixels."""


def perceptual_crops(video: torch.Tensor, centre: tuple[int, int], shift: tuple[int, int]) -> torch.Tensor:
    """(B, 3, n, 128, 128) -> (B n, 3, 64, 64) around a centre moved by ``shift``."""
    x = min(max(centre[0] + shift[0] - CROP // 2, 0), video.shape[-1] - CROP)
    y = min(max(centre[1] + shift[1] - CROP // 2, 0), video.shape[-2] - CROP)
    return video[..., y : y + CROP, x : x + CROP].transpose(1, 2).flatten(0, 1)
