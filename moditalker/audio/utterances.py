"""Cuts sound as it comes into utterances: when somebody begins to speak, and when he has ended."""

from collections.abc import Iterator

import numpy as np
import torch

from moditalker.audio.voice_activity import CHUNK
from moditalker.constants import SAMPLE_RATE

_SPEECH = 0.5
"""Higher than where a whole recording is looked at: what is taken for speech here has the whole face drawn."""
END_SECONDS = 0.5
"""A silence of so long ends an utterance; it is part of it, so that the lips come to rest."""
_BEFORE_SECONDS = 0.2
"""Of sound before speech was heard that belongs to it: consonants are quieter than vowels."""


class Utterances:
    """Silero's `VADIterator` (https://github.com/snakers4/silero-vad, MIT), fed with sound of any length."""

    def __init__(self) -> None:
        threads = torch.get_num_threads()
        from silero_vad import VADIterator, load_silero_vad

        torch.set_num_threads(threads)  # the import sets it to one for everybody
        # A model of its own, as it remembers what it heard.
        model = load_silero_vad(onnx=True)
        self._iterator = VADIterator(model, _SPEECH, SAMPLE_RATE, round(1000 * END_SECONDS))
        self._waiting = np.zeros(0, np.float32)
        self._before = np.zeros(0, np.float32)
        self.heard = 0
        """Samples that were looked at."""
        self.speaks = False
        """Whether somebody speaks at the end of them."""

    def __call__(self, sound: np.ndarray) -> Iterator[tuple[np.ndarray, bool]]:
        """What belongs to utterances.

        Args:
            sound: (N,) float32 at 16 kHz, any length.
        Yields:
            (n,) float32 of an utterance, and whether it begins with it. `speaks` says whether it goes on.
        """
        self._waiting = np.concatenate([self._waiting, sound])
        while len(self._waiting) >= CHUNK:
            chunk, self._waiting = self._waiting[:CHUNK], self._waiting[CHUNK:]
            self.heard += CHUNK
            spoke = self.speaks
            found = self._iterator(torch.from_numpy(chunk.copy())) or {}
            self.speaks = "start" in found or (spoke and "end" not in found)
            if spoke:
                yield chunk, False
            elif self.speaks:
                yield np.concatenate([self._before, chunk]), True
                self._before = np.zeros(0, np.float32)
            else:
                self._before = np.concatenate([self._before, chunk])[-round(_BEFORE_SECONDS * SAMPLE_RATE) :]
