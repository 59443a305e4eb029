"""Batches from prepared clips, for each of the networks. Speakers of a split are never mixed."""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from moditalker.atom.blinks import eye_closure, usual_opening
from moditalker.face.geometry import FaceFrame, transform_points
from moditalker.mtov.conditions import block_conditions
from moditalker.mtov.flow import FlowRefiner
from moditalker.training.data.augmentation import (
    bending,
    bent,
    bent_points,
    followed,
    recolouring,
    relighting,
    reshaped,
    reshaping,
    resharpening,
)
from moditalker.training.data.index import read_index
from moditalker.training.data.prepare import PREPARATION
from moditalker.training.data.silent_clips import make_silent, most_closed
from moditalker.training.data.speech_files import Variant, load_speech
from moditalker.utils.errors import InputError

BLOCK = 16


@dataclass
class PreparedClip:
    """One prepared clip; faces stay on disk until they are asked for.

    Attributes:
        landmarks: (T, 68, 3) picture space, pixels.
        matrices: (T, 2, 3) from picture space to the aligned face.
        features: (2T, D) float16, speech at 50 Hz.
        offset: frames by which the sound must be moved later to fit the picture; None when it is not known.
        variants: other ways to hear the clip, where they were asked for.
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


MIRROR = np.array(
    [
        *range(16, -1, -1),
        *range(26, 16, -1),
        27,
        28,
        29,
        30,
        35,
        34,
        33,
        32,
        31,
        45,
        44,
        43,
        42,
        47,
        46,
        39,
        38,
        37,
        36,
        41,
        40,
        54,
        53,
        52,
        51,
        50,
        49,
        48,
        59,
        58,
        57,
        56,
        55,
        64,
        63,
        62,
        61,
        60,
        67,
        66,
        65,
    ]
)
"""Which point each of the 68 becomes when left and right are exchanged."""


SHORT_WINDOW = 24
"""Frames of a window of a clip that is shorter than a long one's window."""


class MotionBatches:
    """Windows of motion with their speech, for AToM and the head pose network.

    Long and short clips come in separate batches, so that no window is padded. Each clip is heard as it is or as one of
    its variants; where that is faster or slower than the picture was, the landmarks are brought to its frames.

    Args:
        clips: of one split.
        window: frames of a window of a long clip.
        frames: frames of a batch, whatever its windows' length; at least one window is drawn.
        long_share: how many batches are drawn from clips of at least ``window`` frames.
        mirror: exchange left and right in half of the windows.
        silence: features of silence, see ``silence_features``; a stretch of one window in five is then made silent.
    """

    def __init__(
        self,
        clips: list[PreparedClip],
        window: int = 96,
        frames: int = 1536,
        long_share: float = 0.4,
        mirror: bool = True,
        silence: np.ndarray | None = None,
    ) -> None:
        self.window, self.frames, self.mirror, self.silence = window, frames, mirror, silence
        self.long = [clip for clip in clips if len(clip) >= window]
        self.short = [clip for clip in clips if len(clip) < window]
        self.long_share = long_share if self.short and self.long else float(bool(self.long))
        self._weights = np.array([len(clip) for clip in self.long], np.float64)

    def __call__(self, rng: np.random.Generator) -> dict[str, torch.Tensor]:
        """A batch.

        Returns:
            ``residual`` (B, T, 68, 3), ``pose`` (B, T, 6), ``closure`` (B, T, 1), ``identity`` (B, 68, 3),
            ``speech`` (B, 2T, D) and ``heard`` (B).
        """
        long = rng.random() < self.long_share
        if long:
            count = max(1, self.frames // self.window)
            chosen = rng.choice(len(self.long), count, p=self._weights / self._weights.sum())
            heard = [_heard(self.long[i], self.window, rng) for i in chosen]
        else:
            picks = rng.integers(len(self.short), size=max(1, self.frames // SHORT_WINDOW))
            heard = [_heard(self.short[i], 1, rng) for i in picks]
        length = self.window if long else min(SHORT_WINDOW, *(len(frames) for _, _, frames in heard))
        items = [self._item(*one, length, rng) for one in heard]
        return {key: torch.from_numpy(np.stack([item[key] for item in items])) for key in items[0]}

    def _item(
        self, clip: PreparedClip, variant: Variant, frames: np.ndarray, length: int, rng: np.random.Generator
    ) -> dict[str, np.ndarray]:
        start = int(rng.integers(len(frames) - length + 1))
        first = int(frames[start])
        landmarks = landmarks_at(clip, variant.speed, first, length)
        reference = clip.landmarks[rng.integers(len(clip))]
        flip = np.array([-1, 1, 1], np.float32)
        mirrored = self.mirror and rng.random() < 0.5
        if mirrored:
            landmarks, reference = landmarks[:, MIRROR] * flip, reference[MIRROR] * flip
        frame = FaceFrame(reference)
        residual, pose = frame.analyse(landmarks)
        wanted = np.clip(np.arange(2 * first, 2 * (first + length)), 0, len(variant.features) - 1)
        item = {
            "residual": residual,
            "pose": pose,
            "closure": eye_closure(landmarks, clip.open_eyes)[:, None],
            "identity": frame.shape,
            "speech": variant.features[wanted].astype(np.float32),
            "heard": np.array(clip.offset is not None),
        }
        if self.silence is not None and rng.random() < 0.2:
            closed = most_closed(clip.landmarks)
            if closed is not None:
                points = clip.landmarks[closed]
                points = points[MIRROR] * flip if mirrored else points
                item = make_silent(item, frame.analyse(points[None])[0][0], self.silence, rng)
        return item


def _heard(clip: PreparedClip, at_least: int, rng: np.random.Generator) -> tuple[PreparedClip, Variant, np.ndarray]:
    """A clip, a way to hear it, and the frames (n,) of that for which there is a picture; n >= ``at_least``."""
    clean = Variant(clip.features, 1.0)
    variant = (clean, *clip.variants)[rng.integers(1 + len(clip.variants))]
    frames = _pictured(clip, variant.speed)
    if len(frames) < at_least:
        variant, frames = clean, _pictured(clip, 1.0)
    return clip, variant, frames


def _pictured(clip: PreparedClip, speed: float) -> np.ndarray:
    """Frames of a variant whose place in the clip's picture, see ``landmarks_at``, lies within it; (n,) int."""
    offset = clip.offset or 0
    return np.arange(
        int(np.ceil((0.5 - offset) / speed - 0.5 - 1e-6)), int((len(clip) - 0.5 - offset) / speed - 0.5 + 1e-6) + 1
    )


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


def speaker_weights(clips: list[PreparedClip]) -> np.ndarray:
    """How often each of n clips is drawn, (n,) that sum to one.

    A speaker's share grows with the fourth root of its footage: one face's many clips must not crowd out others.
    """
    count: dict[str, int] = {}
    for clip in clips:
        count[clip.speaker] = count.get(clip.speaker, 0) + len(clip)
    weights = np.array([len(clip) / count[clip.speaker] ** 0.75 for clip in clips])
    return np.asarray(weights / weights.sum())


class BlockBatches:
    """Sixteen-frame blocks with a portrait from another moment of the same clip, for the autoencoder and MToV.

    Args:
        clips: of one split; those shorter than a block are passed over.
        blocks: of a batch.
        frames: how many frames of each block get a warp and a drawing (the decoder works frame by frame); 16 for all.
        vary: change most blocks as ``training.variety`` does: faces to come are not the few dozen here.
        refiner: of the warp's flow, see ``block_conditions``.
    """

    def __init__(
        self,
        clips: list[PreparedClip],
        blocks: int = 4,
        frames: int = BLOCK,
        vary: bool = False,
        refiner: FlowRefiner | None = None,
    ) -> None:
        self.clips = [clip for clip in clips if len(clip) >= BLOCK]
        self.blocks, self.frames, self.vary, self.refiner = blocks, frames, vary, refiner
        self._weights = speaker_weights(self.clips)

    def __call__(self, rng: np.random.Generator) -> dict[str, torch.Tensor]:
        """A batch, n = ``frames``.

        Returns:
            ``video`` (B, 3, 16, 128, 128), ``portrait`` (B, 3, 128, 128), ``warped`` (B, 3, n, 128, 128),
            ``landmark_map`` (B, 3, n, 128, 128), uint8; ``visible`` (B, 1, n, 128, 128) uint8, 0 over the lower face;
            ``displacement`` (B, 2, n, 128, 128) int8, ``loose`` and ``shift``, see ``block_conditions``; ``frames``
            (B, n) int64, which frames of the block these are.
        """
        chosen = rng.choice(len(self.clips), self.blocks, p=self._weights)
        items = [self._item(self.clips[i], rng) for i in chosen]
        return {key: torch.stack([item[key] for item in items]) for key in items[0]}

    def _item(self, clip: PreparedClip, rng: np.random.Generator) -> dict[str, torch.Tensor]:
        start = int(rng.integers(len(clip) - BLOCK + 1))
        reference = int(rng.integers(len(clip)))
        faces = np.concatenate([clip.faces(slice(start, start + BLOCK)), clip.faces(slice(reference, reference + 1))])
        matrices = clip.matrices[[*range(start, start + BLOCK), reference]]
        landmarks = clip.landmarks[[*range(start, start + BLOCK), reference]]
        if self.vary:
            faces, matrices, landmarks = varied(faces, matrices, landmarks, rng)
        stacked = torch.from_numpy(faces).permute(0, 3, 1, 2)
        video, portrait = stacked[:BLOCK].transpose(0, 1), stacked[BLOCK]
        wanted = np.sort(rng.permutation(BLOCK)[: self.frames])
        frame = FaceFrame(landmarks[BLOCK])
        motion = frame.motion(landmarks[wanted], matrices[wanted])
        conditions = block_conditions(portrait.float(), frame, matrices[BLOCK], motion, self.refiner)
        pictures = {"video": video, "portrait": portrait, **conditions}
        if rng.random() < 0.5:
            pictures = {key: value.flip(-1) for key, value in pictures.items()}
            pictures["displacement"][0].neg_()
            pictures["shift"][0].neg_()
        return {**pictures, "frames": torch.from_numpy(wanted)}


def varied(
    faces: np.ndarray, matrices: np.ndarray, landmarks: np.ndarray, rng: np.random.Generator, often: float = 0.75
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Faces (n, H, W, 3) uint8, their (n, 2, 3) matrices and (n, 68, 3) landmarks, each kind of change ``often``."""
    size = faces.shape[2]
    if rng.random() < often:
        changed = reshaping(rng, size)
        faces, matrices = reshaped(faces, changed), followed(matrices, changed)
    if rng.random() < often:
        offsets = bending(rng, size)
        faces = bent(faces, offsets)
        seen = bent_points(transform_points(matrices, landmarks), offsets)
        placed = transform_points(np.stack([cv2.invertAffineTransform(matrix) for matrix in matrices]), seen)
        landmarks = np.concatenate([placed, landmarks[..., 2:]], -1).astype(np.float32)
    for change in (resharpening(rng), relighting(rng, size), recolouring(rng)):
        if rng.random() < often:
            faces = change(faces)
    return faces, matrices, landmarks
