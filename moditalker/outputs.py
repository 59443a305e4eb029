"""What a pipeline gives back: motion alone, and a whole video."""

from dataclasses import dataclass, field

import numpy as np
from diffusers.utils import BaseOutput
from PIL import Image

from moditalker.atom.motion import Motion


@dataclass
class MotionOutput(BaseOutput):
    """What AToM made.

    Attributes:
        landmarks: (T, 68, 3) in the portrait's pixels.
        seed: what was used.
        timings: seconds a stage.
        warnings: for the user, about the recording.
        motion: what the landmarks are made of; it can be changed, kept (``atom.motion_file``) and rendered.
    """

    landmarks: np.ndarray
    seed: int
    timings: dict[str, float]
    warnings: list[str] = field(default_factory=list)
    motion: Motion | None = None


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
        warnings: for the user, about the portrait and the recording.
    """

    frames: np.ndarray | list[Image.Image]
    landmarks: np.ndarray
    fps: int
    audio: np.ndarray
    seed: int
    timings: dict[str, float]
    warnings: list[str] = field(default_factory=list)
