"""Landmarks on disk: ``FILE.npz`` with ``landmarks`` float32 (T, 68, 3) in pixels and ``fps``."""

import math
import zipfile
from pathlib import Path

import numpy as np

from moditalker.constants import FPS
from moditalker.face.layout import interocular_distance
from moditalker.media.source import existing_file
from moditalker.utils.array_archive import DAMAGE, unpacked
from moditalker.utils.errors import InputError

MIN_FPS, MAX_FPS = 1, 240
MAX_FRAMES = 144_000
"""Of a file: ten minutes at the highest rate, an hour and a half at 25 frames a second; 235 MB as float64."""
FARTHEST = 1e5
"""Pixels that a coordinate may be away from the picture's corner; pictures are at most 1024 wide."""


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

    Shapes and sizes are looked at before anything is unpacked.

    Raises:
        InputError: no such file, or no landmarks of faces in it.
    """
    path = existing_file(path, "landmark file")
    try:
        with zipfile.ZipFile(path) as archive:
            fps = float(unpacked(archive, "fps", lambda shape: math.prod(shape) == 1).item())
            landmarks = unpacked(archive, "landmarks", _is_track).astype(np.float32)
    except DAMAGE as error:
        raise InputError(
            f"{path} is not a landmark file of up to {MAX_FRAMES} frames, (T, 68, 3) and fps; make one with "
            "'python -m moditalker track VIDEO -o FILE.npz'."
        ) from error
    # Written so that NaN fails too.
    if not MIN_FPS <= fps <= MAX_FPS:
        raise InputError(f"{path} gives {fps:g} frames a second: it must be {MIN_FPS} to {MAX_FPS}.")
    if not ((np.abs(landmarks) <= FARTHEST).all() and (interocular_distance(landmarks) >= 1).all()):
        raise InputError(f"{path} has frames without a face, or points that are not numbers: track the video again.")
    if abs(fps - FPS) < 0.01:
        return landmarks
    times = np.arange(max(1, round(len(landmarks) * FPS / fps))) * fps / FPS
    flat = landmarks.reshape(len(landmarks), -1)
    resampled = np.stack([np.interp(times, np.arange(len(flat)), column) for column in flat.T], -1)
    return resampled.reshape(-1, 68, 3).astype(np.float32)


def _is_track(shape: tuple[int, ...]) -> bool:
    return len(shape) == 3 and 0 < shape[0] <= MAX_FRAMES and shape[1:] == (68, 3)
