"""What every method of a comparison gets: one picture, one recording, and where there is one a video, written once."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from PIL import Image

from moditalker.audio.load import AudioSource, recording_of
from moditalker.baselines.conform import MAX_SIDE
from moditalker.constants import FPS, SAMPLE_RATE
from moditalker.dub.timeline import shown, sources
from moditalker.face.tracker import FaceTracker
from moditalker.pipeline import frame_count
from moditalker.portrait import PortraitSource, find_face
from moditalker.utils.errors import InputError
from moditalker.video.read import even_frames, read_video
from moditalker.video.write import VideoWriter

_LOOKS, _LOOK_EVERY = 20, 12
"""How many frames of a video without a portrait are looked at, and how far they are apart."""


@dataclass(frozen=True)
class Inputs:
    """Files, and what is in them.

    Attributes:
        portrait: PNG.
        audio: WAV, 16 kHz mono.
        picture: (H, W, 3) uint8.
        landmarks: (68, 3) in its pixels.
        samples: (N,) float32 at 16 kHz.
        warnings: about the portrait.
        video: MP4, 25 frames a second, ``frames`` of them; None where nothing is dubbed.
    """

    portrait: Path
    audio: Path
    picture: np.ndarray
    landmarks: np.ndarray
    samples: np.ndarray
    warnings: list[str]
    video: Path | None = None

    @property
    def frames(self) -> int:
        """Of every column."""
        return frame_count(self.samples)


def prepare_inputs(
    portrait: str | Path | np.ndarray | None,
    audio: AudioSource,
    folder: Path,
    tracker: FaceTracker,
    crop: str = "full",
    max_seconds: float = 600.0,
    video: Path | np.ndarray | None = None,
) -> Inputs:
    """Read, check, crop and write them.

    Args:
        portrait: file or (H, W, 3) uint8; None takes a frame of the video.
        audio: see ``AudioSource``.
        folder: to write ``portrait.png``, ``speech.wav`` and ``video.mp4`` to; made when missing.
        tracker: finds the face.
        crop: ``full`` keeps the picture, ``face`` cuts a square around the head.
        max_seconds: longest recording taken.
        video: to dub, file or (T, H, W, 3) uint8 at 25 frames a second; it is cut where the recording ends, and goes
            back and forth where it is shorter.
    Raises:
        InputError: no picture, no face in it, or no speech: what would fail every method.
    """
    picture = _first_face(video, tracker) if portrait is None else portrait
    found = find_face(picture, crop, tracker)
    samples = recording_of(audio, max_seconds).samples
    folder.mkdir(parents=True, exist_ok=True)
    picture_file, sound_file = folder / "portrait.png", folder / "speech.wav"
    Image.fromarray(found.picture).save(picture_file)
    soundfile.write(sound_file, samples, SAMPLE_RATE, subtype="PCM_16")
    video_file = None
    if video is not None:
        video_file = folder / "video.mp4"
        _write_video(video, frame_count(samples), video_file)
    return Inputs(picture_file, sound_file, found.picture, found.landmarks, samples, list(found.warnings), video_file)


def _frames(video: Path | np.ndarray, first: int = 0) -> Iterator[np.ndarray]:
    """(H, W, 3) uint8 with even sides, 25 a second, from one on."""
    if isinstance(video, np.ndarray):
        return even_frames(video[first:])
    return even_frames(read_video(video, fps=FPS, max_side=MAX_SIDE, first=first))


def _first_face(video: Path | np.ndarray | None, tracker: FaceTracker) -> PortraitSource:
    """The first of some frames in which a face is found."""
    if video is None:
        raise ValueError("neither a portrait nor a video was given")
    refused = InputError("The video has no frame: save it again as MP4 (H.264).")
    for index, frame in enumerate(_frames(video)):
        if index >= _LOOKS * _LOOK_EVERY:
            break
        if index % _LOOK_EVERY == 0:
            try:
                tracker.detect(frame)
            except InputError as error:
                refused = error
            else:
                return frame
    raise refused


def _write_video(video: Path | np.ndarray, count: int, target: Path) -> None:
    """Write a video with so many frames, and no sound."""
    there = sum(1 for _ in _frames(video))
    source = sources(there, FPS, count / FPS, "loop", "stop")
    height, width = next(_frames(video)).shape[:2]
    with VideoWriter(target, (width, height), FPS, None) as writer:
        for frame in shown(source, lambda first: _frames(video, first)):
            writer.write(frame)
