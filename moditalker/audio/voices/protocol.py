"""What every synthetic voice offers."""

from typing import Protocol

import librosa
import numpy as np

from moditalker.constants import SAMPLE_RATE


class Voice(Protocol):
    """A voice that speaks text. To add one, write a class like this and name it in ``registry``."""

    @property
    def name(self) -> str:
        """How it is chosen; no other voice has it."""
        ...

    @property
    def languages(self) -> tuple[str, ...]:
        """English names of the languages that it speaks, at least one."""
        ...

    def missing(self) -> str:
        """One sentence that says what to install; empty where the voice can speak."""
        ...

    def speak(self, text: str, seed: int = 0) -> np.ndarray:
        """Speak a text offline, on the CPU.

        Args:
            text: in one of ``languages``, not empty.
            seed: of what is random in the voice; the same text and seed give the same samples.
        Returns:
            float32 (N,), mono, 16 kHz; all zeros, or N = 0, where nothing of the text can be pronounced.
        """
        ...


def at_our_rate(samples: np.ndarray, rate: int) -> np.ndarray:
    """Float (N,) at ``rate`` samples a second -> float32 (M,) in [-1, 1] at 16 kHz."""
    if len(samples) == 0:
        return np.zeros(0, np.float32)
    resampled = librosa.resample(np.asarray(samples, np.float32), orig_sr=rate, target_sr=SAMPLE_RATE)
    return np.clip(resampled, -1.0, 1.0).astype(np.float32)
