"""Sharpness: the cumulative probability of blur detection, CPBD.

N. D. Narvekar and L. J. Karam, "A No-Reference Image Blur Metric Based on the Cumulative Probability of Blur Detection
(CPBD)", IEEE Transactions on Image Processing 20 (9), 2011; written from the paper. The width of an edge is that of
P. Marziliano et al., "Perceptual blur and ringing metrics", Signal Processing: Image Communication 19, 2004.
"""

import cv2
import numpy as np

from moditalker.utils.errors import InputError

BLOCK = 64
"""Side of a block, pixels: about what the fovea sees at once."""
EDGE_SHARE = 0.002
"""A block counts when more than this share of its pixels are edges."""
LOW_CONTRAST = 50
WIDTH_LOW, WIDTH_HIGH = 5.0, 3.0
"""Widths in pixels at which blur is just noticed, for contrasts up to and above LOW_CONTRAST grey levels."""
EDGE_SLOPE = 2.0
"""An edge rises by more than this many grey levels a pixel, by Sobel's measure (as in the authors' experiments)."""


def _runs(steps: np.ndarray) -> np.ndarray:
    """How many true values in a row end at each place; (H, N) bool -> (H, N)."""
    index = np.arange(steps.shape[1], dtype=np.int32)
    last_break = np.maximum.accumulate(np.where(steps, np.int32(-1), index), axis=1)
    return index - last_break


def _edge_widths(grey: np.ndarray) -> np.ndarray:
    """Distance in pixels between the local extrema on either side of each upright edge, 0 elsewhere; (H, W) both."""
    across, along = cv2.Sobel(grey, cv2.CV_32F, 1, 0) / 8, cv2.Sobel(grey, cv2.CV_32F, 0, 1) / 8
    strength = np.abs(across)
    before, after = strength[1:-1, :-2], strength[1:-1, 2:]
    inner, slope = strength[1:-1, 1:-1], across[1:-1, 1:-1]
    edges = (inner > EDGE_SLOPE) & (before <= inner) & (inner > after)
    edges &= np.abs(along[1:-1, 1:-1]) <= np.tan(np.pi / 8) * inner

    difference = np.diff(grey, axis=1)
    widths = np.zeros_like(grey)
    for sign in (1, -1):
        rising = sign * difference > 0
        left = np.pad(_runs(rising), ((0, 0), (1, 0)))
        right = np.pad(_runs(rising[:, ::-1])[:, ::-1], ((0, 0), (0, 1)))
        # The edge itself is a step to either side, whatever its two neighbours say: 2 pixels at the least.
        width = left[1:-1, :-2] + right[1:-1, 2:] + 2
        widths[1:-1, 1:-1][edges & (sign * slope > 0)] = width[edges & (sign * slope > 0)]
    return widths


def cpbd(grey: np.ndarray) -> float:
    """Share of the edges whose blur is not noticed.

    The paper gives each edge a probability that its blur is seen, 1 - exp(-(width / just noticed width)^3.6), and sums
    up to 63 %, which is where the two widths are equal: the share of the edges that are no wider than that.

    Edges and their widths are taken along the rows, as in the paper. The picture is cut into blocks of 64x64 pixels
    from its top left corner; what is left over at the right and at the bottom is not looked at. The value belongs to
    the picture's size: compare pictures of the same size only.

    Args:
        grey: (H, W) uint8 in [0, 255], both sides at least 64.
    Returns:
        In [0, 1], 1 is sharp; 0 for a picture without edges.
    Raises:
        InputError: not a grey picture, or smaller than a block.
    """
    if grey.ndim != 2 or grey.dtype != np.uint8 or min(grey.shape) < BLOCK:
        raise InputError(f"Sharpness needs a grey uint8 picture of at least 64x64, not {grey.dtype} of {grey.shape}.")
    picture = grey.astype(np.float32)
    rows, columns = grey.shape[0] // BLOCK, grey.shape[1] // BLOCK

    def blocks(values: np.ndarray) -> np.ndarray:
        whole = values[: rows * BLOCK, : columns * BLOCK].reshape(rows, BLOCK, columns, BLOCK)
        return whole.transpose(0, 2, 1, 3).reshape(rows * columns, BLOCK * BLOCK)

    widths, levels = blocks(_edge_widths(picture)), blocks(picture)
    widths[np.count_nonzero(widths, axis=1) <= EDGE_SHARE * BLOCK * BLOCK] = 0
    contrast = levels.max(1) - levels.min(1)
    noticed = np.where(contrast <= LOW_CONTRAST, WIDTH_LOW, WIDTH_HIGH)[:, None]
    edges = widths > 0
    return float((widths <= noticed)[edges].mean()) if edges.any() else 0.0
