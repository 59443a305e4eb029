"""Recordings as they might have been: other voices, other rooms, other microphones, for training.

A speech encoder is cheap beside a tracker. So every clip gets its speech several times: as recorded, and in variants.
Nothing is delayed on the way, since lips are learnt from it: filters are zero-phase, an echo follows its direct sound,
and a change of speed is returned so that the picture can follow.
"""

from dataclasses import dataclass

import numpy as np
from python_stretch import Signalsmith
from scipy.signal import butter, fftconvolve, sosfiltfilt

from moditalker.constants import SAMPLE_RATE


@dataclass(frozen=True)
class Ranges:
    """What is drawn, and how often.

    Attributes:
        speed: how many times faster.
        semitones: of pitch, up or down.
        snr_db: of the added noise.
        noise_slope: exponent of the noise's power over frequency; 0 is white, 1 pink, 2 brown.
        equaliser_db: gain of each of six knots from 60 Hz to 8 kHz, up or down.
        reverberation: seconds until an echo has fallen by 60 dB.
        echo_db: of the whole echo against the direct sound.
        often: how often each of stretching, equaliser, telephone band, echo and noise is used.
    """

    speed: tuple[float, float] = (0.9, 1.1)
    semitones: float = 3.0
    snr_db: tuple[float, float] = (10.0, 30.0)
    noise_slope: tuple[float, float] = (0.0, 2.0)
    equaliser_db: float = 6.0
    reverberation: tuple[float, float] = (0.1, 0.5)
    echo_db: tuple[float, float] = (-15.0, -3.0)
    often: tuple[float, float, float, float, float] = (0.85, 0.5, 0.15, 0.4, 0.6)


def perturb(
    audio: np.ndarray,
    rng: np.random.Generator,
    ranges: Ranges = Ranges(),
) -> tuple[np.ndarray, float]:
    """One variant of a recording.

    Args:
        audio: (N,) float32 at 16 kHz.
    Returns:
        (M,) float32, and how many times faster it is: what was at t seconds is now at t / speed.
    """
    stretched, equalised, narrow, echoing, noisy = rng.random(5) < np.array(ranges.often)
    speed = 1.0
    if stretched:
        speed = float(rng.uniform(*ranges.speed))
        audio = stretch(audio, speed, float(rng.uniform(-ranges.semitones, ranges.semitones)))
    if equalised:
        audio = equalise(audio, rng.uniform(-ranges.equaliser_db, ranges.equaliser_db, 6))
    if narrow:
        audio = sosfiltfilt(butter(2, (300, 3400), "bandpass", fs=SAMPLE_RATE, output="sos"), audio)
    if echoing:
        audio = echo(audio, rng.uniform(*ranges.reverberation), rng.uniform(*ranges.echo_db), rng)
    if noisy:
        noise = coloured_noise(len(audio), rng.uniform(*ranges.noise_slope), rng)
        audio = audio + noise * np.sqrt(np.mean(audio**2)) * 10 ** (-rng.uniform(*ranges.snr_db) / 20)
    return np.asarray(audio, np.float32), speed


def stretch(audio: np.ndarray, speed: float, semitones: float) -> np.ndarray:
    """Change speed and pitch each by itself (Signalsmith Stretch, MIT); (N,) -> (about N / speed,) float32."""
    machine = Signalsmith.Stretch()
    machine.preset(1, SAMPLE_RATE)
    machine.setTransposeSemitones(semitones)
    machine.timeFactor = speed
    return np.asarray(machine.process(audio[None].astype(np.float32)))[0]


def equalise(audio: np.ndarray, gains_db: np.ndarray) -> np.ndarray:
    """Gains at knots spread evenly over the octaves from 60 Hz to 8 kHz, straight lines between; zero phase."""
    spectrum = np.fft.rfft(audio)
    knots = np.geomspace(60.0, SAMPLE_RATE / 2, len(gains_db))
    frequency = np.fft.rfftfreq(len(audio), 1 / SAMPLE_RATE)
    gain = np.interp(np.log(np.maximum(frequency, knots[0])), np.log(knots), gains_db)
    return np.fft.irfft(spectrum * 10 ** (gain / 20), len(audio))


def echo(audio: np.ndarray, seconds: float, level_db: float, rng: np.random.Generator) -> np.ndarray:
    """Add the diffuse echo of a room: noise that falls by 60 dB in so many seconds (M. Schroeder's model, 1962)."""
    time = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    response = rng.standard_normal(len(time)) * 10 ** (-3 * time / seconds)
    response *= 10 ** (level_db / 20) / np.linalg.norm(response)
    response[0] = 1.0
    return fftconvolve(audio, response)[: len(audio)]


def coloured_noise(samples: int, slope: float, rng: np.random.Generator) -> np.ndarray:
    """(samples,) of root mean square 1 whose power falls with the frequency to the power of ``slope``."""
    spectrum = np.fft.rfft(rng.standard_normal(samples))
    # Below 40 Hz it is level: rumble that nobody hears would take all of the power.
    spectrum /= np.maximum(np.fft.rfftfreq(samples, 1 / SAMPLE_RATE), 40.0) ** (slope / 2)
    noise = np.fft.irfft(spectrum, samples)
    return noise / np.sqrt(np.mean(noise**2))
