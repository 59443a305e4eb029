"""What every measure is taken on: a video of one talking face, tracked."""

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter1d

from moditalker.audio.load import load_audio
from moditalker.constants import FPS, SAMPLES_A_FRAME
from moditalker.face.geometry import ALIGNED_SIZE, aligned_face, aligning_matrix
from moditalker.face.tracker import FaceTracker
from moditalker.metrics.face_crops import CROP, MOUTH_CENTRE
from moditalker.utils.errors import InputError
from moditalker.video.read import read_video

logger = logging.getLogger(__name__)

MAX_SIDE = 512
"""Larger videos are scaled down to this many pixels: what is measured is the face, at 128 of them."""


@dataclass(frozen=True)
class TalkingVideo:
    """A video of one talking face at 25 frames a second.

    Attributes:
        frames: (T, H, W, 3) uint8 RGB.
        landmarks: (T, 68, 3) float32, pixels of the frames, as a tracker sees them in these frames.
        audio: (N,) float32 in [-1, 1] at 16 kHz; empty when there is none.
    """

    frames: np.ndarray
    landmarks: np.ndarray
    audio: np.ndarray

    def __len__(self) -> int:
        return len(self.frames)

    def part(self, start: int, stop: int, late: int = 0) -> "TalkingVideo":
        """Frames ``start`` to ``stop`` with their sound, or with the sound of ``late`` frames earlier."""
        sound = slice(max(0, start - late) * SAMPLES_A_FRAME, max(0, stop - late) * SAMPLES_A_FRAME)
        return TalkingVideo(self.frames[start:stop], self.landmarks[start:stop], self.audio[sound])

    def aligned_by(self, landmarks: np.ndarray, size: int = ALIGNED_SIZE) -> np.ndarray:
        """(T, size, size, 3) uint8: the face, cut out with (T, 68, 3) landmarks in pixels."""
        matrices = aligning_matrix(landmarks, size)
        pairs = zip(self.frames, matrices, strict=True)
        return np.stack([aligned_face(frame, matrix, size) for frame, matrix in pairs])

    def close_up(self, landmarks: np.ndarray, chosen: np.ndarray) -> np.ndarray:
        """(n, 128, 128, 3) uint8: around the mouth of the aligned face of 256 pixels.

        Args:
            landmarks: (T, 68, 3) that the face is cut out with, pixels.
            chosen: (n,) frames.
        """
        size = 2 * ALIGNED_SIZE
        faces = TalkingVideo(self.frames[chosen], self.landmarks[chosen], self.audio).aligned_by(
            landmarks[chosen], size
        )
        x, y = (2 * middle - CROP for middle in MOUTH_CENTRE)
        return faces[:, y : y + 2 * CROP, x : x + 2 * CROP]


def read_talking_video(path: str | Path, tracker: FaceTracker, sound: bool = True) -> TalkingVideo:
    """Decode a file and track the face in it.

    Args:
        path: any video that ffmpeg reads.
        sound: whether it must have a usable sound track; otherwise one that it lacks is logged, and empty.
    Raises:
        InputError: no video, no face in it, or no sound where it must have one.
    """
    frames = np.stack(list(read_video(path, fps=FPS, max_side=MAX_SIDE)))
    try:
        audio = load_audio(path)
    except InputError as error:
        if sound:
            raise
        logger.warning("%s Its sound is not measured.", error)
        audio = np.zeros(0, np.float32)
    return TalkingVideo(frames, tracker.track(frames), audio)


def steadied(landmarks: np.ndarray, frames: float = 2.0) -> np.ndarray:
    """(T, 68, 3) smoothed over time by a Gaussian of so many frames, which takes the tracker's tremble out."""
    return gaussian_filter1d(landmarks.astype(np.float32), frames, axis=0, mode="nearest")


def spread(count: int, wanted: int) -> np.ndarray:
    """Indices of at most ``wanted`` of ``count`` frames, evenly over the whole, always the same ones."""
    return np.unique(np.linspace(0, count - 1, min(count, wanted)).round().astype(int))
