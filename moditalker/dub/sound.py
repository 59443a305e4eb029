"""The sound of a dub: the new recording, alone or over the video's own."""

import librosa
import numpy as np

from moditalker.audio.recording import Recording


def dubbed_sound(recording: Recording, own: Recording | None, level: float, seconds: float) -> np.ndarray:
    """The sound track of a dub at the recording's own rate.

    Args:
        recording: what is said now.
        own: the video's sound; None where there is none.
        level: how loud the video's own sound stays under it, 0 to 1; it is not repeated where the picture is.
        seconds: how long the dub is.
    Returns:
        (N, C) float32 in [-1, 1]; silence where the recording has ended. A sum beyond full scale is scaled down.
    """
    rate = recording.original_rate
    new = _fitted(recording.original, seconds, rate)
    if own is None or level <= 0:
        return new
    under = own.original
    if own.original_rate != rate:
        under = librosa.resample(under.T, orig_sr=own.original_rate, target_sr=rate).T
    under = _fitted(under.astype(np.float32), seconds, rate)
    if new.shape[1] != under.shape[1]:
        new, under = (np.repeat(one, 2, 1) if one.shape[1] == 1 else one for one in (new, under))
    mixed = new + np.float32(level) * under
    return np.asarray(mixed / max(1.0, float(np.abs(mixed).max(initial=0))), np.float32)


def _fitted(sound: np.ndarray, seconds: float, rate: int) -> np.ndarray:
    """(N, C) cut to a length, or silence after it."""
    wanted = max(1, round(seconds * rate))
    return np.pad(sound[:wanted], ((0, max(0, wanted - len(sound))), (0, 0)))
