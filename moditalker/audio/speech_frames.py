"""A recording as the motion networks hear it: so many frames, and two speech features to each."""

from collections.abc import Callable

import numpy as np

from moditalker.audio.features import make_speech_encoder
from moditalker.constants import FPS, SAMPLE_RATE


def frame_count(samples: np.ndarray) -> int:
    """How many frames a recording at 16 kHz gets: its length rounded, at least one."""
    return max(1, round(len(samples) / SAMPLE_RATE * FPS))


def speech_features(
    samples: np.ndarray,
    frames: int,
    encoder: str = "moonshine",
    progress: Callable[[int, int], None] | None = None,
) -> np.ndarray:
    """Encode a recording.

    Args:
        samples: (N,) float32 at 16 kHz.
        frames: T, how many frames it gets.
        encoder: name, see ``make_speech_encoder``.
        progress: called with the pieces done and how many there are.
    Returns:
        (2T, D) float32; what the recording is too short for is filled with the last feature.
    Raises:
        InputError: there is no such encoder, or its weights cannot be had.
    """
    speech = make_speech_encoder(encoder)(samples, progress)[: 2 * frames]
    return np.pad(speech, ((0, max(0, 2 * frames - len(speech))), (0, 0)), mode="edge")
