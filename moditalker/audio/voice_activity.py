"""When somebody speaks: Silero VAD (https://github.com/snakers4/silero-vad, MIT), whose package carries its model."""

from functools import lru_cache
from typing import Any

import numpy as np
import torch
from scipy.ndimage import binary_closing, binary_dilation, gaussian_filter1d

from moditalker.constants import SAMPLE_RATE

CHUNK = 512
"""Samples that the model judges at a time."""
MAYBE_SPEECH = 0.25
"""Low on purpose: speech that is taken for silence loses its lips, silence that is taken for speech is left to AToM."""
PAUSE_SECONDS = 0.3
"""A shorter pause is a part of speech: a closure, a hesitation."""
_BEFORE_SECONDS, _EASE_SECONDS = 0.12, 0.06


def speech_activity(audio: np.ndarray, frames: int, fps: float = 25.0) -> np.ndarray:
    """How far each video frame lies within speech.

    Lips start before the sound does and stop after it, so speech is taken to last a little longer on either side.

    Args:
        audio: (N,) float32 at 16 kHz, any level.
        frames: how many.
        fps: frames a second.
    Returns:
        (frames,) float32, 0 where nobody speaks, 1 where somebody may, with a smooth way between.
    """
    probability = _detector().audio_forward(torch.from_numpy(audio.astype(np.float32)), SAMPLE_RATE)[0].numpy()
    rate = SAMPLE_RATE / CHUNK
    spoken = probability > MAYBE_SPEECH
    # Padded, or the closing would take the edges of the recording for speech's.
    reach = round(PAUSE_SECONDS * rate)
    spoken = binary_closing(np.pad(spoken, reach), np.ones(reach))[reach:-reach]
    spoken = binary_dilation(spoken, np.ones(2 * round(_BEFORE_SECONDS * rate) + 1))
    times = (np.arange(len(spoken)) + 0.5) / rate
    wanted = (np.arange(frames) + 0.5) / fps
    return gaussian_filter1d(np.interp(wanted, times, spoken), _EASE_SECONDS * fps, mode="nearest").astype(np.float32)


@lru_cache(maxsize=1)
def _detector() -> Any:
    threads = torch.get_num_threads()
    from silero_vad import load_silero_vad

    torch.set_num_threads(threads)  # the import sets it to one for everybody
    return load_silero_vad(onnx=True)
