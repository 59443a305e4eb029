"""``train offsets``: by how many frames sound and picture of each long clip are apart.

Broadcast and web clips often carry an offset of their own, and a network that learns from them learns to be late. Short
clips are taken as aligned. On those of the training split a ridge regression from speech to the shape of the lips is
fitted; in each long clip its prediction is slid along the measured shape, and the best correlation names the offset. A
clip whose peak is weak or not alone gets none, and AToM then learns from it without its sound.
"""

import json
import logging
from pathlib import Path

import numpy as np

from moditalker.face.geometry import FaceFrame
from moditalker.face.layout import mouth_opening, mouth_width
from moditalker.training.data import PreparedClip, load_clips

logger = logging.getLogger(__name__)

CONTEXT = 6
"""Feature frames (50 Hz) on either side of a video frame that the regression sees."""
MAX_OFFSET = 8
RIDGE = 300.0
MIN_PEAK = 0.25
MIN_LEAD = 0.04
"""A peak counts when it is this much above every other one at least three frames away."""


def lip_shape(clip: PreparedClip) -> np.ndarray:
    """(T, 4): opening, width, and how far the lower lip and the jaw are down, each less its own mean."""
    residual, _ = FaceFrame(clip.landmarks[len(clip) // 2]).analyse(clip.landmarks)
    shape = np.stack(
        [
            mouth_opening(clip.landmarks),
            mouth_width(clip.landmarks),
            residual[:, [65, 66, 67], 1].mean(1),
            residual[:, 7:10, 1].mean(1),
        ],
        -1,
    )
    return shape - shape.mean(0)


def stacked_speech(clip: PreparedClip) -> np.ndarray:
    """(T, (2 CONTEXT + 2) D): the features around each frame, side by side."""
    around = np.arange(-CONTEXT, CONTEXT + 2)
    index = 2 * np.arange(len(clip))[:, None] + around
    return clip.features[np.clip(index, 0, len(clip.features) - 1)].reshape(len(clip), -1).astype(np.float32)


def fit_regression(clips: list[PreparedClip]) -> tuple[np.ndarray, np.ndarray]:
    """Ridge regression on standardised features; returns weights (D, 4) and the features' mean and deviation (2, D)."""
    speech = np.concatenate([stacked_speech(clip) for clip in clips])
    shape = np.concatenate([lip_shape(clip) for clip in clips])
    shape = shape / shape.std(0)
    moments = np.stack([speech.mean(0), speech.std(0) + 1e-4])
    speech -= moments[0]
    speech /= moments[1]
    gram = speech.T @ speech
    gram[np.diag_indices_from(gram)] += RIDGE * len(speech) / 100
    return np.linalg.solve(gram, speech.T @ shape), moments


def correlation_by_offset(predicted: np.ndarray, measured: np.ndarray) -> np.ndarray:
    """Mean correlation of (T, K) prediction and measurement for offsets from -MAX_OFFSET to MAX_OFFSET.

    An offset of k says that the picture at frame t fits the sound at frame t - k: the sound comes k frames early.
    """
    scores = []
    for offset in range(-MAX_OFFSET, MAX_OFFSET + 1):
        first, last = max(0, offset), len(measured) + min(0, offset)
        sound, picture = predicted[first - offset : last - offset], measured[first:last]
        sound, picture = sound - sound.mean(0), picture - picture.mean(0)
        norm = np.linalg.norm(sound, axis=0) * np.linalg.norm(picture, axis=0)
        scores.append(float(((sound * picture).sum(0) / np.maximum(norm, 1e-8)).mean()))
    return np.array(scores)


def find_offset(scores: np.ndarray) -> int | None:
    """The offset of a clear peak of ``correlation_by_offset``; None when there is none."""
    best = int(scores.argmax())
    far = np.abs(np.arange(len(scores)) - best) >= 3
    if scores[best] < MIN_PEAK or scores[best] - scores[far].max() < MIN_LEAD:
        return None
    return best - MAX_OFFSET


def measure_offsets(data: Path) -> dict[str, float]:
    """Measure every long clip and write ``offsets.json`` beside the prepared clips.

    Args:
        data: folder that ``prepare`` wrote.
    Returns:
        How many clips were measured, how many have a clear peak, and the share of held-out short clips (whose offset
        is known to be about zero) that come out within one frame, taken ten at a time to the length of a long clip.
    """
    training, validation = load_clips(data, "train"), load_clips(data, "val")
    weights, moments = fit_regression([clip for clip in training if clip.offset == 0])

    def scores(clip: PreparedClip) -> np.ndarray:
        return correlation_by_offset(((stacked_speech(clip) - moments[0]) / moments[1]) @ weights, lip_shape(clip))

    entries = {}
    for clip in (c for c in training + validation if len(c) >= 50):
        curve = scores(clip)
        entries[clip.name] = {"offset": find_offset(curve), "peak": round(float(curve.max()), 3)}
    short = [scores(clip) for clip in validation if len(clip) < 50]
    pooled = [np.mean(short[i : i + 10], 0) for i in range(0, len(short) - 9, 10)]
    right = float(np.mean([abs(int(curve.argmax()) - MAX_OFFSET) <= 1 for curve in pooled])) if pooled else float("nan")
    (data / "offsets.json").write_text(json.dumps({"clips": entries, "check_within_one": right}, indent=1))
    clear = sum(entry["offset"] is not None for entry in entries.values())
    return {"measured": float(len(entries)), "clear": float(clear), "check_within_one": right}
