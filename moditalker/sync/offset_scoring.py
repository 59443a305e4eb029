"""From a face and a recording to an offset and a confidence, as SyncNet defines them.

The embeddings of every window of the picture are compared with those of the sound 15 frames before to 15 after. Each
offset has a mean distance; the smallest names the offset, and the confidence is how far it lies under the median
(Chung and Zisserman, "Out of time", section 3.2).
"""

from dataclasses import dataclass

import numpy as np
import torch

from moditalker.sync.crops_and_mel import MEL_PER_FRAME, log_mel, mouth_crops
from moditalker.sync.expert import WINDOW, SyncExpert
from moditalker.utils.errors import InputError

MAX_OFFSET = 15
"""Frames to either side that are searched."""
LEAST_FRAMES = 25
"""Frames of picture and sound that must be left on top of each other at an offset."""
_BATCH = 256


@dataclass(frozen=True)
class SyncScore:
    """How a face and a recording fit.

    Attributes:
        offset: frames by which the sound comes late; negative when it comes early.
        confidence: median over the offsets of the mean distance, less the smallest; near 0 when nothing fits.
        distance: the smallest mean distance, 0 to 2 (embeddings have unit length).
    """

    offset: int
    confidence: float
    distance: float


@dataclass(frozen=True)
class SyncCurve:
    """Mean distances by offset.

    Attributes:
        offsets: (K,) frames, ascending; positive: the sound comes late.
        distances: (K,) each 0 to 2.
    """

    offsets: np.ndarray
    distances: np.ndarray

    def score(self) -> SyncScore:
        best = int(self.distances.argmin())
        smallest = float(self.distances[best])
        return SyncScore(int(self.offsets[best]), float(np.median(self.distances)) - smallest, smallest)

    def exact_offset(self) -> float:
        """The offset to a fraction of a frame: the lowest point of a parabola through three distances."""
        best = int(self.distances.argmin())
        if not 0 < best < len(self.distances) - 1:
            return float(self.offsets[best])
        before, lowest, after = self.distances[best - 1 : best + 2]
        bend = before - 2 * lowest + after
        return float(self.offsets[best] + (0.5 * (before - after) / bend if bend > 0 else 0.0))


def mean_curve(curves: list[SyncCurve]) -> SyncCurve:
    """The mean of several curves, over the offsets that all of them have."""
    shared = sorted(set.intersection(*(set(curve.offsets.tolist()) for curve in curves)))
    rows = [curve.distances[np.isin(curve.offsets, shared)] for curve in curves]
    return SyncCurve(np.array(shared), np.mean(rows, 0))


@torch.inference_mode()
def embed_mouths(expert: SyncExpert, mouths: np.ndarray) -> np.ndarray:
    """(T, S, S) uint8 -> (T - 4, D) float32: the window that begins at each frame."""
    pictures = torch.from_numpy(mouths).to(expert.device, expert.dtype) / 255
    windows = pictures.unfold(0, WINDOW, 1).permute(0, 3, 1, 2)
    return torch.cat([expert.embed_picture(piece) for piece in windows.split(_BATCH)]).cpu().numpy()


@torch.inference_mode()
def embed_mel(expert: SyncExpert, mel: np.ndarray) -> np.ndarray:
    """(M, bands) log-mel, M >= 20 -> ((M - 20) // 4 + 1, D) float32: the window that begins at each video frame."""
    heard = torch.from_numpy(mel).to(expert.device, expert.dtype)[None]
    return expert.embed_sound(heard)[0].cpu().numpy()


def distance_by_offset(
    picture: np.ndarray, sound: np.ndarray, max_offset: int = MAX_OFFSET, least_frames: int = LEAST_FRAMES
) -> SyncCurve:
    """Mean distance of two rows of embeddings for every offset at which enough of them meet.

    Args:
        picture: (P, D) of unit length, one a frame.
        sound: (S, D) of unit length, one a frame.
        max_offset: frames searched to either side.
        least_frames: that must be left; offsets with fewer are not in the curve.
    Raises:
        InputError: not even offset 0 leaves so many.
    """
    least = max(1, least_frames - WINDOW + 1)
    if min(len(picture), len(sound)) < least:
        raise InputError(
            f"Lip-sync needs at least {least_frames} frames of picture with their sound, and there are "
            f"{min(len(picture), len(sound)) + WINDOW - 1}; choose a longer clip."
        )
    distances = np.sqrt(np.maximum(0.0, 2.0 - 2.0 * (picture @ sound.T)))
    offsets, means = [], []
    for offset in range(-max_offset, max_offset + 1):
        diagonal = np.diagonal(distances, offset)
        if len(diagonal) >= least:
            offsets.append(offset)
            means.append(float(diagonal.mean()))
    return SyncCurve(np.array(offsets), np.array(means))


def sync_curve(expert: SyncExpert, faces: np.ndarray, audio: np.ndarray, max_offset: int = MAX_OFFSET) -> SyncCurve:
    """Mean distances of a face and a recording by offset.

    Args:
        expert: trained.
        faces: (T, 128, 128, 3) uint8, aligned, 25 a second.
        audio: (N,) float32, 16 kHz, from the first frame on.
        max_offset: frames searched to either side.
    Raises:
        InputError: less than a second of either, or faces of another shape.
    """
    mel = log_mel(audio)
    if len(faces) < LEAST_FRAMES or len(mel) < LEAST_FRAMES * MEL_PER_FRAME:
        raise InputError(
            f"Lip-sync needs a second of picture and sound, and there are {len(faces) / 25:.2f} s and "
            f"{len(audio) / 16_000:.2f} s; choose a longer clip."
        )
    return distance_by_offset(embed_mouths(expert, mouth_crops(faces)), embed_mel(expert, mel), max_offset)
