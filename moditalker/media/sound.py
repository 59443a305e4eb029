"""Sound tracks to samples; runs in the decoder's process."""

from collections.abc import Iterator
from fractions import Fraction

import av
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.filter import Graph

from moditalker.media.container import chosen, decoded_frames, open_media, start_seconds
from moditalker.media.results import Results
from moditalker.utils.errors import InputError

MAX_ORIGINAL_RATE = 48_000
"""Samples a second that are kept of the sound as it came in; nobody hears more."""

# An MP3 or AAC file that was cut at the limit comes out longer by the codec's padding.
_TOLERANCE_SECONDS = 0.1

_BLOCK_BYTES = 1 << 20
_HELD_BYTES = 1 << 16


def decode_sound(results: Results, path: str, name: str, rate: int, max_seconds: float, original: bool) -> None:
    """Send a sound track as float32 samples.

    Sample 0 is the start of the file. A track that begins later is preceded by silence, gaps are filled with it.

    Parts: first ``rate``, ``channels`` of the original. Then blocks with ``track``: "speech" is the mean of all
    channels at ``rate``; "difference", of stereo and more, is half of left minus right at ``rate``; "original" has the
    original's rate and channels, interleaved.

    Args:
        path: absolute.
        name: of the file, for messages.
        rate: samples a second of "speech".
        max_seconds: decoding stops there, whatever the file says about its length.
        original: whether "original" is sent as well: at most `MAX_ORIGINAL_RATE`, at most stereo.

    Raises:
        InputError: there is no sound track, or it is longer than ``max_seconds``.
        av.FFmpegError: the file cannot be opened.
        DamagedError: too little of it can be decoded.
    """
    with open_media(path) as container:
        stream = chosen(container.streams.audio)
        if stream is None:
            if not container.streams.video:
                raise ValueError("no track at all")
            raise InputError(f"{name} has no sound track: choose a recording, or a video with sound.")
        own_rate, channels = min(stream.rate, MAX_ORIGINAL_RATE), min(stream.channels, 2)
        results.send(rate=own_rate, channels=channels)
        tracks = [_Track("speech", rate, 1)]
        if channels > 1:
            tracks.append(_Track("difference", rate, 1))
        if original:
            tracks.append(_Track("original", own_rate, channels))
        cut: Fraction | None = None
        for frame, end, exact in _timed(stream, decoded_frames(container, stream), start_seconds(container)):
            # Looked at first: a jump in time would be filled with silence.
            if end > max_seconds + _TOLERANCE_SECONDS:
                raise InputError(_too_long(name, container.duration, max_seconds))
            cut = end if exact else None
            for track in tracks:
                track.push(frame)
                track.send(results)
        for track in tracks:
            track.finish(cut)
            track.send(results, everything=True)


def _timed(
    stream: AudioStream, frames: Iterator[AudioFrame], start: Fraction
) -> Iterator[tuple[AudioFrame, Fraction, bool]]:
    """The frames with time stamps in samples since the file's start.

    With each: the seconds at which it ends, and whether that is before its last sample.
    """
    end = Fraction(0)
    unit = stream.time_base or Fraction(1, 1000)
    for frame in frames:
        if not frame.samples or not frame.rate:
            continue
        begin = end if frame.pts is None else frame.pts * unit - start
        samples = frame.samples
        # An encoder fills its last block up; a container that counts samples says where the sound ends.
        if frame.duration and unit == Fraction(1, frame.rate):
            samples = min(samples, frame.duration)
        end = begin + Fraction(samples, frame.rate)
        frame.pts, frame.time_base = round(begin * frame.rate), Fraction(1, frame.rate)
        yield frame, end, samples < frame.samples


def _too_long(name: str, stated: int | None, max_seconds: float) -> str:
    seconds = (stated or 0) / av.time_base
    length = f"lasts {seconds:.1f} s" if seconds > max_seconds else f"lasts more than {max_seconds:.1f} s"
    return f"{name} {length} and the limit is {max_seconds:.1f} s: cut it into parts of at most {max_seconds:g} s."


class _Track:
    """One of the ways in which the samples are sent.

    Args:
        name: of it.
        rate: samples a second.
        channels: 1 or 2.
    """

    def __init__(self, name: str, rate: int, channels: int) -> None:
        self._name, self._rate, self._channels = name, rate, channels
        self._graph: Graph | None = None
        self._source: tuple[object, ...] = ()
        self._waiting = bytearray()
        self._samples = 0

    def push(self, frame: AudioFrame) -> None:
        """Take one frame."""
        source = (frame.format.name, frame.layout.name, frame.rate)
        if source != self._source:
            self._flush()
            self._graph, self._source = self._new_graph(frame), source
        assert self._graph is not None
        self._graph.push(frame)
        self._pull(self._graph)

    def finish(self, cut: Fraction | None) -> None:
        """Take no more; what lies after the sound's end in seconds, if that is known, is left out."""
        self._flush()
        surplus = 0 if cut is None else self._samples - max(1, round(cut * self._rate))
        if surplus > 0:
            del self._waiting[-surplus * self._channels * 4 :]

    def send(self, results: Results, everything: bool = False) -> None:
        """Send what has come out, in large blocks; the last block of a codec is held back until the end is known."""
        size = len(self._waiting) if everything else len(self._waiting) - _HELD_BYTES
        if size >= (1 if everything else _BLOCK_BYTES):
            results.send(bytes(self._waiting[:size]), track=self._name)
            del self._waiting[:size]

    def _flush(self) -> None:
        if self._graph is not None:
            self._graph.push(None)
            self._pull(self._graph)
            self._graph = None

    def _pull(self, graph: Graph) -> None:
        while True:
            try:
                frame = graph.pull()
            except (av.BlockingIOError, av.EOFError):
                return
            assert isinstance(frame, AudioFrame)
            size = frame.samples * self._channels * 4
            self._waiting += memoryview(frame.planes[0])[:size]
            self._samples += frame.samples

    def _new_graph(self, frame: AudioFrame) -> Graph:
        """From frames like this one to interleaved float32 of this track's rate and channels."""
        graph = Graph()
        layout, channels = frame.layout.name, frame.layout.nb_channels
        nodes = [
            graph.add(
                "abuffer",
                f"sample_rate={frame.rate}:sample_fmt={frame.format.name}:channel_layout={layout}:"
                f"time_base=1/{frame.rate}",
            )
        ]
        if layout == "2 channels":
            nodes.append(graph.add("pan", "stereo|c0=c0|c1=c1"))
        elif layout.endswith(" channels"):
            # Nobody knows where these stand in the room: the mean of all.
            nodes.append(graph.add("pan", f"mono|c0<{'+'.join(f'c{number}' for number in range(channels))}"))
        if self._name == "difference":
            nodes.append(graph.add("aformat", "channel_layouts=stereo"))
            nodes.append(graph.add("pan", "mono|c0=0.5*c0-0.5*c1"))
        # first_pts pads a track that starts late, async fills gaps: both keep sound and picture together.
        # rematrix_maxval makes mono the mean of stereo; without it floats are mixed 3 dB louder, beyond full scale.
        out = "mono" if self._channels == 1 else "stereo"
        resample = f"{self._rate}:async=1:first_pts={self._samples}:out_chlayout={out}:rematrix_maxval=1"
        nodes += [
            graph.add("aresample", resample),
            graph.add("aformat", "sample_fmts=flt"),
            graph.add("abuffersink"),
        ]
        graph.link_nodes(*nodes).configure()
        return graph
