"""The mel spectrogram that Wav2Lip was trained on, in the windows that it takes."""

import librosa
import numpy as np
from scipy.signal import lfilter

from moditalker.baselines.wav2lip.wav2lip_network import MEL_BANDS, MEL_STEPS
from moditalker.constants import FPS, SAMPLE_RATE

HOP, WINDOW = 200, 800
_PRE_EMPHASIS = 0.97
_LOWEST_HZ, _HIGHEST_HZ = 55.0, 7600.0
_REFERENCE_DB, _FLOOR_DB, _SCALE = 20.0, -100.0, 4.0


def mel_spectrogram(samples: np.ndarray) -> np.ndarray:
    """Decibels of 80 mel bands, brought to [-4, 4].

    Args:
        samples: (N,) float32 at 16 kHz.
    Returns:
        (80, 1 + N // 200) float32.
    """
    emphasised = lfilter([1, -_PRE_EMPHASIS], [1], samples)
    magnitude = np.abs(librosa.stft(emphasised, n_fft=WINDOW, hop_length=HOP, win_length=WINDOW))
    bank = librosa.filters.mel(sr=SAMPLE_RATE, n_fft=WINDOW, n_mels=MEL_BANDS, fmin=_LOWEST_HZ, fmax=_HIGHEST_HZ)
    decibels = 20 * np.log10(np.maximum(10 ** (_FLOOR_DB / 20), bank @ magnitude)) - _REFERENCE_DB
    scaled = 2 * _SCALE * (decibels - _FLOOR_DB) / -_FLOOR_DB - _SCALE
    return np.clip(scaled, -_SCALE, _SCALE).astype(np.float32)


def mel_windows(samples: np.ndarray, frames: int) -> np.ndarray:
    """The 0.2 s of spectrogram that begin with each video frame; the last ones are the recording's last 0.2 s.

    Args:
        samples: (N,) float32 at 16 kHz.
        frames: how many, at 25 a second.
    Returns:
        (frames, 1, 80, 16) float32.
    """
    mel = mel_spectrogram(samples)
    mel = np.pad(mel, ((0, 0), (0, max(0, MEL_STEPS - mel.shape[1]))), constant_values=-_SCALE)
    starts = np.minimum((np.arange(frames) * SAMPLE_RATE / HOP / FPS).astype(int), mel.shape[1] - MEL_STEPS)
    return np.stack([mel[None, :, start : start + MEL_STEPS] for start in starts])
