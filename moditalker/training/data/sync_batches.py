"""Batches for the lip-sync expert: spans of mouths and their sound, disturbed so that only the lips are of use.

What could stand in for the lips is taken away or made unreliable: colour (the crops are grey), lighting and contrast,
the place of the mouth in the crop, its left and right, sharpness and noise, the nose above it, and of the sound its
level, its colouring and its background. All of it stays the same over a span.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np
import torch

from moditalker.sync.crops_and_mel import CROP, LEFT, MEL_BANDS, MEL_PER_FRAME, TOP, log_mel, to_grey
from moditalker.sync.expert import WINDOW
from moditalker.training.data.clips import PreparedClip
from moditalker.training.data.recordings import load_sound

SPAN = 26
"""Frames of a span; the shortest clips are not much longer."""
_MARGIN = 16


@dataclass
class ClipWithSound:
    """A prepared clip with its sound.

    Attributes:
        mel: (M, 64) float16, its recording's spectrogram at 100 Hz.
        offset: frames by which the sound must be moved later to fit the picture, to a fraction of one; None when it is
            not known.
    """

    clip: PreparedClip
    mel: np.ndarray
    offset: float | None


def with_sound(clips: list[PreparedClip], exact: dict[str, float | None] | None = None) -> list[ClipWithSound]:
    """Clips with spectrograms; needs ``keep_sound`` first.

    Args:
        exact: offsets by the clips' names, to a fraction of a frame; those of the clips themselves where it has none.
    """
    known = exact or {}
    return [
        ClipWithSound(clip, log_mel(load_sound(clip.folder)).astype(np.float16), known.get(clip.name, clip.offset))
        for clip in clips
    ]


class SyncBatches:
    """Spans of clips whose offset is known.

    Args:
        clips: of one split; those without an offset, or shorter than a span, are passed over.
        spans: of a batch, each of another draw.
        windows: of picture taken from each span; all windows of its sound are candidates.
        augment: disturb, as the module says.
    """

    def __init__(self, clips: list[ClipWithSound], spans: int = 20, windows: int = 8, augment: bool = True) -> None:
        self.clips = [item for item in clips if item.offset is not None and len(item.clip) >= SPAN]
        self.spans, self.windows, self.augment = spans, windows, augment
        # A speaker's share grows with the root of its footage, as for MToV.
        count: dict[str, int] = {}
        for item in self.clips:
            count[item.clip.speaker] = count.get(item.clip.speaker, 0) + len(item.clip)
        weights = np.array([len(item.clip) / np.sqrt(count[item.clip.speaker]) for item in self.clips])
        self._weights = weights / weights.sum()

    def __call__(self, rng: np.random.Generator) -> dict[str, torch.Tensor]:
        """``mouths`` (B, 26, 64, 64) uint8, ``mel`` (B, 104, 64) and ``windows`` (B, W), each window's first frame."""
        chosen = rng.choice(len(self.clips), self.spans, p=self._weights)
        items = [self._item(self.clips[i], rng) for i in chosen]
        return {key: torch.from_numpy(np.stack([item[key] for item in items])) for key in items[0]}

    def _item(self, item: ClipWithSound, rng: np.random.Generator) -> dict[str, np.ndarray]:
        # The picture at frame t fits the sound at frame t - offset; where the clip allows, both are there.
        offset = item.offset or 0.0
        earliest = min(max(0, math.ceil(offset)), len(item.clip) - SPAN)
        latest = math.floor(min(len(item.clip), len(item.mel) / MEL_PER_FRAME + offset)) - SPAN
        start = int(rng.integers(earliest, max(earliest, latest) + 1))
        faces = item.clip.faces(slice(start, start + SPAN))
        steps = np.arange(MEL_PER_FRAME * SPAN) + round(MEL_PER_FRAME * (start - offset))
        mel = item.mel[np.clip(steps, 0, len(item.mel) - 1)].astype(np.float32)
        if self.augment:
            mouths, mel = disturb_mouths(faces, rng), disturb_mel(mel, rng)
        else:
            mouths = to_grey(faces[:, TOP : TOP + CROP, LEFT : LEFT + CROP])
        windows = np.sort(rng.permutation(SPAN - WINDOW + 1)[: self.windows])
        return {"mouths": mouths, "mel": mel, "windows": windows}


def disturb_mouths(faces: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(T, 128, 128, 3) uint8 -> (T, 64, 64) uint8: mouth crops, moved, turned, scaled, mirrored and disturbed."""
    left, top = LEFT - _MARGIN, TOP - _MARGIN
    region = faces[:, top:, left : LEFT + CROP + _MARGIN]
    centre = _MARGIN + CROP / 2 - 0.5
    matrix = cv2.getRotationMatrix2D((centre, centre), rng.uniform(-7, 7), rng.uniform(0.88, 1.14))
    matrix[:, 2] = matrix[:, 2] + rng.uniform(-5, 5, 2) - _MARGIN
    pictures = np.stack(
        [to_grey(cv2.warpAffine(face, matrix, (CROP, CROP), borderMode=cv2.BORDER_REPLICATE)) for face in region]
    )
    if rng.random() < 0.5:
        pictures = pictures[:, :, ::-1]
    if rng.random() < 0.3:
        sigma = rng.uniform(0.4, 1.4)
        pictures = np.stack([cv2.GaussianBlur(picture, (0, 0), sigma) for picture in pictures])
    levels = 255 * np.linspace(0, 1, 256) ** rng.uniform(0.65, 1.5)
    pictures = levels.astype(np.uint8)[pictures]
    if rng.random() < 0.3:
        noise = rng.normal(0, rng.uniform(1, 6), (CROP, CROP, 8)).astype(np.int16)
        drawn = noise[..., rng.integers(8, size=len(pictures))].transpose(2, 0, 1)
        pictures = np.clip(pictures + drawn, 0, 255).astype(np.uint8)
    if rng.random() < 0.4:
        height = int(rng.integers(4, 18))
        pictures[:, :height] = int(rng.integers(256))
    if rng.random() < 0.2:
        width = int(rng.integers(4, 14))
        side = slice(width) if rng.random() < 0.5 else slice(CROP - width, CROP)
        pictures[:, :, side] = int(rng.integers(256))
    return np.ascontiguousarray(pictures)


def disturb_mel(mel: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """(M, 64) -> (M, 64) float32: another level, colouring and background, and sometimes a band missing.

    The spectrogram is a third of a decimal logarithm of power: 0.1 is 3 dB.
    """
    position = np.linspace(0, 1, MEL_BANDS)
    colouring = np.interp(position, np.linspace(0, 1, 5), rng.normal(0, 0.08, 5))
    mel = mel + rng.uniform(-0.15, 0.15) + colouring
    if rng.random() < 0.5:
        floor = np.interp(position, np.linspace(0, 1, 4), rng.uniform(-1.2, -0.1) + rng.normal(0, 0.1, 4))
        flutter = rng.normal(0, 0.05, mel.shape)
        mel = np.log10(10 ** (3 * mel) + 10 ** (3 * (floor + flutter))) / 3
    if rng.random() < 0.3:
        low = int(rng.integers(MEL_BANDS - 10))
        mel[:, low : low + int(rng.integers(3, 11))] = mel.min()
    return mel.astype(np.float32)
