"""Structural similarity: Z. Wang et al., "Image Quality Assessment: From Error Visibility to Structural Similarity",
IEEE TIP 2004, as scikit-image computes it with the paper's settings (Gaussian window of 1.5 pixels)."""

import numpy as np
from skimage.metrics import structural_similarity


def ssim_map(generated: np.ndarray, real: np.ndarray) -> np.ndarray:
    """Similarity around each pixel, mean over colours: (n, H, W, 3) uint8 twice -> (n, H, W), 1 where identical."""
    maps = [
        structural_similarity(
            one,
            other,
            channel_axis=-1,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
            data_range=255,
            full=True,
        )[1].mean(-1)
        for one, other in zip(generated, real, strict=True)
    ]
    return np.stack(maps).astype(np.float32)


def ssim(similarity: np.ndarray, region: np.ndarray | None = None) -> float:
    """Mean of an (n, H, W) ``ssim_map`` over a region (n, H, W) bool, or over everything."""
    return float(similarity.mean() if region is None else similarity[region].mean())
