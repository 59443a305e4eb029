"""Which frame of the video each frame of the dub is made from, and those frames one after the other."""

from collections.abc import Callable, Iterator

import numpy as np

from moditalker.utils.errors import InputError

WHEN_LONGER = ("stop", "loop", "hold")
"""What the picture does when the recording is longer: end the sound with it, go back and forth, or stand still."""
WHEN_SHORTER = ("stop", "rest")
"""What happens when the recording is shorter: the picture ends with it, or goes on with the lips shut."""
_CHUNK_BYTES = 256 * 2**20
"""Of frames that are held to be shown backwards."""

Read = Callable[[int], Iterator[np.ndarray]]
"""Frames (H, W, 3) uint8 of the video from one on."""


def sources(frames: int, fps: float, seconds: float, when_longer: str, when_shorter: str) -> np.ndarray:
    """Which frame of the video each frame of the dub shows.

    Args:
        frames: of the video.
        fps: of both.
        seconds: of the recording.
        when_longer, when_shorter: of ``WHEN_LONGER`` and ``WHEN_SHORTER``.
    Returns:
        (T,) int, at least one.
    Raises:
        InputError: another word.
    """
    if when_longer not in WHEN_LONGER or when_shorter not in WHEN_SHORTER:
        words = f"when_longer is one of {', '.join(WHEN_LONGER)} and when_shorter one of {', '.join(WHEN_SHORTER)}"
        raise InputError(f"{words}, got {when_longer!r} and {when_shorter!r}.")
    wanted = max(1, round(seconds * fps))
    if wanted <= frames:
        return np.arange(wanted if when_shorter == "stop" else frames)
    if when_longer == "stop":
        return np.arange(frames)
    if when_longer == "hold" or frames == 1:
        return np.minimum(np.arange(wanted), frames - 1)
    cycle = np.concatenate([np.arange(frames), np.arange(frames - 2, 0, -1)])
    return cycle[np.arange(wanted) % len(cycle)]


def shown(source: np.ndarray, read: Read) -> Iterator[np.ndarray]:
    """The frames of the video in the order of ``sources``, with a few of them in memory at a time.

    Args:
        source: (T,) neighbours differ by -1, 0 or 1.
        read: opens the video at a frame.
    Yields:
        (H, W, 3) uint8
    """
    index, last = 0, None
    while index < len(source):
        step = int(source[index + 1] - source[index]) if index + 1 < len(source) else 1
        stop = index + 1
        while stop < len(source) and source[stop] - source[stop - 1] == step:
            stop += 1
        run = source[index:stop]
        if step == 1:
            for frame, _ in zip(read(int(run[0])), run, strict=False):
                last = frame
                yield frame
        elif step == 0:
            first = last if last is not None and index and run[0] == source[index - 1] else next(read(int(run[0])))
            last = first
            yield from (first for _ in run)
        else:
            for frame in _backwards(run, read):
                last = frame
                yield frame
        index = stop


def _backwards(run: np.ndarray, read: Read) -> Iterator[np.ndarray]:
    """Frames that are one less each time: read forwards in pieces, each shown from its end."""
    size = 1
    position = 0
    while position < len(run):
        piece = run[position : position + size]
        first = int(piece[-1])
        held = [frame for frame, _ in zip(read(first), range(len(piece)), strict=False)]
        yield from reversed(held)
        position += len(piece)
        size = max(1, _CHUNK_BYTES // held[0].nbytes)
