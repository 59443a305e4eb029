"""The AAC track of an MP4 file, encoded as far as the picture has come."""

import math
from fractions import Fraction

import numpy as np
from av.audio.frame import AudioFrame
from av.codec.context import Flags
from av.container import OutputContainer
from av.packet import Packet

RATES = (32_000, 44_100, 48_000)
"""Samples a second that are kept; others become 48 kHz. AAC's delay is 1,024 samples, which some players do not
subtract: 21 ms at 48 kHz, but 64 ms at 16 kHz."""
BITS_A_SECOND = {1: 128_000, 2: 192_000}
"""By the number of channels."""

_BLOCK_SECONDS = 0.5


class SoundTrack:
    """Encodes samples into a stream of a file.

    Args:
        container: a file to which nothing was written yet.
        audio: float (N,) or (N, channels) in [-1, 1]; what is not finite becomes silence. One or two channels.
        rate: samples a second.
        anonymous: always the same rate and bit rate, and no encoder's name in the stream.
    """

    def __init__(self, container: OutputContainer, audio: np.ndarray, rate: int, anonymous: bool = False) -> None:
        self._audio = audio if audio.ndim == 2 else audio[:, None]
        self._rate, self._done = rate, 0
        channels = self._audio.shape[1]
        self._layout = "mono" if channels == 1 else "stereo"
        out = rate if rate in RATES and not anonymous else RATES[-1]
        bits = BITS_A_SECOND[2 if anonymous else channels]
        self._stream = container.add_stream("aac", out, layout=self._layout, bit_rate=bits)
        if anonymous:
            self._stream.codec_context.flags |= Flags.bitexact

    def until(self, seconds: float) -> list[Packet]:
        """Packets of the sound up to a time, in blocks of half a second."""
        stop = min(len(self._audio), math.ceil(seconds * self._rate))
        if stop - self._done < _BLOCK_SECONDS * self._rate:
            return []
        return self._encode(stop)

    def rest(self) -> list[Packet]:
        """The packets that are missing, to the end."""
        packets = self._encode(len(self._audio)) if self._done < len(self._audio) else []
        return packets + self._stream.encode(None)

    def _encode(self, stop: int) -> list[Packet]:
        block = np.clip(np.nan_to_num(self._audio[self._done : stop]), -1.0, 1.0).astype(np.float32)
        frame = AudioFrame.from_ndarray(np.ascontiguousarray(block.T), format="fltp", layout=self._layout)
        frame.sample_rate, frame.pts, frame.time_base = self._rate, self._done, Fraction(1, self._rate)
        self._done = stop
        # The encoder resamples by itself, and cuts what comes into its own blocks.
        return self._stream.encode(frame)
