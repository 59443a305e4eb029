"""What is said by whom and when: a script, or one track for each face."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Literal

import librosa
import numpy as np
from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from moditalker.audio.load import load_recording
from moditalker.audio.recording import Recording
from moditalker.audio.text_to_speech import synthesize
from moditalker.audio.voices.registry import DEFAULT_VOICE, find_voice
from moditalker.constants import SAMPLE_RATE
from moditalker.media.source import existing_file
from moditalker.utils.errors import InputError
from moditalker.utils.validation import Number, Text, read_toml, validated

GAP_SECONDS = 0.2
"""Between a turn and one without a start after it: what people leave (T. Stivers et al., PNAS 2009)."""

_TABLE = ConfigDict(extra="forbid")


@dataclass(frozen=True, config=_TABLE)
class TurnEntry:
    """A turn as a script has it.

    Attributes:
        face: counted from the left and from 1; of several portraits, the portrait's number.
        audio: a recording, relative to the script's folder; or
        text: what is said.
        voice: that says it.
        start: seconds; without it ``GAP_SECONDS`` after the turn before.
    """

    face: Annotated[int, Field(strict=True, ge=1)]
    audio: Text | None = None
    text: Text | None = None
    voice: Text | None = None
    start: Number | None = None


@dataclass(frozen=True, config=_TABLE)
class Script:
    """A script.

    Attributes:
        turn: what is said, in any order of their starts.
        layout: how several portraits are shown.
    """

    turn: Annotated[tuple[TurnEntry, ...], Field(min_length=1)]
    layout: Literal["side", "cut"] = "side"


@dataclass(frozen=True, config=ConfigDict(arbitrary_types_allowed=True))
class Turn:
    """A turn with its sound.

    Attributes:
        face: index among those that take part, from 0.
        recording: what is said.
        start: seconds.
        said: the text, or the recording's name.
    """

    face: int
    recording: Recording
    start: float
    said: str

    @property
    def end(self) -> float:
        """Seconds."""
        return self.start + self.recording.seconds


def read_script(path: Path) -> Script:
    """Read and check a script; whatever does not need the faces.

    Raises:
        InputError: one sentence about the first thing that is wrong.
    """
    script = validated(Script, read_toml(path), path)
    check_script(script, path)
    return script


def check_script(script: Script, path: Path) -> None:
    """Check what does not need the faces: that there is something to say, the recordings, and the voices.

    Args:
        script: with its turns.
        path: of it, or what it is called.
    Raises:
        InputError: one sentence about the first turn that cannot be used.
    """
    for number, entry in enumerate(script.turn, 1):
        where = f"{path.name}, turn {number}"
        if (entry.audio is None) == (entry.text is None):
            raise InputError(f"{where}: give either a recording (audio) or a text, one of the two.")
        if entry.voice is not None and entry.text is None:
            raise InputError(f"{where}: a voice speaks a text, and there is none; leave voice out.")
        try:
            if entry.audio is not None:
                existing_file(path.parent / entry.audio, "recording")
            else:
                find_voice(entry.voice or DEFAULT_VOICE)
        except InputError as error:
            raise InputError(f"{where}: {error}") from error


def check_faces(script: Script, path: Path, faces: int, unusable: Mapping[int, str]) -> None:
    """Make sure that every turn has a face.

    Args:
        script: with its turns.
        path: of it.
        faces: how many were found.
        unusable: why some of them cannot speak, by number.
    Raises:
        InputError: a turn asks for a face that is not there, or that cannot speak.
    """
    there = "is only one face" if faces == 1 else f"are {faces} faces"
    for number, entry in enumerate(script.turn, 1):
        if entry.face > faces:
            raise InputError(
                f"{path.name}, turn {number}: face is {entry.face} and there {there}, counted from the left and from 1."
            )
        if entry.face in unusable:
            raise InputError(f"{path.name}, turn {number}, face {entry.face}: {unusable[entry.face]}")


def spoken_turns(script: Script, path: Path, numbers: Sequence[int], max_seconds: float) -> list[Turn]:
    """Decode the recordings and speak the texts.

    Args:
        script: whose faces are all among ``numbers``.
        path: of it.
        numbers: of the faces that take part.
        max_seconds: the longest conversation that is taken.
    Raises:
        InputError: a recording cannot be used, or the conversation is too long.
    """
    turns: list[Turn] = []
    for number, entry in enumerate(script.turn, 1):
        start = entry.start
        if start is None:
            start = turns[-1].end + GAP_SECONDS if turns else 0.0
        try:
            if entry.audio is not None:
                recording = load_recording(path.parent / entry.audio, max_seconds)
            else:
                assert entry.text is not None
                samples = synthesize(entry.text, voice=entry.voice or DEFAULT_VOICE)
                recording = Recording.of_samples(samples, "text")
        except InputError as error:
            raise InputError(f"{path.name}, turn {number}: {error}") from error
        turns.append(Turn(numbers.index(entry.face), recording, start, entry.text or recording.name))
        _check_length(turns[-1], max_seconds)
    return turns


def turns_of_tracks(paths: Sequence[str | Path], faces: int, max_seconds: float) -> list[Turn]:
    """One track for each face, from the left: so many recordings, or one with two channels.

    Raises:
        InputError: a recording cannot be used, or there are more tracks than faces.
    """
    recordings = [load_recording(path, max_seconds) for path in paths]
    if len(recordings) == 1:
        recordings = _channels(recordings[0])
    if len(recordings) > faces:
        raise InputError(
            f"There are {len(recordings)} tracks and {faces} {'face' if faces == 1 else 'faces'}: give one track for "
            "each face, from the left, or a script."
        )
    return [Turn(face, recording, 0.0, recording.name) for face, recording in enumerate(recordings)]


def _channels(recording: Recording) -> list[Recording]:
    """The two channels of a recording, as recordings."""
    if recording.original.shape[1] != 2:
        raise InputError(
            f"{recording.name} has one channel, and a conversation needs one for each face: give a recording for each "
            "face, a stereo recording, or a script."
        )
    found = []
    for channel in recording.original.T:
        samples = librosa.resample(
            np.ascontiguousarray(channel), orig_sr=recording.original_rate, target_sr=SAMPLE_RATE
        )
        found.append(Recording(samples, channel[:, None], recording.original_rate, recording.name))
    return found


def _check_length(turn: Turn, max_seconds: float) -> None:
    if turn.end > max_seconds:
        raise InputError(
            f"The conversation lasts {turn.end:.1f} s and the limit is {max_seconds:.1f} s: shorten it, or raise the "
            "limit (max_seconds)."
        )
