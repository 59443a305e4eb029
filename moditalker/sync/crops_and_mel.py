"""What the lip-sync expert sees and hears: grey mouth crops at 25 Hz, a log-mel spectrogram at 100 Hz."""

import librosa
import numpy as np

from moditalker.audio.features import normalise_loudness
from moditalker.constants import SAMPLE_RATE
from moditalker.face.geometry import ALIGNED_SIZE
from moditalker.utils.errors import InputError

CROP = 64
"""Side of a mouth crop in pixels of the aligned face."""
LEFT, TOP = 32, 60
"""Where the crop begins: it spans the mouth, from under the nose to the chin."""
MEL_RATE = 100
MEL_PER_FRAME = 4
"""Mel steps a video frame (25 frames a second)."""
MEL_BANDS = 64
LUMA = np.array([0.299, 0.587, 0.114], np.float32)
"""Weights of red, green and blue (ITU-R BT.601)."""


def to_grey(pictures: np.ndarray) -> np.ndarray:
    """(..., 3) uint8 RGB -> (...) uint8 luma (ITU-R BT.601): colour tells a studio, not what is said."""
    return (pictures @ LUMA + 0.5).astype(np.uint8)


def mouth_crops(faces: np.ndarray) -> np.ndarray:
    """The mouths of aligned faces.

    Args:
        faces: (T, 128, 128, 3) uint8 RGB, as ``face.geometry.aligned_face`` cuts them.
    Returns:
        (T, 64, 64) uint8, grey.
    Raises:
        InputError: another shape or type.
    """
    if faces.ndim != 4 or faces.shape[1:] != (ALIGNED_SIZE, ALIGNED_SIZE, 3) or faces.dtype != np.uint8:
        raise InputError(
            f"Lip-sync needs aligned faces, uint8 (T, {ALIGNED_SIZE}, {ALIGNED_SIZE}, 3), and got {faces.dtype} "
            f"{faces.shape}; cut them with moditalker.face.geometry.aligned_face."
        )
    return to_grey(faces[:, TOP : TOP + CROP, LEFT : LEFT + CROP])


def log_mel(audio: np.ndarray) -> np.ndarray:
    """Log-mel spectrogram of speech at normalised loudness.

    Args:
        audio: (N,) float32, 16 kHz.
    Returns:
        (ceil(N / 160), 64) float32, about -1 to 1 for speech; step i is centred at i / 100 seconds.
    """
    power = librosa.feature.melspectrogram(
        y=normalise_loudness(audio),
        sr=SAMPLE_RATE,
        n_fft=512,
        win_length=400,
        hop_length=SAMPLE_RATE // MEL_RATE,
        n_mels=MEL_BANDS,
        fmin=60,
        fmax=7600,
        power=2.0,
    )
    steps = -(-len(audio) * MEL_RATE // SAMPLE_RATE)
    return ((np.log10(np.maximum(power, 1e-6)).T[:steps] + 2.0) / 3.0).astype(np.float32)
