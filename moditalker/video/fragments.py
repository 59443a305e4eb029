"""Fragmented MP4: a video that can be played while it is being made, to a file, a pipe or a socket.

The index comes in pieces, one before each fragment (ISO/IEC 14496-12, movie fragments). Nothing is ever gone back to.
"""

from fractions import Fraction
from typing import Any, Protocol

import av
import numpy as np
from av.audio.frame import AudioFrame

from moditalker.constants import SAMPLE_RATE
from moditalker.video.picture_track import PictureTrack
from moditalker.video.provenance import TAGS

_MOVFLAGS = "frag_keyframe+empty_moov+default_base_moof+use_metadata_tags"
_SOUND_RATE = 48_000
FRAGMENT_SECONDS = 1.0
"""From one key frame, and one fragment, to the next."""
_X264 = {"preset": "veryfast", "tune": "zerolatency", "crf": "20"}


class Sink(Protocol):
    """Where the bytes go."""

    def write(self, data: bytes, /) -> Any: ...


class FragmentWriter:
    """Encodes frames and sound side by side into H.264 and AAC; nothing waits for what comes later.

    Args:
        sink: gets the file's bytes, in order.
        size: (width, height), both even; pixels.
        fps: frames a second.
        fragment_seconds: a fragment is written when it is whole, so this is added to the delay.
    """

    def __init__(self, sink: Sink, size: tuple[int, int], fps: int, fragment_seconds: float = FRAGMENT_SECONDS) -> None:
        self._file = av.open(_Forward(sink), "w", format="mp4", options={"movflags": _MOVFLAGS})
        self._file.metadata.update(TAGS)
        self._picture = PictureTrack(self._file, size, Fraction(fps), _X264, round(fps * fragment_seconds))
        self._sound = self._file.add_stream("aac", _SOUND_RATE, layout="mono", bit_rate=128_000)
        self.frames, self.samples = 0, 0

    def write(self, frames: np.ndarray, sound: np.ndarray) -> None:
        """Append (n, H, W, 3) uint8 and the sound that belongs to them, (N,) float32 at 16 kHz."""
        for frame in frames:
            self._file.mux(self._picture.encode(self._picture.picture(frame, self.frames)))
            self.frames += 1
        if len(sound):
            block = np.clip(np.nan_to_num(sound), -1, 1).astype(np.float32)[None]
            heard = AudioFrame.from_ndarray(np.ascontiguousarray(block), format="fltp", layout="mono")
            heard.sample_rate, heard.pts, heard.time_base = SAMPLE_RATE, self.samples, Fraction(1, SAMPLE_RATE)
            self.samples += len(sound)
            self._file.mux(self._sound.encode(heard))

    def close(self) -> None:
        """Write what is left. The sink stays open."""
        self._file.mux(self._picture.rest())
        self._file.mux(self._sound.encode(None))
        self._file.close()


class _Forward:
    """A file that is only ever written to; PyAV asks for no more when the format needs none."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink

    def write(self, data: bytes) -> int:
        self._sink.write(bytes(data))
        return len(data)
