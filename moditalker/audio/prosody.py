"""How something is said: loudness, pitch and pauses, 50 times a second."""

import numpy as np
from scipy.ndimage import gaussian_filter1d, maximum_filter1d

from moditalker.audio.features import FEATURE_RATE, feature_frames
from moditalker.constants import SAMPLE_RATE

PROSODY = 6
"""Numbers a moment: loudness and its change, voicing, pitch and its change, and whether nobody speaks."""
_WINDOW = 1024
_LOWEST, _HIGHEST = 65.0, 400.0
"""Pitch of voices, Hz."""
_VOICED = 0.5
"""Of the autocorrelation's peak; steady voices have 0.8 and more, noise has 0.3."""
_OCTAVE_COST = 0.05
_LOUD, _RANGE = 0.9, 20.0
"""Loudness is measured against this quantile of the recording's, in steps of so many decibels."""
_PAUSE, _PAUSE_FRAMES = -1.5, 15
"""Nobody speaks where nothing within 0.3 s is louder than this."""


def prosody(samples: np.ndarray) -> np.ndarray:
    """Prosody of a recording, against its own loudness and its speaker's usual pitch.

    Pitch is the peak of the normalised autocorrelation (P. Boersma, 1993, without his correction for the window).

    Args:
        samples: (N,) float32, 16 kHz.
    Returns:
        (ceil(50 * N / 16000), 6) float32: loudness (0 where it is loud, -1 twenty decibels below), its change in a
        tenth of a second, voicing (0 to 1), pitch (octaves from the median, 0 where there is no voice), its change,
        and pause (0 or 1).
    """
    count = feature_frames(len(samples))
    hop = SAMPLE_RATE // FEATURE_RATE
    padded = np.pad(samples.astype(np.float32), (_WINDOW // 2, _WINDOW + hop))
    pieces = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::hop][:count]
    power = np.concatenate([(piece**2).mean(-1) for piece in np.array_split(pieces, max(1, count // 512))])
    level = 10 * np.log10(power + 1e-10)
    loudness = np.clip((level - np.quantile(level, _LOUD)) / _RANGE, -3, 1)
    tones = [_tone(piece) for piece in np.array_split(pieces, max(1, count // 512))]
    voicing, hertz = (np.concatenate(part) for part in zip(*tones, strict=True))
    voiced = (voicing > _VOICED) & (loudness > _PAUSE)
    octaves = np.log2(hertz)
    pitch = np.where(voiced, np.clip(octaves - np.median(octaves[voiced]), -1, 1), 0.0) if voiced.any() else 0 * octaves
    pitch = gaussian_filter1d(pitch, 1.5)
    pause = maximum_filter1d(loudness, 2 * _PAUSE_FRAMES + 1) < _PAUSE
    return np.stack([loudness, _change(loudness), voicing, pitch, _change(pitch), pause], -1).astype(np.float32)


def with_prosody(features: np.ndarray, said: np.ndarray) -> np.ndarray:
    """Speech features with how they are said behind them: (2T, D) and (n, 6) of about as long -> (2T, D + 6)."""
    lacking = max(0, len(features) - len(said))
    fitted = np.pad(said[: len(features)], ((0, lacking), (0, 0)), mode="edge")
    return np.concatenate([features, fitted.astype(features.dtype)], 1)


def _change(curve: np.ndarray) -> np.ndarray:
    """(T,) in a tenth of a second."""
    return 5 * np.gradient(gaussian_filter1d(curve, 1.5)) if len(curve) > 1 else 0 * curve


def _tone(pieces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Of (n, _WINDOW) samples: how periodic they are, 0 to 1, and at how many Hz; (n,) both."""
    shaped = pieces * np.hanning(_WINDOW).astype(np.float32)
    spectrum = np.fft.rfft(shaped, 2 * _WINDOW)
    similar = np.fft.irfft(np.abs(spectrum) ** 2)[:, : int(SAMPLE_RATE / _LOWEST) + 1]
    window = np.fft.irfft(np.abs(np.fft.rfft(np.hanning(_WINDOW), 2 * _WINDOW)) ** 2)[: similar.shape[1]]
    similar = similar / np.maximum(similar[:, :1], 1e-9) * (window[0] / window)
    shortest = int(SAMPLE_RATE / _HIGHEST)
    # What repeats after one period repeats after two: the shorter one counts.
    octaves = np.log2(np.arange(shortest, similar.shape[1]) / shortest)
    at = (similar[:, shortest:] - _OCTAVE_COST * octaves).argmax(1) + shortest
    return np.clip(similar[np.arange(len(at)), at], 0, 1), SAMPLE_RATE / at
