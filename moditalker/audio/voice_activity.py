"""When somebody speaks: Silero VAD (https://github.com/snakers4/silero-vad, MIT), whose package carries its model.

The detector fails where music is louder than a voice, and on much of what is whispered or sung. AToM hears speech there
still. So lips rest only where the detector is believed, or where there is nothing but silence or steady noise.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import librosa
import numpy as np
import torch
from scipy.ndimage import (
    binary_closing,
    binary_dilation,
    binary_opening,
    gaussian_filter1d,
    maximum_filter1d,
    uniform_filter1d,
)

from moditalker.constants import SAMPLE_RATE

CHUNK = 512
"""Samples that the model judges at a time."""
MAYBE_SPEECH = 0.25
"""Low on purpose: speech that is taken for silence loses its lips, silence that is taken for speech is left to AToM."""
PAUSE_SECONDS = 0.3
"""A shorter pause is a part of speech: a closure, a hesitation."""
_BEFORE_SECONDS, _EASE_SECONDS = 0.12, 0.06
_RATE = SAMPLE_RATE / CHUNK

SURE_SPEECH, SURE_SECONDS = 0.9, 2.0
"""A detector that was this sure within so many seconds before or after is believed when it hears no speech."""
_STEADY_DECIBELS = 2.4
"""Within a second noise, hum and fans change by 0 to 2.1 dB, guitars by 2.7, other music and speech by 4 to 17."""
_FAINT_DECIBELS, _SILENT_DECIBELS = -15.0, -55.0
"""Below the loud parts of the recording, so that a breath is no speech; below full scale."""
_SYLLABLE_SECONDS = 0.15
"""What is shorter is a click, or the loudest moment of a breath."""
_BANDS = 24
_DOUBTFUL_SHARE = 0.2
"""Of what can be heard; in 17 clean recordings of 14 speakers it is 0."""


@dataclass(frozen=True, eq=False)
class Listening:
    """What can be heard in a recording, in chunks of `CHUNK` samples.

    Attributes:
        speech: (C,) float32, the detector's probability that somebody speaks.
        lively: (C,) bool, neither silence nor steady noise.
    """

    speech: np.ndarray
    lively: np.ndarray

    @property
    def detected(self) -> np.ndarray:
        """(C,) bool, where the detector hears speech."""
        return self.speech > MAYBE_SPEECH

    @property
    def doubtful(self) -> np.ndarray:
        """(C,) bool, where it hears none and is not believed: it is sure of nothing nearby, and the sound is lively."""
        steadied = uniform_filter1d(self.speech, 3)
        nearby = maximum_filter1d(steadied, 2 * round(SURE_SECONDS * _RATE) + 1)
        doubtful = ~self.detected & self.lively & (nearby < SURE_SPEECH)
        return binary_opening(doubtful, np.ones(round(_SYLLABLE_SECONDS * _RATE)))

    def activity(self, frames: int, fps: float = 25.0) -> np.ndarray:
        """How far each video frame lies within what AToM is followed in, see `speech_activity`."""
        return eased(self.detected | self.doubtful, frames, fps)

    @property
    def warnings(self) -> list[str]:
        """One sentence for the user where there is no speech, or where it is hard to tell; none otherwise."""
        doubtful = self.doubtful
        followed = self.detected | doubtful
        if not followed.any():
            return ["The recording holds no speech, only silence or steady noise: the mouth stays closed."]
        share = doubtful.sum() / (followed | self.lively).sum()
        if share < _DOUBTFUL_SHARE:
            return []
        if share > 1 - _DOUBTFUL_SHARE:
            return ["No speech was recognised in the recording: the lips follow whatever sounds in it."]
        return [
            f"Speech is hard to hear in {100 * share:.0f} % of the recording: the lips may follow music or noise "
            "there; a recording without them gives better lips."
        ]


def listen(audio: np.ndarray) -> Listening:
    """Look for speech.

    Args:
        audio: (N,) float32 at 16 kHz, any level.
    """
    probability = _detector().audio_forward(torch.from_numpy(audio.astype(np.float32)), SAMPLE_RATE)[0].numpy()
    return Listening(probability, lively_chunks(audio, len(probability)))


def speech_activity(audio: np.ndarray, frames: int, fps: float = 25.0) -> np.ndarray:
    """How far each video frame lies within speech, or within a sound that may be speech.

    Args:
        audio: (N,) float32 at 16 kHz, any level.
        frames: how many.
        fps: frames a second.
    Returns:
        (frames,) float32, 0 where nobody speaks, 1 where somebody may, with a smooth way between.
    """
    return listen(audio).activity(frames, fps)


def lively_chunks(audio: np.ndarray, chunks: int) -> np.ndarray:
    """Where a sound is loud enough to be meant, and its spectrum changes within a second.

    Args:
        audio: (N,) float32 at 16 kHz.
        chunks: C, how many.
    Returns:
        (C,) bool
    """
    whole = np.pad(audio, (0, max(0, chunks * CHUNK - len(audio))), mode="edge")[: chunks * CHUNK]
    level = 10 * np.log10(np.mean(np.square(whole.reshape(chunks, CHUNK), dtype=float), 1) + 1e-12)
    power = librosa.feature.melspectrogram(
        y=whole,
        sr=SAMPLE_RATE,
        n_fft=2 * CHUNK,
        hop_length=CHUNK,
        n_mels=_BANDS,
        fmin=80,
        fmax=7600,
        pad_mode="reflect",
    )[:, :chunks]
    # The first and the last column reach beyond the recording's ends.
    columns = np.clip(np.arange(chunks), 1, max(1, chunks - 3)).clip(max=chunks - 1)
    bands = uniform_filter1d(10 * np.log10(power[:, columns] + 1e-7), 3, axis=1)
    second = round(_RATE)
    mean = uniform_filter1d(bands, second, axis=1)
    change = np.sqrt(np.maximum(uniform_filter1d(bands**2, second, axis=1) - mean**2, 0)).mean(0)
    loud = np.quantile(level, 0.95)
    return (change > _STEADY_DECIBELS) & (level > max(loud + _FAINT_DECIBELS, _SILENT_DECIBELS))


def eased(spoken: np.ndarray, frames: int, fps: float = 25.0) -> np.ndarray:
    """From chunks to video frames.

    Lips start before the sound does and stop after it, so speech is taken to last a little longer on either side.

    Args:
        spoken: (C,) bool.
        frames: T.
        fps: frames a second.
    Returns:
        (T,) float32, 0 to 1.
    """
    # Padded, or the closing would take the edges of the recording for speech's.
    reach = round(PAUSE_SECONDS * _RATE)
    spoken = binary_closing(np.pad(spoken, reach), np.ones(reach))[reach:-reach]
    spoken = binary_dilation(spoken, np.ones(2 * round(_BEFORE_SECONDS * _RATE) + 1))
    times = (np.arange(len(spoken)) + 0.5) / _RATE
    wanted = (np.arange(frames) + 0.5) / fps
    return gaussian_filter1d(np.interp(wanted, times, spoken), _EASE_SECONDS * fps, mode="nearest").astype(np.float32)


@lru_cache(maxsize=1)
def _detector() -> Any:
    threads = torch.get_num_threads()
    from silero_vad import load_silero_vad

    torch.set_num_threads(threads)  # the import sets it to one for everybody
    return load_silero_vad(onnx=True)
