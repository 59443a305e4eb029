"""One second of the shipped weights, and what it has to look like.

python -m tests.golden_run            # prints hashes: equal on one machine means equal to the last bit
python -m tests.golden_run --write    # takes today's result as what it has to look like
"""

import sys
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from unittest.mock import patch

import numpy as np
import torch
from PIL import Image

from moditalker.loading import default_weights
from moditalker.pipeline import MoDiTalkerPipeline

EXPECTED = Path(__file__).resolve().parent / "golden" / "one_second.npz"
_PORTRAIT = Path(__file__).resolve().parent.parent / "assets" / "examples" / "2-admiral" / "portrait.jpg"
_SIZE = 320, 376
"""Width and height of the portrait, pixels: small, so that the file is."""
_KEPT = slice(4, None, 7)
"""Frames that the file keeps; the landmarks of all of them are kept."""


@dataclass(frozen=True)
class GoldenRun:
    """What a run gave: ``landmarks`` (25, 68, 3) pixels and ``frames`` (25, H, W, 3) uint8."""

    landmarks: np.ndarray
    frames: np.ndarray

    @property
    def kept(self) -> np.ndarray:
        """(3, H, W, 3) uint8, three of the frames."""
        return self.frames[_KEPT]

    def hashes(self) -> dict[str, str]:
        """The first 16 hex digits of a SHA-256 over each array."""
        arrays = {"landmarks": self.landmarks, "frames": self.frames}
        return {name: sha256(np.ascontiguousarray(array).tobytes()).hexdigest()[:16] for name, array in arrays.items()}


def golden_run(pipeline: MoDiTalkerPipeline) -> GoldenRun:
    """Animate a small portrait with one second of speech, on one thread, so that sums keep their order."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    picture = Image.open(_PORTRAIT).resize(_SIZE, Image.Resampling.LANCZOS)
    with np.load(EXPECTED) as expected:
        samples = expected["samples"].astype(np.float32) / 32768
    try:
        # In float32, which CPUs round alike, whatever is fast on this one.
        with patch("moditalker.utils.precision.fast_in_bfloat16", return_value=False):
            made = pipeline(picture, samples, seed=7)
    finally:
        torch.set_num_threads(threads)
    return GoldenRun(made.landmarks, np.asarray(made.frames))


def main() -> None:
    run = golden_run(MoDiTalkerPipeline.from_pretrained(default_weights()))
    if "--write" in sys.argv:
        with np.load(EXPECTED) as expected:
            samples = expected["samples"]
        np.savez_compressed(EXPECTED, samples=samples, landmarks=run.landmarks, frames=run.kept)
    for name, value in run.hashes().items():
        sys.stdout.write(f"{name} {value}\n")


if __name__ == "__main__":
    main()
