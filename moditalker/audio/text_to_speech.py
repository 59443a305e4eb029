"""Speech from text, by one of the synthetic voices."""

import numpy as np

from moditalker.audio.voices.registry import DEFAULT_VOICE, find_voice
from moditalker.utils.errors import InputError


def synthesize(text: str, seed: int = 0, voice: str = DEFAULT_VOICE) -> np.ndarray:
    """Speak a text, offline, on the CPU.

    Args:
        text: in a language of the voice, any number of sentences.
        seed: of what is random in the voice, 0 or greater; the same text and seed give the same samples.
        voice: a name of ``audio.voices.registry``.

    Returns:
        float32 (N,) in [-1, 1], mono, `SAMPLE_RATE` samples a second.

    Raises:
        InputError: the voice cannot be had, or the text is empty or holds nothing that can be pronounced.
    """
    speaker = find_voice(voice)
    advice = f"type at least one {speaker.languages[0]} word."
    if not text.strip():
        raise InputError(f"The text to speak is empty: {advice}")
    # Punctuation alone would come out as a breath.
    pronounceable = any(character.isalnum() for character in text)
    spoken = speaker.speak(text, seed) if pronounceable else np.zeros(0, np.float32)
    if not np.any(spoken):
        raise InputError(f"The text holds nothing that can be pronounced: {advice}")
    return spoken
