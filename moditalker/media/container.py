"""Opening media files with PyAV: which formats, which of several tracks, and what to make of damage."""

import logging
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, TypeVar

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet
from av.stream import Disposition, Stream
from av.video.stream import VideoStream

logger = logging.getLogger(__name__)

FORMATS = ("wav", "w64", "aiff", "caf", "mp3", "flac", "ogg", "mov", "matroska", "aac", "avi", "mpegts", "amr")
"""ffmpeg's demuxers that may open a file. "mov" reads MP4, M4A and 3GP too, "matroska" WebM.

Playlists (HLS, concat, DASH) are not among them: they open other files, or wait for ever for new ones.
"""
MAX_PIXELS = 40_000_000
"""Of a video's frame; 8K has 33 million."""

_StreamT = TypeVar("_StreamT", bound=Stream)


class DamagedError(Exception):
    """So much of a track cannot be decoded that the rest is of no use."""


def open_media(path: str | Path) -> InputContainer:
    """Open one local file of a known format.

    Raises:
        av.FFmpegError: it is of another format, or damaged where it begins.
    """
    options = {"format_whitelist": ",".join(FORMATS), "protocol_whitelist": "file"}
    # The prefix keeps names such as "http:x.wav" names of files.
    return av.open(f"file:{path}", options=options, metadata_errors="replace")


def chosen(streams: tuple[_StreamT, ...]) -> _StreamT | None:
    """The track that players choose: the first one that is flagged as default, or else the first; no cover pictures."""
    moving = [stream for stream in streams if not stream.disposition & Disposition.attached_pic]
    return next((stream for stream in moving if stream.disposition & Disposition.default), next(iter(moving), None))


def start_seconds(container: InputContainer) -> Fraction:
    """The time stamp of the file's start in seconds.

    A start before zero is what an encoder needs to warm up; it is cut off in decoding and moves nothing.
    """
    return max(Fraction(0), Fraction(container.start_time or 0, av.time_base))


def decoded_frames(container: InputContainer, stream: AudioStream | VideoStream) -> Iterator[Any]:
    """Decode one track, to ``AudioFrame`` or ``VideoFrame``; packets that cannot be decoded are left out.

    Raises:
        DamagedError: after the last frame, where the file breaks off in an error, or most packets were left out.
    """
    good = bad = 0
    try:
        # The demuxer's own last packet is empty; the decoder gives the frames that it still has for it.
        for packet in container.demux(stream):
            frames = decoded_packet(stream, packet)
            good, bad = good + len(frames), bad + (not frames and packet.size > 0)
            yield from frames
    except av.FFmpegError as error:
        yield from decoded_packet(stream, None)
        raise DamagedError(f"{error} after {good} frames") from error
    if bad > 2 * good:
        raise DamagedError(f"{bad} packets could not be decoded, {good} frames could")


def decoded_packet(stream: AudioStream | VideoStream, packet: Packet | None) -> Sequence[Any]:
    """The frames that come out when a packet goes in, or at the end (None); none for one that cannot be decoded."""
    try:
        return stream.codec_context.decode(packet)
    except av.FFmpegError as error:
        logger.debug("a packet is left out: %s", error)
        return []
