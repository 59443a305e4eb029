"""Faces as they are not among the clips: other light, colours, sharpness, proportions and features.

What the decoder lacks on people it never saw is people. Every change is drawn once for a block and its portrait, as if
another person had been filmed by another camera.
"""

from collections.abc import Callable

import cv2
import numpy as np

from moditalker.sync.crops_and_mel import LUMA

Pictures = np.ndarray
"""(n, H, W, 3) uint8."""


def recolouring(rng: np.random.Generator) -> Callable[[Pictures], Pictures]:
    """Another light: saturation, tint, contrast and gamma; one in eight becomes grey."""
    saturation = 0.0 if rng.random() < 0.125 else rng.uniform(0.6, 1.3)
    tint = np.exp(rng.uniform(-0.12, 0.12, 3)) if saturation else np.ones(3)
    mixing = tint[:, None] * (saturation * np.eye(3) + (1 - saturation) * LUMA)
    gamma, contrast, pivot = np.exp(rng.uniform(-0.25, 0.25)), np.exp(rng.uniform(-0.2, 0.2)), rng.uniform(0.3, 0.6)
    curve = contrast * (np.linspace(0, 1, 256) ** gamma - pivot) + pivot
    table = (255 * curve).round().clip(0, 255).astype(np.uint8)

    def recolour(pictures: Pictures) -> Pictures:
        mixed = cv2.transform(pictures.reshape(-1, pictures.shape[2], 3), mixing)
        return np.asarray(cv2.LUT(mixed, table)).reshape(pictures.shape)

    return recolour


def resharpening(rng: np.random.Generator) -> Callable[[Pictures], Pictures]:
    """Another lens: up to two thirds of the finest detail taken away, or half as much again added."""
    amount = rng.uniform(-0.67, 0.5)

    def resharpen(pictures: Pictures) -> Pictures:
        return np.stack(
            [cv2.addWeighted(p, 1 + amount, cv2.GaussianBlur(p, (0, 0), 1.0), -amount, 0) for p in pictures]
        )

    return resharpen


def relighting(rng: np.random.Generator, size: int) -> Callable[[Pictures], Pictures]:
    """Lamps elsewhere: brighter here and darker there, by up to about a third."""
    field = np.exp(_smooth(rng, (4, 4, 1), 0.12, size))

    def relight(pictures: Pictures) -> Pictures:
        return np.stack([(p * field).round().clip(0, 255).astype(np.uint8) for p in pictures])

    return relight


def bending(rng: np.random.Generator, size: int) -> np.ndarray:
    """Other features: a nose longer, lips fuller, a jaw askew, by a few pixels.

    Args:
        size: side of the aligned face, pixels.
    Returns:
        (size, size, 2) float32, how far to the right and below each pixel's colour is taken from; for ``bent``.
    """
    return _smooth(rng, (5, 5, 2), 1.6, size)


def bent(pictures: Pictures, offsets: np.ndarray) -> Pictures:
    """Pictures seen through a glass that ``bending`` made."""
    place = np.arange(len(offsets), dtype=np.float32)
    x, y = place[None] + offsets[..., 0], place[:, None] + offsets[..., 1]
    return np.stack([cv2.remap(p, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101) for p in pictures])


def bent_points(points: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Where (..., 2) points of the pictures are seen in what ``bent`` gives."""
    seen = np.array(points, np.float32)
    for _ in range(4):
        x, y = seen[..., 0].reshape(1, -1), seen[..., 1].reshape(1, -1)
        moved = cv2.remap(offsets, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        seen = (points - moved.reshape(seen.shape)).astype(np.float32)
    return seen


def _smooth(rng: np.random.Generator, shape: tuple[int, int, int], deviation: float, size: int) -> np.ndarray:
    """(size, size, shape[2]) float32: normal noise on a coarse grid, smoothly in between."""
    grid = rng.normal(0, deviation, shape).astype(np.float32)
    return cv2.resize(grid, (size, size), interpolation=cv2.INTER_CUBIC).reshape(size, size, shape[2])


def reshaping(rng: np.random.Generator, size: int) -> np.ndarray:
    """Other proportions: larger or smaller, wider or narrower, tilted, sheared and moved, about the middle.

    Args:
        size: side of the aligned face, pixels.
    Returns:
        (2, 3) float32 aligned -> aligned, to be given to ``reshaped`` and to be put after ``matrices``.
    """
    scale, stretch = np.exp(rng.uniform(-0.1, 0.1)), np.exp(rng.uniform(-0.06, 0.06))
    angle, shear = np.radians(rng.uniform(-6, 6)), rng.uniform(-0.05, 0.05)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    linear = scale * turn @ np.array([[stretch, shear], [0, 1 / stretch]])
    middle = np.full(2, (size - 1) / 2)
    shift = middle - linear @ middle + rng.uniform(-4, 4, 2)
    return np.concatenate([linear, shift[:, None]], 1).astype(np.float32)


def reshaped(pictures: Pictures, matrix: np.ndarray) -> Pictures:
    """Pictures as seen through ``matrix``; what lay outside is a reflection of what lies inside."""
    size = pictures.shape[2], pictures.shape[1]
    return np.stack([cv2.warpAffine(p, matrix, size, borderMode=cv2.BORDER_REFLECT_101) for p in pictures])


def followed(matrices: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """(n, 2, 3) affine maps, each followed by (2, 3) ``matrix``."""
    linear, shift = matrix[:, :2], matrix[:, 2]
    moved = np.concatenate([linear @ matrices[..., :2], (matrices[..., 2] @ linear.T + shift)[..., None]], -1)
    return np.asarray(moved, np.float32)
