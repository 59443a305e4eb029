"""What the pipeline gives back."""

from dataclasses import dataclass

import numpy as np
from diffusers.utils import BaseOutput
from PIL import Image


@dataclass
class MotionOutput(BaseOutput):
    """What AToM made: ``landmarks`` (T, 68, 3) in the portrait's pixels, ``seed``, ``timings`` in seconds a stage."""

    landmarks: np.ndarray
    seed: int
    timings: dict[str, float]


@dataclass
class MoDiTalkerOutput(BaseOutput):
    """A talking portrait.

    Attributes:
        frames: (T, H, W, 3) uint8, or a list of PIL pictures with ``output_type="pil"``.
        landmarks: (T, 68, 3) float32, pixels.
        fps: 25.
        audio: (N,) float32, 16 kHz.
        seed: what was used.
        timings: seconds a stage.
    """

    frames: np.ndarray | list[Image.Image]
    landmarks: np.ndarray
    fps: int
    audio: np.ndarray
    seed: int
    timings: dict[str, float]
