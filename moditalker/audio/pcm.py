"""Sound as it comes: raw PCM from a pipe, or from a microphone."""

import sys
from collections.abc import Iterator
from typing import BinaryIO

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler

from moditalker.constants import SAMPLE_RATE
from moditalker.utils.errors import InputError

PIECE_SECONDS = 0.04
"""What is read at a time: a frame of the video."""
_MICROPHONES = {"linux": ("alsa", "default"), "darwin": ("avfoundation", ":0"), "win32": ("dshow", "audio=default")}


class PcmDecoder:
    """Signed 16-bit mono PCM, little-endian, in parts of any length, to float32 at 16 kHz.

    Args:
        rate: its samples a second; another than 16 kHz is resampled.
    """

    def __init__(self, rate: int = SAMPLE_RATE) -> None:
        self._rate, self._left = rate, b""
        self._resampler = None if rate == SAMPLE_RATE else AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE)

    def __call__(self, data: bytes) -> np.ndarray:
        """(N,) float32 in [-1, 1]: what is known with this part; half a sample waits for its other half."""
        data, whole = self._left + data, (len(self._left) + len(data)) // 2 * 2
        samples = np.frombuffer(data[:whole], "<i2").astype(np.float32) / 32768
        self._left = data[whole:]
        if self._resampler is None or not len(samples):
            return samples
        heard = AudioFrame.from_ndarray(samples[None], format="flt", layout="mono")
        heard.sample_rate = self._rate
        return self._resampled(heard)

    def rest(self) -> np.ndarray:
        """(N,) float32: what was still missing, at the end."""
        return np.zeros(0, np.float32) if self._resampler is None else self._resampled(None)

    def _resampled(self, heard: AudioFrame | None) -> np.ndarray:
        assert self._resampler is not None
        parts = [part.to_ndarray()[0] for part in self._resampler.resample(heard)]
        return np.concatenate(parts) if parts else np.zeros(0, np.float32)


def pcm_pieces(pipe: BinaryIO, rate: int = SAMPLE_RATE) -> Iterator[np.ndarray]:
    """Signed 16-bit mono PCM, little-endian, until the pipe ends.

    Args:
        pipe: for example ``sys.stdin.buffer``.
        rate: its samples a second; another than 16 kHz is resampled.
    Yields:
        (N,) float32 at 16 kHz, in [-1, 1].
    """
    decoder = PcmDecoder(rate)
    while data := pipe.read(2 * round(rate * PIECE_SECONDS)):
        yield decoder(data)
    yield decoder.rest()


def microphone_pieces(device: str | None = None) -> Iterator[np.ndarray]:
    """The microphone of this machine, until the iterator is closed.

    Args:
        device: as ffmpeg names it; the system's own by default.
    Yields:
        (N,) float32 at 16 kHz.
    Raises:
        InputError: there is no microphone, or it cannot be opened.
    """
    kind, usual = _MICROPHONES.get(sys.platform, ("alsa", "default"))
    try:
        opened = av.open(device or usual, format=kind)
    except (av.FFmpegError, ValueError) as error:
        raise InputError(
            f"No microphone could be opened ({device or usual}); name another device, or give sound through a pipe "
            "with '--audio -'."
        ) from error
    to_mono = AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE)
    with opened:
        for frame in opened.decode(audio=0):
            for heard in to_mono.resample(frame):
                yield heard.to_ndarray()[0]
