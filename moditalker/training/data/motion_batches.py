"""Windows of motion with their speech, for the networks that turn speech into motion."""

import numpy as np
import torch

from moditalker.atom.blinks import eye_closure
from moditalker.face.geometry import FaceFrame
from moditalker.face.layout import MIRRORED
from moditalker.training.data.clips import PreparedClip, landmarks_at
from moditalker.training.data.silent_clips import make_silent, most_closed
from moditalker.training.data.speech_files import Variant
from moditalker.training.data.styles import Styles

SHORT_WINDOW = 24
"""Frames of a window of a clip that is shorter than a long one's window."""


class MotionBatches:
    """Windows of motion with their speech, for AToM and the head pose network.

    Long and short clips come in separate batches, so that no window is padded. Each clip comes with its own speech or
    one of its variants; where that is faster or slower than the picture was, the landmarks are brought to its frames.

    Args:
        clips: of one split.
        window: frames of a window of a long clip.
        frames: frames of a batch, whatever its windows' length; at least one window is drawn.
        long_share: how many batches are drawn from clips of at least ``window`` frames.
        mirror: exchange left and right in half of the windows.
        silence: features of silence, see ``silence_features``; a stretch of one window in five is then made silent.
        styles: of the clips' speakers, where batches are to have them.
    """

    def __init__(
        self,
        clips: list[PreparedClip],
        window: int = 96,
        frames: int = 1536,
        long_share: float = 0.4,
        mirror: bool = True,
        silence: np.ndarray | None = None,
        styles: Styles | None = None,
    ) -> None:
        self.window, self.frames, self.mirror, self.silence = window, frames, mirror, silence
        self.styles = styles
        self.long = [clip for clip in clips if len(clip) >= window]
        self.short = [clip for clip in clips if len(clip) < window]
        self.long_share = long_share if self.short and self.long else float(bool(self.long))
        self._weights = np.array([len(clip) for clip in self.long], np.float64)

    def __call__(self, rng: np.random.Generator) -> dict[str, torch.Tensor]:
        """A batch.

        Returns:
            ``residual`` (B, T, 68, 3), ``pose`` (B, T, 6), ``closure`` (B, T, 1), ``identity`` (B, 68, 3),
            ``speech`` (B, 2T, D) and ``synchronised`` (B), whether the sound is known to fit the picture; with styles
            also ``style`` (B, 26) of other windows of the speaker, and ``styled`` (B), whether there are any.
        """
        long = rng.random() < self.long_share
        if long:
            count = max(1, self.frames // self.window)
            chosen = rng.choice(len(self.long), count, p=self._weights / self._weights.sum())
            chosen_variants = [_with_variant(self.long[i], self.window, rng) for i in chosen]
        else:
            picks = rng.integers(len(self.short), size=max(1, self.frames // SHORT_WINDOW))
            chosen_variants = [_with_variant(self.short[i], 1, rng) for i in picks]
        length = self.window if long else min(SHORT_WINDOW, *(len(frames) for _, _, frames in chosen_variants))
        items = [self._item(*one, length, rng) for one in chosen_variants]
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
            landmarks, reference = landmarks[:, MIRRORED] * flip, reference[MIRRORED] * flip
        frame = FaceFrame(reference)
        residual, pose = frame.analyse(landmarks)
        wanted = np.clip(np.arange(2 * first, 2 * (first + length)), 0, len(variant.features) - 1)
        item = {
            "residual": residual,
            "pose": pose,
            "closure": eye_closure(landmarks, clip.open_eyes)[:, None],
            "identity": frame.shape,
            "speech": variant.features[wanted].astype(np.float32),
            "synchronised": np.array(clip.offset is not None),
        }
        if self.styles is not None:
            shown = (np.array([first, first + length - 1]) + 0.5) * variant.speed - 0.5 + (clip.offset or 0)
            item |= self.styles.item(clip, shown[0], shown[1], rng)
        if self.silence is not None and rng.random() < 0.2:
            closed = most_closed(clip.landmarks)
            if closed is not None:
                points = clip.landmarks[closed]
                points = points[MIRRORED] * flip if mirrored else points
                item = make_silent(item, frame.analyse(points[None])[0][0], self.silence, rng)
        return item


def _with_variant(
    clip: PreparedClip, at_least: int, rng: np.random.Generator
) -> tuple[PreparedClip, Variant, np.ndarray]:
    """A clip, one variant of its speech, and its (n,) frames for which there is a picture; n >= ``at_least``."""
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
