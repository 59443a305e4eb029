"""The voice that is always there: hibari (https://github.com/MMWilliams/hibari, Apache-2.0)."""

from functools import lru_cache

import numpy as np
from hibari import SAMPLE_RATE as VOICE_SAMPLE_RATE
from hibari import Hibari

from moditalker.audio.voices.protocol import at_our_rate

HEART = "heart"
"""The one voice inside the package; the others would be downloaded."""


class HibariVoice:
    """English. The seed is that of the noise part of the voice."""

    name = HEART
    languages = ("English",)

    def missing(self) -> str:
        """Nothing ever is."""
        return ""

    def speak(self, text: str, seed: int = 0) -> np.ndarray:
        """As ``Voice.speak``."""
        return at_our_rate(_loaded()(text, seed=seed), VOICE_SAMPLE_RATE)


@lru_cache(maxsize=1)
def _loaded() -> Hibari:
    """Loaded at its first use (about half a second)."""
    return Hibari(voice=HEART)
