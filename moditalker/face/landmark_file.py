"""Landmarks on disk: ``FILE.npz`` with ``landmarks`` float32 (T, 68, 3) in pixels and ``fps``."""

import math
import zipfile
from pathlib import Path

import numpy as np

from moditalker.constants import FPS
from moditalker.utils.errors import InputError


def write_landmarks(path: Path, landmarks: np.ndarray) -> None:
    """Write (T, 68, 3) pixels at 25 frames a second; the folder is made when missing.

    Raises:
        InputError: the place cannot be written to.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            np.savez(file, landmarks=landmarks.astype(np.float32), fps=np.float32(FPS))
    except OSError as error:
        raise InputError(
            f"{path} cannot be written ({error.strerror}); choose another place for the landmarks."
        ) from error


def read_landmarks(path: Path) -> np.ndarray:
    """Read (T, 68, 3) float32 pixels, resampled to 25 frames a second.

    Raises:
        InputError: no such file, or no landmarks in it.
    """
    if not path.is_file():
        raise InputError(
            f"There is no landmark file {path}; make one with 'python -m moditalker track VIDEO -o {path}'."
        )
    try:
        with np.load(path, allow_pickle=False) as stored:
            landmarks, fps = np.asarray(stored["landmarks"], np.float32), float(stored["fps"])
    # A plain .npy comes out of np.load as an array, which is no context manager: TypeError.
    except (KeyError, ValueError, TypeError, OSError, zipfile.BadZipFile) as error:
        raise InputError(
            f"{path} is not a landmark file; make one with 'python -m moditalker track VIDEO -o FILE.npz'."
        ) from error
    if landmarks.ndim != 3 or landmarks.shape[1:] != (68, 3) or len(landmarks) == 0 or not np.isfinite(landmarks).all():
        raise InputError(
            f"{path} holds landmarks of shape {landmarks.shape} and (T, 68, 3) of finite numbers is needed."
        )
    if not (math.isfinite(fps) and fps > 0):
        raise InputError(f"{path} gives {fps} frames a second and a positive number is needed.")
    if abs(fps - FPS) < 0.01:
        return landmarks
    times = np.arange(max(1, round(len(landmarks) * FPS / fps))) * fps / FPS
    flat = landmarks.reshape(len(landmarks), -1)
    resampled = np.stack([np.interp(times, np.arange(len(flat)), column) for column in flat.T], -1)
    return resampled.reshape(-1, 68, 3).astype(np.float32)
