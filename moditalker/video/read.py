"""Read the picture of a video file as RGB frames at a constant rate."""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from moditalker.media.decoder import DecodingError, decode
from moditalker.media.source import existing_file
from moditalker.utils.errors import InputError

logger = logging.getLogger(__name__)

MAX_SECONDS = 3600.0
"""Longest video that is read unless a caller says otherwise."""

# A frame of 4K takes a tenth of a second.
_CPU_SECONDS = 60
_CPU_SECONDS_A_SECOND = 4


@dataclass(frozen=True)
class VideoInfo:
    """What a video file is.

    Attributes:
        size: (width, height) in pixels as shown, that is after rotation and with square pixels.
        fps: frames a second as stored (the average where the rate varies).
        duration: seconds, of the longest track, measured and not as the file states it.
        codec: name of the picture's codec, "h264" for example.
        pixels: its pixel format, "yuv420p" for example.
        sound: whether there is a sound track.
    """

    size: tuple[int, int]
    fps: float
    duration: float
    codec: str
    pixels: str
    sound: bool


def read_video(
    path: str | Path,
    fps: float = 25.0,
    max_side: int | None = None,
    max_seconds: float = MAX_SECONDS,
    first: int = 0,
) -> Iterator[np.ndarray]:
    """Decode a video, one frame at a time, in a process of its own.

    Frame k shows the time k / fps seconds after the start of the file: frames are repeated or dropped where the
    file's own rate differs or varies. Rotation metadata is applied, and pixels that are not square are made so.
    The decoder runs from the first frame asked for until the iterator is exhausted, closed or dropped.

    Args:
        path: MP4, MOV, WebM or another file of `moditalker.media.container.FORMATS`.
        fps: frames a second to return.
        max_side: the longest side in pixels; larger frames are scaled down, smaller ones are left alone.
        max_seconds: the longest video accepted; decoding stops there, whatever length the file states.
        first: frame to begin with; the key frame before it is sought.

    Yields:
        uint8 (H, W, 3) RGB.

    Raises:
        InputError: at the call if the file is missing or not a regular file; at the first frame if it is not readable
            or has no picture; later if the rest of it is damaged, or longer than ``max_seconds``.
        ValueError: `fps` or `max_side` is not positive.
    """
    if fps <= 0:
        raise ValueError(f"fps must be positive, got {fps}")
    if max_side is not None and max_side <= 0:
        raise ValueError(f"max_side must be positive, got {max_side}")
    return _frames(existing_file(path, "video"), fps, max_side, max_seconds, first)


def probe_video(path: str | Path, max_seconds: float = MAX_SECONDS) -> VideoInfo:
    """What a video file is; decodes its first frame only, and reads its packets up to ``max_seconds``.

    Raises:
        InputError: the file is missing, not a regular file, not readable or has no picture.
    """
    source = existing_file(path, "video")
    try:
        [(facts, _)] = decode("facts", _CPU_SECONDS, path=str(source), name=source.name, max_seconds=max_seconds)
    except DecodingError as error:
        raise _unreadable(source, error) from error
    return VideoInfo(
        (facts["width"], facts["height"]),
        facts["fps"],
        facts["duration"],
        facts["codec"],
        facts["pixels"],
        facts["sound"],
    )


def even_frames(frames: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Frames (H, W, 3) without an odd last row or column, as H.264 asks for even sides."""
    for frame in frames:
        height, width = frame.shape[:2]
        if height % 2 or width % 2:
            frame = np.ascontiguousarray(frame[: height // 2 * 2, : width // 2 * 2])
        yield frame


def _frames(source: Path, fps: float, max_side: int | None, max_seconds: float, first: int) -> Iterator[np.ndarray]:
    count = 0
    frame = np.zeros((0, 0, 3), np.uint8)
    try:
        for part, content in decode(
            "frames",
            cpu_seconds=_CPU_SECONDS + round(_CPU_SECONDS_A_SECOND * max_seconds),
            path=str(source),
            name=source.name,
            fps=fps,
            max_side=max_side,
            max_seconds=max_seconds,
            first=first,
        ):
            if "again" in part:
                frame = frame.copy()
            else:
                rows = content.reshape(part["height"], part["stride"])[:, : 3 * part["width"]]
                frame = np.ascontiguousarray(rows).reshape(part["height"], part["width"], 3)
            count += 1
            yield frame
    except DecodingError as error:
        if count == 0:
            raise _unreadable(source, error) from error
        logger.debug("%s: %s", source, error)
        raise InputError(
            f"{source.name} is damaged after {count} frames: save it again, or cut it before that point."
        ) from error


def _unreadable(source: Path, error: DecodingError) -> InputError:
    logger.debug("%s: %s", source, error)
    return InputError(
        f"{source.name} cannot be read as video, it may be damaged or of another kind: save it again as MP4 (H.264)."
    )
