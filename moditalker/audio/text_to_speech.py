"""Speech from text, for trying the program without a recording."""

from functools import lru_cache

import librosa
import numpy as np
from hibari import SAMPLE_RATE as VOICE_SAMPLE_RATE
from hibari import Hibari

from moditalker.constants import SAMPLE_RATE
from moditalker.utils.errors import InputError

VOICE = "heart"  # the one voice inside the package; the others would be downloaded


def synthesize(text: str, seed: int = 0) -> np.ndarray:
    """Speak English text with hibari (https://github.com/MMWilliams/hibari, Apache-2.0), offline, on the CPU.

    Args:
        text: English, any number of sentences.
        seed: of the noise part of the voice, 0 or greater; the same text and seed give the same samples.

    Returns:
        float32 (N,) in [-1, 1], mono, `SAMPLE_RATE` samples a second.

    Raises:
        InputError: the text is empty or holds nothing that can be pronounced.
    """
    if not text.strip():
        raise InputError("The text to speak is empty: type at least one English word.")
    # Punctuation alone would come out as a breath.
    pronounceable = any(character.isalnum() for character in text)
    spoken = _voice()(text, seed=seed) if pronounceable else np.zeros(0, np.float32)
    if not np.any(spoken):
        raise InputError("The text holds nothing that can be pronounced: type at least one English word.")
    samples = librosa.resample(spoken, orig_sr=VOICE_SAMPLE_RATE, target_sr=SAMPLE_RATE)
    return np.clip(samples, -1.0, 1.0).astype(np.float32)


@lru_cache(maxsize=1)
def _voice() -> Hibari:
    """The voice, loaded at its first use (about half a second)."""
    return Hibari(voice=VOICE)
