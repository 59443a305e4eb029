"""The rule-based talker: lips by rules on the sound, nothing learnt.

Three things are read off the spectrum, a hundred times a second: how loud speech is, where the weight of its lower band
lies (it follows the first formant, which is high when the jaw is low: "ah" against "ee" and "oo") and where that of the
band above lies (it follows the second formant, high for spread lips, low for rounded ones: "ee" against "oo"). Centres
of gravity stand in for formants, as they do not jump from one to another. Sound that is there but lies below 500 Hz
alone is a murmur: m, b, p, and the lips are shut. G. Fant, "Acoustic Theory of Speech Production", 1960, has the
relations; lip shapes from few parameters go back to M. Cohen and D. Massaro, "Modeling coarticulation in synthetic
visual speech", 1993.
"""

import librosa
import numpy as np
from scipy.ndimage import gaussian_filter1d, maximum_filter1d

from moditalker.atom.blinks import close_eyes, settle_closure
from moditalker.atom.rest import close_lips
from moditalker.audio.voice_activity import speech_activity
from moditalker.constants import FPS, SAMPLE_RATE
from moditalker.face.layout import (
    LOWER_INNER_LIP,
    LOWER_LIP_SIDES,
    LOWER_OUTER_LIP,
    MOUTH_CORNERS,
    UPPER_INNER_LIP,
    UPPER_LIP_SIDES,
    UPPER_OUTER_LIP,
)
from moditalker.face.motion_controls import untangle
from moditalker.pipeline import frame_count

OPENING = 0.22
"""Of the mouth at its widest, inter-ocular distances; with it, openings deviate nine tenths as much as real ones do."""
SPREAD = 0.15
"""By which the mouth becomes wider or narrower, in parts of its width."""
LEAD_SECONDS = 0.04
"""Lips move before they are heard."""
BLINK_SECONDS = (2.5, 5.5)
"""Between two blinks."""

_RATE = 100
_HOP = SAMPLE_RATE // _RATE
_WINDOW = 512
_LOW, _HIGH = (250.0, 1000.0), (1000.0, 3000.0)
_MURMUR = 500.0
_RANGE_DB = 30.0
"""Below the loudest speech; what is softer does not open the mouth."""
_SMOOTH_SECONDS = 0.045

# How each point of jaw and lips takes part: in the opening (down is positive; upper and lower inner lips are one
# opening apart) and in the width (towards the side on which it lies).
_DROP = np.zeros(68, np.float32)
_DROP[UPPER_INNER_LIP] = -0.18
_DROP[UPPER_OUTER_LIP] = -0.18
_DROP[UPPER_LIP_SIDES] = -0.09
_DROP[LOWER_INNER_LIP] = 0.82
_DROP[LOWER_OUTER_LIP] = 0.8
_DROP[LOWER_LIP_SIDES] = 0.45
_DROP[MOUTH_CORNERS] = 0.15
_DROP[6:11] = 0.75
_DROP[[4, 5, 11, 12]] = 0.4
_DROP[[3, 13]] = 0.15
_MOUTH = np.arange(48, 68)


def lip_curves(samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How the lips go, from the sound alone.

    Args:
        samples: (N,) float32 at 16 kHz.
    Returns:
        opening (T,) in [0, 1] and spread (T,) in [-1, 1] (rounded to spread) for each video frame.
    """
    frames = frame_count(samples)
    power = np.abs(librosa.stft(samples, n_fft=_WINDOW, hop_length=_HOP, window="hann")) ** 2
    frequencies = librosa.fft_frequencies(sr=SAMPLE_RATE, n_fft=_WINDOW)
    voiced = power[(frequencies >= 100) & (frequencies <= 4000)].sum(0)
    level = 10 * np.log10(voiced + 1e-10)
    # The loudest speech of this recording, not of all: a whisper moves the lips too.
    loudness = np.clip(1 + (level - np.quantile(level, 0.95)) / _RANGE_DB, 0, 1)
    # Each octave weighs the same: voices fall by about 6 dB in each.
    lifted = power * (frequencies[:, None] / 1000) ** 2
    low, high = (_centre(lifted, frequencies, band) for band in (_LOW, _HIGH))
    below = power[(frequencies >= 80) & (frequencies < _MURMUR)].sum(0)
    above = power[(frequencies >= _MURMUR) & (frequencies < 4000)].sum(0)
    murmur = np.clip(np.log10((below + 1e-10) / (above + 1e-10)) - 1.0, 0, 1) * (loudness > 0.3)
    opening = loudness**1.5 * (0.55 + 0.45 * low) * (1 - maximum_filter1d(murmur, 3))
    spread = loudness * high
    # A hundred a second to 25, each frame's middle, the lead added.
    wanted = (np.arange(frames) + 0.5) / FPS + LEAD_SECONDS
    times = np.arange(power.shape[1]) / _RATE
    curves = [
        np.interp(wanted, times, gaussian_filter1d(curve, _SMOOTH_SECONDS * _RATE, mode="nearest"))
        for curve in (opening, spread)
    ]
    activity = speech_activity(samples, frames, FPS)
    return (curves[0] * activity).astype(np.float32), (curves[1] * activity).astype(np.float32)


def rule_residual(samples: np.ndarray, shape: np.ndarray, seed: int = 0) -> np.ndarray:
    """Sound to landmark residuals.

    Args:
        samples: (N,) float32 at 16 kHz.
        shape: (68, 3) the portrait in its face-centric frame, inter-ocular distances.
        seed: of the blinks' times.
    Returns:
        (T, 68, 3) float32, inter-ocular distances.
    """
    opening, spread = lip_curves(samples)
    residual = np.repeat((close_lips(shape) - shape)[None], len(opening), 0).astype(np.float32)
    residual[:, :, 1] += OPENING * opening[:, None] * _DROP
    middle = shape[_MOUTH, 0].mean()
    residual[:, _MOUTH, 0] += SPREAD * spread[:, None] * (shape[_MOUTH, 0] - middle)
    residual = close_eyes(residual, shape, _blinks(len(opening), seed))
    return untangle(residual, shape)


def _centre(power: np.ndarray, frequencies: np.ndarray, band: tuple[float, float]) -> np.ndarray:
    """Where the weight of a band lies; (F, n), (F,) -> (n,), the median at 0, usual extremes at -1 and 1."""
    inside = (frequencies >= band[0]) & (frequencies < band[1])
    chosen = power[inside]
    centre = np.log((chosen * frequencies[inside, None]).sum(0) / (chosen.sum(0) + 1e-12) + 1e-6)
    loud = chosen.sum(0) > np.quantile(chosen.sum(0), 0.5)
    low, usual, high = np.quantile(centre[loud], [0.1, 0.5, 0.9]) if loud.any() else (0.0, 0.0, 0.0)
    return np.clip((centre - usual) / max((high - low) / 2, 1e-3), -1, 1)


def _blinks(frames: int, seed: int) -> np.ndarray:
    """(T,) closure with a blink now and then, see ``blinks.settle_closure``."""
    rng = np.random.default_rng(seed)
    closure = np.zeros(frames, np.float32)
    at = rng.uniform(*BLINK_SECONDS) * FPS
    while at < frames:
        closure[int(at)] = 1.0
        at += rng.uniform(*BLINK_SECONDS) * FPS
    return settle_closure(closure)
