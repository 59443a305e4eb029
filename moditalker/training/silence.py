"""Silence for training: what a closed mouth sounds like.

The clips hold almost no pauses, so nothing in them teaches a network to close the mouth when nobody speaks. Here pieces
of a window are made silent: their speech features are replaced by those of room noise between sentences, and the lips
by the clip's own most closed frame, with a short way in and out.
"""

import logging
from pathlib import Path

import numpy as np

from moditalker.audio.features import FEATURE_RATE, make_speech_encoder
from moditalker.audio.load import SAMPLE_RATE
from moditalker.audio.speech import synthesize
from moditalker.face.layout import LIP_BRANCH, mouth_opening

logger = logging.getLogger(__name__)

RAMP = 3
"""Frames in which the lips close and open again."""
CLOSED = 0.03
"""A mouth is closed when its opening is below this many inter-ocular distances."""
_LEVELS_DB = (-120.0, -75.0, -65.0, -55.0, -48.0)
_SECONDS = 6.0


def silence_features(folder: Path, encoder: str) -> np.ndarray:
    """Features of room noise at several levels and colours, each followed by speech so that its level is honest.

    Args:
        folder: of prepared clips; the result is kept there as ``silence.npz``.
        encoder: name of the speech encoder.
    Returns:
        (K, n, D) float32, K recordings of n feature frames.
    """
    kept = folder / "silence.npz"
    if kept.is_file():
        with np.load(kept) as stored:
            if str(stored["encoder"]) == encoder:
                return stored["features"].astype(np.float32)
    rng = np.random.default_rng(0)
    speech = synthesize("Nobody has said a word for a while, and now somebody does.")
    speech = speech * (10 ** (-23 / 20) / np.sqrt((speech**2).mean()))
    recordings = []
    samples = int(_SECONDS * SAMPLE_RATE)
    for level in _LEVELS_DB:
        for colour in (0.0, 1.0, 2.0):
            spectrum = np.fft.rfft(rng.standard_normal(samples))
            spectrum /= np.maximum(np.arange(len(spectrum)), 8) ** (colour / 2)
            noise = np.fft.irfft(spectrum, samples)
            noise *= 10 ** (level / 20) / np.sqrt((noise**2).mean())
            joined = np.concatenate([noise, speech]).astype(np.float32)
            features = make_speech_encoder(encoder)(joined)
            recordings.append(features[: int((_SECONDS - 0.6) * FEATURE_RATE)])
    stacked = np.stack(recordings)
    np.savez(kept, features=stacked.astype(np.float16), encoder=encoder)
    return stacked


def make_silent(
    item: dict[str, np.ndarray], closed: np.ndarray, silence: np.ndarray, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    """Silence one stretch of a training window.

    Args:
        item: ``residual`` (T, 68, 3), ``speech`` (2T, D) and whatever else.
        closed: (68, 3) residual of the clip's most closed frame.
        silence: see ``silence_features``.
    Returns:
        A changed copy.
    """
    residual, speech = item["residual"].copy(), item["speech"].copy()
    frames = len(residual)
    length = int(rng.integers(min(10, frames), frames + 1))
    start = int(rng.integers(-length // 3, frames - length // 2))
    first, last = max(0, start), min(frames, start + length)
    recording = silence[rng.integers(len(silence))]
    offset = int(rng.integers(len(recording)))
    wanted = (offset + np.arange(2 * (last - first))) % len(recording)
    speech[2 * first : 2 * last] = recording[wanted]
    times = np.arange(frames)
    since = times - first if first > 0 else np.full(frames, frames)
    until = last - 1 - times if last < frames else np.full(frames, frames)
    weight = np.clip(np.minimum(since, until) / RAMP, 0, 1).astype(np.float32)
    weight = weight[:, None, None]
    residual[:, LIP_BRANCH] = (1 - weight) * residual[:, LIP_BRANCH] + weight * closed[LIP_BRANCH]
    return {**item, "residual": residual, "speech": speech}


def most_closed(landmarks: np.ndarray) -> int | None:
    """Index of the frame with the most closed mouth; (T, 68, 3) -> None when the mouth never closes."""
    opening = mouth_opening(landmarks)
    best = int(opening.argmin())
    return best if opening[best] < CLOSED else None
