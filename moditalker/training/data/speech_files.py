"""Speech features of prepared clips, in files of their own, one for each encoder.

    DIR/clips/NAME/speech-ENCODER.npz    features (2T, D) float16 of the recording as it is, at 50 Hz;
                                         speeds (K,), and for each of the K variants its own variant_k (2T', D) float16

Another encoder, or more variants, so need no new tracking. A variant is the recording with another voice, in another
room, at another speed (``training.data.sound_augmentation``).
"""

import re
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from moditalker.audio.features import make_speech_encoder
from moditalker.training.data.recordings import load_sound
from moditalker.training.data.sound_augmentation import perturb
from moditalker.utils.errors import InputError

VARIANTS = 3


@dataclass(frozen=True)
class Variant:
    """The speech of a clip, as recorded or perturbed.

    Attributes:
        features: (2T', D) float16 at 50 Hz.
        speed: how many times faster than the picture it is; T' is about T / speed.
    """

    features: np.ndarray
    speed: float


def speech_file(clip: Path, encoder: str) -> Path:
    """Where the features of an encoder lie in a clip's folder."""
    return clip / f"speech-{re.sub(r'[^A-Za-z0-9.]+', '_', encoder)}.npz"


def load_speech(clip: Path, encoder: str, variants: bool) -> list[Variant]:
    """The recording as it is, then, if they are wanted, its variants.

    Raises:
        InputError: they were not made yet.
    """
    place = speech_file(clip, encoder)
    if not place.is_file():
        raise InputError(f"{clip} holds no features of {encoder}; run 'prepare --encoder {encoder}' into its folder.")
    with np.load(place) as stored:
        speech = [Variant(stored["features"], 1.0)]
        if variants:
            speech += [Variant(stored[f"variant_{k}"], float(speed)) for k, speed in enumerate(stored["speeds"])]
    return speech


def keep_speech(folder: Path, encoder: str, variants: int = VARIANTS) -> None:
    """Encode the recording of one prepared clip, unless it was encoded already.

    Args:
        folder: of the clip, with its recording, see ``training.data.recordings``.
        encoder: see ``make_speech_encoder``.
        variants: beside the recording as it is.
    """
    if speech_file(folder, encoder).is_file():
        return
    audio = load_sound(folder)
    speech = make_speech_encoder(encoder)
    made = []
    for number in range(variants):
        # From the clip's own name, so that a clip added later changes no other's variants.
        perturbed, speed = perturb(audio, np.random.default_rng((zlib.crc32(folder.name.encode()), number)))
        made.append(Variant(speech(perturbed).astype(np.float16), speed))
    arrays = {f"variant_{number}": variant.features for number, variant in enumerate(made)}
    speeds = np.array([variant.speed for variant in made], np.float32)
    partial_file = folder / f".{speech_file(folder, encoder).name}"
    np.savez(partial_file, allow_pickle=False, features=speech(audio).astype(np.float16), speeds=speeds, **arrays)
    partial_file.replace(speech_file(folder, encoder))
