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


def pcm_pieces(pipe: BinaryIO, rate: int = SAMPLE_RATE) -> Iterator[np.ndarray]:
    """Signed 16-bit mono PCM, little-endian, until the pipe ends.

    Args:
        pipe: for example ``sys.stdin.buffer``.
        rate: its samples a second; another than 16 kHz is resampled.
    Yields:
        (N,) float32 at 16 kHz, in [-1, 1].
    """
    size = 2 * round(rate * PIECE_SECONDS)
    resampler = None if rate == SAMPLE_RATE else AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE)
    left = b""
    while data := pipe.read(size):
        data, whole = left + data, (len(left) + len(data)) // 2 * 2
        samples = np.frombuffer(data[:whole], "<i2").astype(np.float32) / 32768
        left = data[whole:]
        if resampler is None or not len(samples):
            yield samples
            continue
        heard = AudioFrame.from_ndarray(samples[None], format="flt", layout="mono")
        heard.sample_rate = rate
        yield from (part.to_ndarray()[0] for part in resampler.resample(heard))
    if resampler is not None:
        yield from (part.to_ndarray()[0] for part in resampler.resample(None))


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
