"""Whether sound and picture of a video stay together, as its file says."""

from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np
from av.audio.resampler import AudioResampler
from scipy.signal import correlate

from moditalker.constants import FPS, SAMPLE_RATE

_SECONDS = 1.0
"""Of sound that are compared in one place."""
_REACH_SECONDS = 0.2
_QUIET = 1e-3


@dataclass(frozen=True)
class Together:
    """What a probe found.

    Attributes:
        frames: in the file.
        wander: by how much the frames' timestamps leave their even course, milliseconds.
        sound: (at, late) of each place that was looked at: seconds into the video, milliseconds by which the sound
            comes after its picture.
    """

    frames: int
    wander: float
    sound: tuple[tuple[float, float], ...]

    @property
    def furthest(self) -> float:
        """Milliseconds by which sound and picture are apart at the worst place."""
        return self.wander + max((abs(late) for _, late in self.sound), default=0.0)


def probe(video: Path, sound: np.ndarray, places: int = 5) -> Together:
    """Compare a video's timestamps with its frames' numbers, and its sound with the one that it was drawn to.

    Args:
        video: a file.
        sound: (N,) float32 at 16 kHz.
        places: how many of them are compared, from the beginning to the end.
    """
    with av.open(str(video)) as file:
        [track] = file.streams.video
        assert track.time_base is not None
        stamps = sorted(float(packet.pts * track.time_base) for packet in file.demux(track) if packet.pts is not None)
    # An encoder's first samples come before the first frame: then all frames but the first are a little later.
    moved = (np.array(stamps) - np.arange(len(stamps)) / FPS)[1:]
    begins = float(np.median(moved))
    length = len(stamps) / FPS
    starts = np.linspace(_REACH_SECONDS, max(_REACH_SECONDS, length - _SECONDS - _REACH_SECONDS), places)
    lates = []
    for start in starts:
        late = _late(_cut(video, float(start)), sound, float(start))
        if late is not None:
            lates.append((float(start), 1000 * (late - begins)))
    return Together(len(stamps), 1000 * float(np.ptp(moved)), tuple(lates))


def _cut(video: Path, start: float) -> np.ndarray:
    """(N,) float32 at 16 kHz: a second of a file's sound, by its timestamps."""
    resampler = AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE)
    parts: list[np.ndarray] = []
    first: float | None = None
    with av.open(str(video)) as file:
        [track] = file.streams.audio
        file.seek(round(max(0.0, start - _SECONDS) * 1_000_000))
        for frame in file.decode(track):
            if first is None:
                first = float(frame.time or 0.0)
            parts += [one.to_ndarray()[0] for one in resampler.resample(frame)]
            if first + sum(map(len, parts)) / SAMPLE_RATE > start + _SECONDS + _REACH_SECONDS:
                break
    skipped = round((start - (first or 0.0)) * SAMPLE_RATE)
    heard = np.concatenate(parts) if parts else np.zeros(0, np.float32)
    return heard[skipped : skipped + round(_SECONDS * SAMPLE_RATE)]


def _late(heard: np.ndarray, sound: np.ndarray, start: float) -> float | None:
    """Seconds by which what is heard comes after the sound; None where there is nothing to hear."""
    reach = round(_REACH_SECONDS * SAMPLE_RATE)
    first = round(start * SAMPLE_RATE) - reach
    there = sound[first : first + len(heard) + 2 * reach]
    if len(there) < len(heard) + 2 * reach or np.sqrt(np.mean(heard**2)) < _QUIET:
        return None
    return (reach - int(np.argmax(correlate(there, heard, mode="valid")))) / SAMPLE_RATE
