"""One recording of several people, taken apart by their voices.

Voices are told apart by Resemblyzer (Apache-2.0; L. Wan et al., "Generalized end-to-end loss for speaker
verification", ICASSP 2018), whose package carries its weights. Its vectors are clustered by average linkage into as
many voices as are asked for. At each moment one voice is heard: where people speak at once, the clearer one gets it.
"""

from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.ndimage import gaussian_filter1d, label, median_filter

from moditalker.audio.load import load_recording
from moditalker.audio.recording import Recording
from moditalker.audio.voice_activity import listen
from moditalker.constants import SAMPLE_RATE
from moditalker.conversation.script import Turn
from moditalker.utils.errors import InputError

STEP_SECONDS = 0.1
"""Between two decisions whose voice it is."""
_WINDOWS_A_SECOND = 8
_STEADY_STEPS = 9
"""Of a median over decisions: nobody speaks for less than half of it."""
_ONE_BREATH_STEPS = 20
"""A stretch of speech without a pause that is no longer belongs to one voice."""
_EASE_SECONDS = 0.02


def turns_of_mixed(path: str | Path, faces: int, max_seconds: float) -> list[Turn]:
    """Take a recording apart; who speaks first is the first face from the left, and so on.

    Args:
        path: of the recording.
        faces: how many voices there are, at least two.
        max_seconds: the longest recording that is taken.
    Returns:
        A turn for each voice, as long as the recording; together they are the recording.
    Raises:
        InputError: the recording cannot be used, or the package is not installed.
    """
    if not all(find_spec(package) for package in ("resemblyzer", "webrtcvad")):
        raise InputError(
            "Voices are told apart by the package 'resemblyzer', which is not here; run 'pip install --no-deps -r "
            "requirements-diarize.txt', or give a recording for each face (tracks)."
        )
    if faces < 2:
        raise InputError("There is one face, and a recording is taken apart for two or more: leave --diarize out.")
    recording = load_recording(path, max_seconds)
    steps = max(1, round(recording.seconds / STEP_SECONDS))
    spoken = listen(recording.samples).activity(steps, 1 / STEP_SECONDS) > 0.5
    vectors, times = _vectors(recording.samples)
    return apart(recording, whose(vectors, times, spoken, faces), faces)


def whose(vectors: np.ndarray, times: np.ndarray, spoken: np.ndarray, voices: int) -> np.ndarray:
    """Whose voice is heard at each step.

    Args:
        vectors: (W, D) of windows, of length one.
        times: (W,) the middles of the windows, seconds.
        spoken: (S,) bool, whether anybody speaks, every ``STEP_SECONDS``.
        voices: how many to tell apart.
    Returns:
        (S,) int from 0, in the order in which they are first heard; a pause belongs to the voice before it.
    """
    moments = (np.arange(len(spoken)) + 0.5) * STEP_SECONDS
    inside = spoken[np.clip((times / STEP_SECONDS).astype(int), 0, len(spoken) - 1)]
    if inside.sum() < voices:
        return np.zeros(len(spoken), int)
    clusters = fcluster(linkage(vectors[inside], "average", "cosine"), voices, "maxclust")
    centres = np.stack([vectors[inside][clusters == one].mean(0) for one in np.unique(clusters)])
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    likeness = vectors @ centres.T
    between = np.stack([np.interp(moments, times, column) for column in likeness.T], 1)
    heard = median_filter(between.argmax(1), _STEADY_STEPS, mode="nearest")
    stretches, count = label(spoken)
    for number in range(1, count + 1):
        here = stretches == number
        if here.sum() <= _ONE_BREATH_STEPS:
            heard[here] = int(between[here].mean(0).argmax())
    for step in range(1, len(heard)):
        if not spoken[step]:
            heard[step] = heard[step - 1]
    first = heard[spoken] if spoken.any() else heard
    order = sorted(range(len(centres)), key=lambda one: np.argmax(first == one) if (first == one).any() else len(first))
    return np.argsort(order)[heard]


def apart(recording: Recording, heard: np.ndarray, voices: int) -> list[Turn]:
    """A turn for each voice: the recording where it is heard, and silence elsewhere.

    Args:
        recording: the whole.
        heard: (S,) index of the voice, every ``STEP_SECONDS``.
        voices: how many.
    """
    turns = []
    for voice in range(voices):
        tracks = []
        for sound, rate in ((recording.samples, SAMPLE_RATE), (recording.original, recording.original_rate)):
            moments = (np.arange(len(sound)) / rate / STEP_SECONDS).astype(int).clip(max=len(heard) - 1)
            own = (heard[moments] == voice).astype(np.float32)
            share = gaussian_filter1d(own, _EASE_SECONDS * rate, mode="nearest")
            tracks.append(sound * (share if sound.ndim == 1 else share[:, None]))
        part = Recording(tracks[0], tracks[1], recording.original_rate, recording.name)
        turns.append(Turn(voice, part, 0.0, recording.name))
    return turns


def _vectors(samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(W, D) vectors of windows of 1.6 s, of length one, and the windows' middles (W,), seconds."""
    _, vectors, slices = _encoder().embed_utterance(samples, return_partials=True, rate=_WINDOWS_A_SECOND)
    return vectors, np.array([(one.start + one.stop) / 2 / SAMPLE_RATE for one in slices])


@lru_cache(maxsize=1)
def _encoder() -> Any:
    from resemblyzer import VoiceEncoder

    return VoiceEncoder("cpu", verbose=False)
