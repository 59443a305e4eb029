"""A decoded recording: what the models hear, and what the video will carry."""

from dataclasses import dataclass

import numpy as np

from moditalker.constants import SAMPLE_RATE


@dataclass(frozen=True, eq=False)
class Recording:
    """Sound that was decoded once and travels instead of its file.

    Attributes:
        samples: float32 (N,) in [-1, 1], mono, `SAMPLE_RATE` samples a second: for the models.
        original: float32 (M, C) in [-1, 1], the sound as it came in, mono or stereo: for the video's sound track.
        original_rate: samples a second of ``original``.
        name: of the file, for messages and reports.
    """

    samples: np.ndarray
    original: np.ndarray
    original_rate: int
    name: str

    @classmethod
    def of_samples(cls, samples: np.ndarray, name: str = "recording") -> "Recording":
        """Sound that is there as 16 kHz samples, float32 (N,), synthetic speech for example."""
        return cls(samples, samples[:, None], SAMPLE_RATE, name)

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return len(self.samples) / SAMPLE_RATE

    def part(self, start: float, stop: float) -> "Recording":
        """What lies between two times in seconds; no sample is copied."""
        model = slice(round(start * SAMPLE_RATE), round(stop * SAMPLE_RATE))
        own = slice(round(start * self.original_rate), round(stop * self.original_rate))
        return Recording(self.samples[model], self.original[own], self.original_rate, self.name)
