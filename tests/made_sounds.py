"""Sounds that are no plain speech, made from numbers: music, hum, and speech whispered or sung."""

import librosa
import numpy as np
from scipy.signal import lfilter

from moditalker.constants import SAMPLE_RATE

_CHORDS = ((57, 60, 64), (53, 57, 60), (48, 52, 55), (55, 59, 62))
"""A minor, F, C, G as MIDI notes."""
_BEAT_SECONDS = 0.5
_FRAME, _HOP = 512, 128


def _hertz(note: float) -> float:
    return 440.0 * 2 ** ((note - 69) / 12)


def _times(seconds: float) -> np.ndarray:
    return np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE


def music(seconds: float, seed: int = 0) -> np.ndarray:
    """Chords, a melody, kick, snare and hi-hat at 120 beats a minute; (N,) float32, its RMS is 0.1."""
    rng, times = np.random.default_rng(seed), _times(seconds)
    mix = np.zeros(len(times) + SAMPLE_RATE)

    def add(start: float, sound: np.ndarray) -> None:
        first = round(start * SAMPLE_RATE)
        room = max(0, len(mix) - first)
        mix[first : first + len(sound)] += sound[:room]

    for beat in range(int(seconds / _BEAT_SECONDS) + 1):
        start, chord = beat * _BEAT_SECONDS, _CHORDS[beat // 4 % 4]
        if beat % 4 == 0:
            long = _times(4 * _BEAT_SECONDS)
            waves = sum(np.sign(np.sin(2 * np.pi * _hertz(note) * long)) for note in chord)
            add(start, 0.06 * waves * np.minimum(1, 20 * long) * np.exp(-0.5 * long))
        note, short = chord[rng.integers(3)] + 12 * rng.integers(1, 3), _times(_BEAT_SECONDS)
        tone = sum(np.sin(2 * np.pi * _hertz(note) * part * short) / part for part in range(1, 6))
        add(start + rng.choice([0, 0.25]), 0.25 * tone * np.exp(-5 * short))
        add(start, 0.8 * np.sin(2 * np.pi * (50 * short - 8 * np.exp(-20 * short))) * np.exp(-9 * short))
        add(start + 0.25, 0.15 * rng.standard_normal(len(short)) * np.exp(-50 * short))
        if beat % 2:
            add(start, 0.4 * rng.standard_normal(len(short)) * np.exp(-18 * short))
    return at_level(mix[: len(times)], 0.1)


def guitars(seconds: float, seed: int = 0) -> np.ndarray:
    """Distorted power chords with drums at 240 strokes a minute, where voices are; (N,) float32, its RMS is 0.1."""
    rng, stroke = np.random.default_rng(seed), _times(0.25)
    mix = np.zeros(round(seconds * SAMPLE_RATE) + len(stroke))
    for number in range(int(seconds / 0.25)):
        root, first = (40, 45, 47, 43)[number // 8 % 4], number * len(stroke)
        strings = sum(
            np.sin(2 * np.pi * _hertz(root + step) * part * stroke + rng.uniform(0, 6)) / part
            for step in (0, 7, 12)
            for part in range(1, 25)
        )
        beat = 0.5 * np.tanh(1.5 * strings) * np.exp(-2 * stroke)
        beat += (0.9 if number % 4 == 2 else 0.3) * rng.standard_normal(len(stroke)) * np.exp(-25 * stroke)
        if number % 2 == 0:
            beat += 0.8 * np.sin(2 * np.pi * (50 * stroke - 8 * np.exp(-20 * stroke))) * np.exp(-9 * stroke)
        mix[first : first + len(stroke)] += beat
    return at_level(mix[: round(seconds * SAMPLE_RATE)], 0.1)


def hum(seconds: float) -> np.ndarray:
    """Mains at 50 Hz with overtones; (N,) float32, its RMS is 0.1."""
    return at_level(sum(np.sin(2 * np.pi * 50 * part * _times(seconds)) / part for part in (1, 2, 3, 4, 6)), 0.1)


def whispered(speech: np.ndarray, seed: int = 0) -> np.ndarray:
    """The same speech without a voice: noise through the vocal tract's filters."""
    return _revoiced(speech, np.random.default_rng(seed).standard_normal(len(speech)))


def sung(speech: np.ndarray, seed: int = 0) -> np.ndarray:
    """The same speech on notes of half a second, with a vibrato."""
    notes = np.random.default_rng(seed).choice([57, 59, 60, 62, 64, 67], len(speech) // (SAMPLE_RATE // 2) + 1)
    pitch = _hertz(np.repeat(notes, SAMPLE_RATE // 2)[: len(speech)].astype(float))
    times = np.arange(len(speech)) / SAMPLE_RATE
    phase = np.cumsum(pitch * (1 + 0.01 * np.sin(2 * np.pi * 5.5 * times))) / SAMPLE_RATE
    return _revoiced(speech, np.diff(np.floor(phase), prepend=0.0) * 10 - 0.02)


def mixed(speech: np.ndarray, other: np.ndarray, decibels: float) -> np.ndarray:
    """Speech with another sound that many decibels above it, both by their RMS; the peak is at most 0.9."""
    loud = np.sqrt(np.mean(speech**2)) * 10 ** (decibels / 20)
    mix = speech + at_level(other[: len(speech)], loud)
    return (mix * min(1.0, 0.9 / np.abs(mix).max())).astype(np.float32)


def at_level(sound: np.ndarray, rms: float) -> np.ndarray:
    """(N,) float32 of that RMS."""
    return (sound * (rms / np.sqrt(np.mean(np.square(sound))))).astype(np.float32)


def _revoiced(speech: np.ndarray, source: np.ndarray) -> np.ndarray:
    """Another source through the filters that linear prediction finds in speech, at the level that speech has."""
    window = np.hanning(_FRAME)
    voiced = np.zeros(len(speech))
    for start in range(0, len(speech) - _FRAME, _HOP):
        piece = speech[start : start + _FRAME] * window
        level = np.sqrt(np.mean(piece**2))
        if level < 1e-4:
            continue
        poles = librosa.lpc((piece + 1e-6 * window).astype(float), order=18)
        new = lfilter([1.0], poles, source[start : start + _FRAME]) * window
        voiced[start : start + _FRAME] += new * (level / max(float(np.sqrt(np.mean(new**2))), 1e-9))
    return at_level(voiced, float(np.sqrt(np.mean(speech**2))))
