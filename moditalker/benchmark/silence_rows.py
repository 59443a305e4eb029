"""What a portrait does when nobody speaks: nothing, if all is well."""

from dataclasses import dataclass

import numpy as np

from moditalker.benchmark.systems import Systems, Take
from moditalker.constants import FPS, SAMPLE_RATE
from moditalker.face.layout import mouth_opening
from moditalker.metrics.talking_video import TalkingVideo

SECONDS = 5
_NOISE_DB = -50.0
"""Of full scale, root mean square: a quiet room in front of a cheap microphone."""


def room_noise(seed: int = 0) -> np.ndarray:
    """(N,) float32 at 16 kHz: ``SECONDS`` of noise whose power falls with the frequency, as a room's does."""
    samples = SECONDS * SAMPLE_RATE
    spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal(samples))
    spectrum /= np.sqrt(np.maximum(np.arange(len(spectrum)), 50))
    noise = np.fft.irfft(spectrum, samples)
    return (noise * 10 ** (_NOISE_DB / 20) / np.sqrt((noise**2).mean())).astype(np.float32)


SOUNDS = {"silence": np.zeros(SECONDS * SAMPLE_RATE, np.float32), "noise": room_noise()}


@dataclass(frozen=True)
class Rest:
    """The mouth's opening while nobody speaks, in inter-ocular distances.

    Attributes:
        std: standard deviation as tracked on the video.
        asked_std: of the landmarks that were asked for.
        mean: as tracked.
        asked_mean: of the landmarks that were asked for.
    """

    std: float
    asked_std: float
    mean: float
    asked_mean: float


def at_rest(systems: Systems, clip: TalkingVideo, sound: str) -> Rest:
    """Give a clip's first frame a sound of ``SOUNDS`` instead of speech."""
    audio = SOUNDS[sound]
    take: Take = systems.spoken(systems.pipeline.encode_portrait(clip.frames[0]), audio, SECONDS * FPS, audio)
    shown, asked = mouth_opening(take.video.landmarks), mouth_opening(take.asked)
    return Rest(*(float(value) for value in (shown.std(), asked.std(), shown.mean(), asked.mean())))
