"""Peak signal-to-noise ratio over a region, in decibels (ITU-T J.247, with the peak at 255)."""

import numpy as np

MAX_DB = 100.0
"""What two identical videos get."""


def psnr(generated: np.ndarray, real: np.ndarray, region: np.ndarray | None = None) -> float:
    """PSNR of a video: the squared error is averaged over all frames and pixels first.

    Args:
        generated, real: (T, H, W, 3) uint8.
        region: (T, H, W) bool, where to look; everywhere when None.
    Returns:
        Decibels, at most ``MAX_DB``.
    """
    error = (generated.astype(np.float32) - real.astype(np.float32)) ** 2
    mean = float(error.mean() if region is None else error[region].mean())
    return MAX_DB if mean == 0 else min(MAX_DB, 10 * float(np.log10(255**2 / mean)))
