"""A video that was made elsewhere, brought to the form that all columns have."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np

from moditalker.audio.load import load_audio
from moditalker.baselines.frame_writing import write_frames
from moditalker.baselines.protocol import Facts, Made, Options
from moditalker.constants import FPS
from moditalker.pipeline import frame_count
from moditalker.utils.errors import InputError
from moditalker.utils.progress import Progress
from moditalker.video.read import even_frames, probe_video, read_video

MAX_SIDE = 1024
"""Pixels; what is larger is scaled down, as portraits are."""
TOLERATED = 5
"""Frames by which a video may be shorter than the recording without a word: encoders pad."""


def conform(video: Path, audio: Path, output: Path, options: Options, progress: Progress) -> list[str]:
    """Write a video again: 25 frames a second, the recording as its sound and its length, mark and provenance.

    What is longer is cut, what is shorter holds its last frame.

    Args:
        video: any file that ffmpeg reads.
        audio: the recording.
        output: ``.mp4``.
    Returns:
        Warnings.
    Raises:
        InputError: it is not a video.
    """
    samples = load_audio(audio)
    count = frame_count(samples)
    missing = count - round(probe_video(video).duration * FPS)
    frames = _held(even_frames(read_video(video, fps=FPS, max_side=MAX_SIDE)), count)
    write_frames(output, (frame[None] for frame in frames), samples, count, options, progress, {})
    if missing <= TOLERATED:
        return []
    return [f"The video is {missing / FPS:.1f} s shorter than the recording: its last frame is held."]


class DroppedVideo:
    """A video file made elsewhere, as a column of its own.

    Args:
        video: file.
        title: what it is called; the file's name when empty.
        name: by which it is known among the methods.
    """

    def __init__(self, video: Path, title: str = "", name: str = "file") -> None:
        self._video = video
        self.facts = Facts(
            name, title.strip() or video.stem, "A video made elsewhere.", "that of whoever made it", "the file"
        )

    def available(self) -> str | None:
        """Whether the file is there."""
        return None if self._video.is_file() else f"There is no video at {self._video.name}: name one that is there."

    def make(self, portrait: Path, audio: Path, output: Path, options: Options, progress: Progress) -> Made:
        """See ``Method.make``; nothing is timed, as it was made elsewhere."""
        missing = self.available()
        if missing:
            raise InputError(missing)
        return Made({}, conform(self._video, audio, output, options, progress))


def _held(frames: Iterator[np.ndarray], count: int) -> Iterator[np.ndarray]:
    """Exactly ``count``: cut, or the last one again and again."""
    last = next(frames)
    yield last
    written = 1
    for last in islice(frames, count - 1):
        written += 1
        yield last
    yield from (last for _ in range(count - written))
