"""Video tracks to pictures, and what a video file is; runs in the decoder's process."""

import logging
import math
import os
import struct
from collections.abc import Iterator
from fractions import Fraction
from typing import cast

import av
from av.container import InputContainer
from av.filter import Graph
from av.sidedata.sidedata import SideData
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from moditalker.media.container import (
    MAX_PIXELS,
    DamagedError,
    chosen,
    decoded_frames,
    decoded_packet,
    open_media,
    start_seconds,
)
from moditalker.media.results import Results
from moditalker.utils.errors import InputError

_MAX_THREADS = 4
_MAX_ASPECT = 4
"""Of a pixel, width over height or the other way round."""

logger = logging.getLogger(__name__)

# What turns a frame upright, by the signs of the display matrix (a b / c d) that says how it is shown.
_TURNS = {
    (1, 0, 0, 1): (),
    (0, 1, -1, 0): ("clock",),
    (-1, 0, 0, -1): ("clock", "clock"),
    (0, -1, 1, 0): ("cclock",),
    (-1, 0, 0, 1): ("clock", "clock_flip"),
    (0, 1, 1, 0): ("cclock_flip",),
    (1, 0, 0, -1): ("clock", "cclock_flip"),
    (0, -1, -1, 0): ("clock_flip",),
}


def decode_frames(
    results: Results, path: str, name: str, fps: float, max_side: int | None, max_seconds: float, first: int = 0
) -> None:
    """Send a video's frames at a constant rate.

    Frame k shows the time k / fps seconds after the start of the file. Rotation is applied, pixels are made square.

    Parts: ``height``, ``width`` and ``stride`` of one picture, RGB with rows of ``stride`` bytes; or ``again``: the
    picture before is shown once more.

    Args:
        path: absolute.
        name: of the file, for messages.
        fps: frames a second.
        max_side: longest side; larger frames are scaled down.
        max_seconds: decoding stops there.
        first: frame to begin with.

    Raises:
        InputError: there is no picture, or it is longer than ``max_seconds``.
        av.FFmpegError: the file cannot be opened.
        DamagedError: too little of it can be decoded.
    """
    with open_media(path) as container:
        stream = _video_stream(container, name)
        make_picture = _PictureMaker(stream, max_side)
        shown: VideoFrame | None = None
        sent, end, damage = first, Fraction(0), None
        if first > 0:
            _seek(container, first / fps)
        try:
            for frame, start, end in _timed(stream, decoded_frames(container, stream), start_seconds(container)):
                if end > max_seconds:
                    raise InputError(f"{name} lasts more than {max_seconds:g} s: cut it.")
                sent = _show(results, make_picture, shown, sent, _place(start, fps))
                shown = frame
        except DamagedError as error:
            damage = error
        # What came before the damage is shown, too.
        _show(results, make_picture, shown, sent, max(_place(end, fps), sent + 1))
        if damage is not None:
            raise damage


def _seek(container: InputContainer, seconds: float) -> None:
    """Go to the key frame before a time; where the file has no usable index, decoding begins at its start."""
    try:
        container.seek(round((seconds + float(start_seconds(container))) * av.time_base), backward=True)
    except av.FFmpegError as error:
        logger.debug("no seeking: %s", error)


def video_facts(results: Results, path: str, name: str, max_seconds: float) -> None:
    """Send what a video file is, in one part.

    ``width`` and ``height`` as shown, ``fps``, ``duration`` in seconds of the longest track, ``codec``, ``pixels``
    (the pixel format) and ``sound``, whether there is a sound track.

    The duration is that of the packets in the file; what the header says is not believed. Reading stops after
    ``max_seconds``.

    Raises:
        InputError: there is no picture.
        av.FFmpegError: the file cannot be opened.
        DamagedError: no frame can be decoded.
    """
    with open_media(path) as container:
        stream = _video_stream(container, name)
        fps = stream.average_rate or stream.guessed_rate or stream.base_rate
        start, duration = start_seconds(container), Fraction(0)
        first: VideoFrame | None = None
        try:
            for packet in container.demux(*container.streams.video, *container.streams.audio):
                if packet.stream is stream and first is None:
                    first = next(iter(decoded_packet(stream, packet)), None)
                stamp = packet.dts if packet.pts is None else packet.pts
                if stamp is not None:
                    duration = max(duration, (stamp + (packet.duration or 0)) * packet.time_base - start)
                if duration > max_seconds and first is not None:
                    break
        except av.FFmpegError as error:
            logger.debug("reading stopped: %s", error)
        if first is None or not fps:
            raise DamagedError("no frame")
        picture = _PictureMaker(stream, None)(first)
        results.send(
            width=picture.width,
            height=picture.height,
            fps=float(fps),
            duration=float(duration),
            codec=stream.codec.canonical_name,
            pixels=stream.codec_context.pix_fmt or "",
            sound=bool(container.streams.audio),
        )


def _video_stream(container: InputContainer, name: str) -> VideoStream:
    stream = chosen(container.streams.video)
    if stream is None:
        if not container.streams.audio:
            raise ValueError("no track at all")
        raise InputError(f"{name} has no picture: choose a video and not a sound recording.")
    stream.thread_type = "AUTO"
    stream.codec_context.thread_count = min(_MAX_THREADS, os.cpu_count() or 1)
    stream.codec_context.options = {"max_pixels": str(MAX_PIXELS)}
    return stream


def _timed(
    stream: VideoStream, frames: Iterator[VideoFrame], start: Fraction
) -> Iterator[tuple[VideoFrame, Fraction, Fraction]]:
    """Frames with the seconds at which each begins and ends to be shown."""
    unit = stream.time_base or Fraction(1, 1000)
    usual = 1 / Fraction(stream.average_rate or stream.guessed_rate or 25)
    end = Fraction(0)
    for frame in frames:
        begin = end if frame.pts is None else frame.pts * unit - start
        end = begin + (frame.duration * unit if frame.duration else usual)
        yield frame, begin, end


def _place(seconds: Fraction, fps: float) -> int:
    """The number of the frame that is nearest to a time; exact, as halves are common (10 frames a second to 25)."""
    return math.floor(seconds * Fraction(fps) + Fraction(1, 2))


def _show(results: Results, make_picture: "_PictureMaker", frame: VideoFrame | None, sent: int, until: int) -> int:
    """Send a frame as often as it is shown before frame ``until``; returns how many have been sent by then."""
    if frame is None or until <= sent:
        return sent
    picture = make_picture(frame)
    plane = picture.planes[0]
    results.send(memoryview(plane), width=picture.width, height=picture.height, stride=plane.line_size)
    for _ in range(until - sent - 1):
        results.send(again=True)
    return until


class _PictureMaker:
    """Turns, scales and converts frames of one video to RGB.

    Args:
        stream: of the frames.
        max_side: longest side; None for any.
    """

    def __init__(self, stream: VideoStream, max_side: int | None) -> None:
        aspect = stream.sample_aspect_ratio or Fraction(1)
        # Anything beyond is no camera's but an attempt to make one row of pixels a picture.
        self._aspect = aspect if 1 / _MAX_ASPECT <= aspect <= _MAX_ASPECT else Fraction(1)
        self._factor = f"min(1,{max_side}/max(iw*sar,ih))" if max_side is not None else "1"
        self._graph: Graph | None = None

    def __call__(self, frame: VideoFrame) -> VideoFrame:
        """An upright frame with square pixels in the format rgb24, of the size that the first one had."""
        if self._graph is None:
            self._graph = self._new_graph(frame)
        self._graph.push(frame)
        picture = self._graph.pull()
        assert isinstance(picture, VideoFrame)
        return picture

    def _new_graph(self, frame: VideoFrame) -> Graph:
        graph = Graph()
        nodes = [
            graph.add(
                "buffer",
                f"video_size={frame.width}x{frame.height}:pix_fmt={frame.format.name}:time_base=1/1000:"
                f"pixel_aspect={self._aspect}:colorspace={frame.colorspace}:range={frame.color_range}",
            )
        ]
        nodes += [graph.add("transpose", turn) for turn in _turns(frame)]
        nodes += [
            graph.add(
                "scale",
                f"w='max(1,round(iw*sar*{self._factor}))':h='max(1,round(ih*{self._factor}))':flags=bicubic",
            ),
            graph.add("format", "rgb24"),
            graph.add("buffersink"),
        ]
        graph.link_nodes(*nodes).configure()
        return graph


def _turns(frame: VideoFrame) -> tuple[str, ...]:
    """The arguments of ffmpeg's ``transpose``, one after the other, that turn a frame upright."""
    matrix = frame.side_data.get("DISPLAYMATRIX")
    if matrix is None:
        return ()
    numbers = struct.unpack("9i", memoryview(cast(SideData, matrix)))
    largest = max(1, *(abs(number) for number in numbers[:5]))
    signs = tuple(round(numbers[place] / largest) for place in (0, 1, 3, 4))
    return _TURNS.get(signs, ())
