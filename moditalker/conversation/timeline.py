"""Turns laid on one axis of time: a track for each face, and the sound of all."""

from collections.abc import Sequence
from dataclasses import dataclass

import librosa
import numpy as np

from moditalker.audio.voice_activity import listen
from moditalker.constants import FPS, SAMPLE_RATE
from moditalker.conversation.script import Turn


@dataclass(frozen=True, eq=False)
class Timeline:
    """A conversation's sound.

    Attributes:
        tracks: of each face (N,) float32 at 16 kHz, what the networks hear of it; None where a face never speaks.
        length: N.
        sound: (M,) float32 in [-1, 1], all of them together, for the video.
        rate: samples a second of ``sound``.
    """

    tracks: tuple[np.ndarray | None, ...]
    length: int
    sound: np.ndarray
    rate: int

    @property
    def frames(self) -> int:
        """Of the video."""
        return max(1, round(self.length / SAMPLE_RATE * FPS))

    def activity(self) -> np.ndarray:
        """(F, T) float32, how far each face speaks in each frame, 0 to 1."""
        silent = np.zeros(self.frames, np.float32)
        return np.stack(
            [silent if track is None else listen(track).activity(self.frames, FPS) for track in self.tracks]
        )


def timeline(turns: Sequence[Turn], faces: int) -> Timeline:
    """Lay turns out; where they overlap they sound together.

    Args:
        turns: at least one.
        faces: how many there are.
    """
    seconds = max(turn.end for turn in turns)
    rate = max(turn.recording.original_rate for turn in turns)
    length = round(seconds * SAMPLE_RATE)
    tracks: list[np.ndarray | None] = [None] * faces
    sound = np.zeros(round(seconds * rate), np.float32)
    for turn in turns:
        track = tracks[turn.face]
        if track is None:
            track = tracks[turn.face] = np.zeros(length, np.float32)
        _add(track, turn.recording.samples, round(turn.start * SAMPLE_RATE))
        own = turn.recording.original.mean(1)
        if turn.recording.original_rate != rate:
            own = librosa.resample(own, orig_sr=turn.recording.original_rate, target_sr=rate)
        _add(sound, own, round(turn.start * rate))
    loudest = float(np.abs(sound).max(initial=1.0))
    return Timeline(tuple(tracks), length, sound / np.float32(loudest), rate)


def _add(onto: np.ndarray, samples: np.ndarray, start: int) -> None:
    """Add (n,) to (N,) from a sample on, in place; a rounded sample too many is left out."""
    kept = samples[: len(onto) - start]
    onto[start : start + len(kept)] += kept
