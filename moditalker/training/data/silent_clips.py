"""Silence for training: what a closed mouth sounds like.

The clips hold almost no pauses, so nothing in them teaches a network to close the mouth when nobody speaks. Here pieces
of a window are made silent: their speech features are replaced by those of room noise between sentences, and the lips
by the clip's own most closed frame, with a short way in and out.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from scipy.signal import butter, fftconvolve, sosfilt

from moditalker.audio.features import FEATURE_RATE, make_speech_encoder
from moditalker.audio.text_to_speech import synthesize
from moditalker.constants import SAMPLE_RATE
from moditalker.face.layout import LIP_BRANCH, mouth_opening
from moditalker.training.data.sound_augmentation import coloured_noise
from moditalker.training.data.speech_files import speech_file

RAMP = 3
"""Frames in which the lips close and open again."""
CLOSED = 0.03
"""A mouth is closed when its opening is below this many inter-ocular distances."""
WHOLE = 0.3
"""How often a window is silent from its first frame to its last."""
_LEVELS_DB = (-120.0, -75.0, -65.0, -55.0, -45.0)
_SLOPES = (0.0, 1.0, 2.0)
_BREATHS_DB = (-45.0, -38.0, -32.0)
_SECONDS = 6.0


def silence_features(folder: Path, encoder: str) -> np.ndarray:
    """Features of what is no speech: room noise of several levels and colours, breaths, knocks, mains hum.

    Most are followed by speech, so that their level beside it is honest; some are not, as in a recording in which
    nobody speaks and that is lifted to the level of speech.

    Args:
        folder: of prepared clips; the result is kept there as ``silence-ENCODER.npz``.
        encoder: name of the speech encoder.
    Returns:
        (K, n, D) float32, K recordings of n feature frames.
    """
    kept = folder / speech_file(Path(), encoder).name.replace("speech", "silence", 1)
    if kept.is_file():
        with np.load(kept) as stored:
            return stored["features"].astype(np.float32)
    speech = synthesize("Nobody has said a word for a while, and now somebody does.")
    speech = speech * (10 ** (-23 / 20) / np.sqrt((speech**2).mean()))
    frames = int((_SECONDS - 0.6) * FEATURE_RATE)
    recordings = []
    for sound, alone in _no_speech(np.random.default_rng(0)):
        audio = sound if alone else np.concatenate([sound, speech])
        recordings.append(make_speech_encoder(encoder)(audio.astype(np.float32))[:frames])
    stacked = np.stack(recordings)
    np.savez(kept, features=stacked.astype(np.float16))
    return stacked


def _no_speech(rng: np.random.Generator) -> Iterator[tuple[np.ndarray, bool]]:
    """Recordings of ``_SECONDS`` at 16 kHz, and whether no speech follows them."""
    samples = int(_SECONDS * SAMPLE_RATE)
    for level in _LEVELS_DB:
        for slope in _SLOPES:
            yield coloured_noise(samples, slope, rng) * 10 ** (level / 20), False
    for slope in _SLOPES:
        yield coloured_noise(samples, slope, rng) * 10 ** (-50 / 20), True
    yield np.zeros(samples), True
    band = butter(2, (300, 5000), "bandpass", fs=SAMPLE_RATE, output="sos")
    time = np.arange(samples) / SAMPLE_RATE
    for level in _BREATHS_DB:
        breath = sosfilt(band, coloured_noise(samples, 0.5, rng))
        swell = np.clip(np.sin(2 * np.pi * time / rng.uniform(0.9, 1.6)), 0, None)
        room = coloured_noise(samples, 1.0, rng) * 10 ** (-65 / 20)
        yield breath * swell * 10 ** (level / 20) + room, False
        knocks = np.zeros(samples)
        knocks[rng.integers(samples, size=12)] = rng.uniform(0.1, 0.5, 12)
        knocks = fftconvolve(knocks, coloured_noise(800, 1.0, rng) * np.exp(-np.arange(800) / 120))[:samples]
        yield knocks * 10 ** (level / 20) + room, False
        hum = sum(np.sin(2 * np.pi * 50 * k * time) / k for k in (1, 2, 3, 5))
        yield hum * 10 ** ((level - 10) / 20) + room, False


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
    if rng.random() < WHOLE:
        start, length = 0, frames
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
