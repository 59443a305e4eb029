"""Pixels that are warped, and how pictures are looked up between pixels."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
import torch
import torch.nn.functional as F


@dataclass(frozen=True)
class Grid:
    """Pixels that are warped, and the coarser lattice on which the spline is evaluated.

    Attributes:
        width, height: pixels.
        x, y: (columns,) and (rows,) places of the lattice, evenly spaced, pixels; between them displacements are
            interpolated linearly, beyond them repeated.
        matrices: (T or 1, 2, 3) picture space -> grid, of each frame or of all.
        portrait_matrix: (2, 3) picture space -> grid, of the portrait.
    """

    width: int
    height: int
    x: np.ndarray
    y: np.ndarray
    matrices: np.ndarray
    portrait_matrix: np.ndarray

    @classmethod
    def aligned(cls, portrait_matrix: np.ndarray, matrices: np.ndarray, size: int, cells: int = 64) -> "Grid":
        """Of a square view: (2, 3) and (T or 1, 2, 3) picture space -> view, its side in pixels and in cells."""
        middles = (np.arange(cells) + 0.5) * (size / cells) - 0.5
        return cls(size, size, middles, middles, matrices, portrait_matrix)

    @cached_property
    def pixels(self) -> np.ndarray:
        """(height, width, 2) float32, x and y of each pixel."""
        return np.stack(np.meshgrid(np.arange(self.width), np.arange(self.height)), -1).astype(np.float32)

    @cached_property
    def lattice(self) -> np.ndarray:
        """(rows, columns, 2) x and y of each point of the lattice."""
        return np.stack(np.meshgrid(self.x, self.y), -1)

    @cached_property
    def on_lattice(self) -> tuple[np.ndarray, ...]:
        """Columns and rows of the lattice, with fractions, that each pixel lies at: (height, width) float32 each."""
        step = np.array([self.x[1] - self.x[0], self.y[1] - self.y[0]])
        places = (self.pixels.astype(np.float64) - [self.x[0], self.y[0]]) / step
        return tuple(cv2.split(places.astype(np.float32)))

    def matrix(self, index: int) -> np.ndarray:
        """(2, 3) float64, picture space -> grid, of a frame."""
        return np.asarray(self.matrices[index if len(self.matrices) > 1 else 0], np.float64)


def looked_up(picture: np.ndarray, places: Sequence[np.ndarray]) -> np.ndarray:
    """(H, W) or (H, W, C) of any type looked up at x and y, (h, w) float32 each, the border repeated."""
    x, y = places
    return np.asarray(cv2.remap(picture, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))


def feather(size: int, margin: float) -> np.ndarray:
    """(size, size, 1) float32: one, and falling to nothing over the margin, so that no border shows."""
    ramp = np.clip(np.minimum(np.arange(size), np.arange(size)[::-1]) / margin, 0, 1)
    ramp = ramp * ramp * (3 - 2 * ramp)
    return (ramp[:, None] * ramp[None, :])[..., None].astype(np.float32)


def sample(image: torch.Tensor, displacement: torch.Tensor, mode: str = "bilinear") -> torch.Tensor:
    """Take each pixel from elsewhere, between pixels too, the border repeated.

    Args:
        image: (1 or T, C, H, W).
        displacement: (T, H, W, 2) pixels to the right and below.
        mode: ``bilinear`` or ``bicubic``.
    Returns:
        (T, C, H, W)
    """
    height, width = image.shape[-2:]
    x, y = (torch.arange(side, dtype=torch.float32) for side in (width, height))
    pixels = torch.stack(torch.meshgrid(x, y, indexing="xy"), -1).to(displacement.device)
    scale = torch.tensor([2.0 / width, 2.0 / height], device=displacement.device)
    places = (pixels + displacement + 0.5) * scale - 1
    image = image.expand(len(displacement), -1, -1, -1)
    return F.grid_sample(image, places, mode=mode, padding_mode="border", align_corners=False)
