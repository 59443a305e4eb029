"""What every method of a comparison gets: one picture, one recording, written once."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from PIL import Image

from moditalker.audio.load import AudioSource, recording_of
from moditalker.constants import SAMPLE_RATE
from moditalker.face.tracker import FaceTracker
from moditalker.pipeline import frame_count
from moditalker.portrait import find_face


@dataclass(frozen=True)
class Inputs:
    """Files, and what is in them.

    Attributes:
        portrait: PNG.
        audio: WAV, 16 kHz mono.
        picture: (H, W, 3) uint8.
        landmarks: (68, 3) in its pixels.
        samples: (N,) float32 at 16 kHz.
        warnings: about the portrait.
    """

    portrait: Path
    audio: Path
    picture: np.ndarray
    landmarks: np.ndarray
    samples: np.ndarray
    warnings: list[str]

    @property
    def frames(self) -> int:
        """Of every column."""
        return frame_count(self.samples)


def prepare_inputs(
    portrait: str | Path | np.ndarray,
    audio: AudioSource,
    folder: Path,
    tracker: FaceTracker,
    crop: str = "full",
    max_seconds: float = 600.0,
) -> Inputs:
    """Read, check, crop and write both.

    Args:
        portrait: file or (H, W, 3) uint8.
        audio: see ``AudioSource``.
        folder: to write ``portrait.png`` and ``speech.wav`` to; made when missing.
        tracker: finds the face.
        crop: ``full`` keeps the picture, ``face`` cuts a square around the head.
        max_seconds: longest recording taken.
    Raises:
        InputError: no picture, no face in it, or no speech: what would fail every method.
    """
    found = find_face(portrait, crop, tracker)
    samples = recording_of(audio, max_seconds).samples
    folder.mkdir(parents=True, exist_ok=True)
    picture_file, sound_file = folder / "portrait.png", folder / "speech.wav"
    Image.fromarray(found.picture).save(picture_file)
    soundfile.write(sound_file, samples, SAMPLE_RATE, subtype="PCM_16")
    return Inputs(picture_file, sound_file, found.picture, found.landmarks, samples, list(found.warnings))
