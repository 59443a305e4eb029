"""Prepared clips as the trainings read them. Speakers of a split are never mixed."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from moditalker.atom.blinks import usual_opening
from moditalker.training.data.index import read_index
from moditalker.training.data.prepare import PREPARATION
from moditalker.training.data.speech_files import Variant, load_speech
from moditalker.utils.errors import InputError


@dataclass
class PreparedClip:
    """One prepared clip; faces stay on disk until they are asked for.

    Attributes:
        landmarks: (T, 68, 3) picture space, pixels.
        matrices: (T, 2, 3) from picture space to the aligned face.
        features: (2T, D) float16, speech at 50 Hz.
        offset: frames by which the sound must be moved later to fit the picture; None when it is not known.
        variants: perturbed copies of the speech, where they were asked for.
    """

    name: str
    speaker: str
    folder: Path
    landmarks: np.ndarray
    matrices: np.ndarray
    features: np.ndarray
    offset: int | None
    variants: tuple[Variant, ...] = ()

    def __len__(self) -> int:
        return len(self.landmarks)

    @cached_property
    def open_eyes(self) -> float:
        """How far the eyes are open between blinks, see ``blinks.usual_opening``."""
        return usual_opening(self.landmarks)

    def faces(self, frames: np.ndarray | slice) -> np.ndarray:
        """(n, 128, 128, 3) uint8."""
        return np.load(self.folder / "frames.npy", mmap_mode="r")[frames]

    def speech(self, start: int, stop: int) -> np.ndarray:
        """(2 (stop - start), D) float32 features of the frames, the clip's own offset removed."""
        wanted = np.arange(2 * start, 2 * stop) - 2 * (self.offset or 0)
        return self.features[np.clip(wanted, 0, len(self.features) - 1)].astype(np.float32)


def encoder_of(folder: Path) -> str:
    """Name of the speech encoder that a folder was prepared with; raises as ``load_clips`` does."""
    return str(_index(folder)["encoder"])


def _index(folder: Path) -> dict[str, Any]:
    content = read_index(folder)
    if content["preparation"] != PREPARATION:
        raise InputError(f"{folder} was prepared by another version; run 'prepare' again into the same folder.")
    return content


def load_clips(
    folder: Path,
    split: str,
    aligned_below_seconds: float = 2.0,
    *,
    encoder: str | None = None,
    variants: bool = False,
) -> list[PreparedClip]:
    """The prepared clips of a split.

    Their speech is that of ``encoder``, by default the one that ``prepare`` was last run with. Offsets
    come from ``DIR/offsets.json`` (``train offsets`` writes it). Where that says nothing of a clip, one shorter than
    ``aligned_below_seconds`` is taken as aligned in sound and picture, and a longer one's offset is None.

    Raises:
        InputError: the folder holds no prepared clips of that split, or was prepared by another version.
    """
    content = _index(folder)
    known = folder / "offsets.json"
    offsets = json.loads(known.read_text())["clips"] if known.is_file() else {}
    clips = []
    for entry in content["clips"]:
        if entry["split"] != split:
            continue
        place = folder / "clips" / entry["name"]
        with np.load(place / "motion.npz") as stored:
            landmarks, matrices = stored["landmarks"], stored["matrices"]
        clean, *others = load_speech(place, encoder or content["encoder"], variants)
        lacking = max(0, 2 * len(landmarks) - len(clean.features))
        features = np.pad(clean.features[: 2 * len(landmarks)], ((0, lacking), (0, 0)), mode="edge")
        unmeasured = 0 if len(landmarks) < 25 * aligned_below_seconds else None
        offset = offsets.get(entry["name"], {"offset": unmeasured})["offset"]
        clips.append(
            PreparedClip(entry["name"], entry["speaker"], place, landmarks, matrices, features, offset, tuple(others))
        )
    if not clips:
        raise InputError(f"{folder} holds no clip of the split {split!r}; its list needs the splits 'train' and 'val'.")
    return clips


def landmarks_at(clip: PreparedClip, speed: float, first: int, length: int) -> np.ndarray:
    """Landmarks of the frames of a variant.

    Frame j of a recording that is ``speed`` times faster shows what the picture showed at (j + 1/2) speed - 1/2, later
    by the clip's own offset; between frames, landmarks go straight.

    Args:
        clip: of T frames.
        speed: 1 for the recording as it is.
        first: frame of the variant.
        length: how many.
    Returns:
        (length, 68, 3) picture space.
    """
    place = (np.arange(first, first + length) + 0.5) * speed - 0.5 + (clip.offset or 0)
    place = np.clip(place, 0, len(clip) - 1)
    low = np.floor(place + 1e-6).astype(int)
    share = np.maximum(place - low, 0)[:, None, None].astype(np.float32)
    high = np.minimum(low + 1, len(clip) - 1)
    return clip.landmarks[low] * (1 - share) + clip.landmarks[high] * share


class Footage(Protocol):
    """What somebody is seen in: a clip, or pictures."""

    @property
    def speaker(self) -> str: ...

    def __len__(self) -> int: ...


def speaker_weights(clips: Sequence[Footage]) -> np.ndarray:
    """How often each of n clips is drawn, (n,) that sum to one.

    A speaker's share grows with the fourth root of its footage: one face's many clips must not crowd out others.
    """
    count: dict[str, int] = {}
    for clip in clips:
        count[clip.speaker] = count.get(clip.speaker, 0) + len(clip)
    weights = np.array([len(clip) / count[clip.speaker] ** 0.75 for clip in clips])
    return np.asarray(weights / weights.sum())
