"""What methods share once they know what to draw: frames to a file, and landmarks to frames by the warp alone."""

from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path

import numpy as np

from moditalker.baselines.protocol import Options
from moditalker.constants import FPS
from moditalker.face.geometry import ALIGNED_SIZE
from moditalker.portrait import Portrait, composer_of
from moditalker.render.warp import FrameWarp
from moditalker.utils.progress import Progress
from moditalker.video.provenance import DUB_TAGS, TAGS, add_provenance
from moditalker.video.watermark import Watermark
from moditalker.video.write import VideoWriter

_CHUNK = 32
"""Frames warped at a time."""


def write_frames(
    output: Path,
    chunks: Iterable[np.ndarray],
    samples: np.ndarray,
    count: int,
    options: Options,
    progress: Progress,
    made_by: dict[str, str],
    *,
    dubbed: bool = False,
) -> str:
    """Write frames with their sound, the mark and the provenance.

    Args:
        output: ``.mp4``.
        chunks: (n, H, W, 3) uint8 each, even sides, ``count`` frames in all.
        samples: (N,) float32 at 16 kHz.
        count: frames in all.
        options: whether there is a mark, and the seed that the file tells.
        progress: told the stage ``video``.
        made_by: names and hashes of the networks, for the provenance.
        dubbed: whether the file says that only a part of each frame was made.
    Returns:
        ``VideoWriter.frames_sha256``.
    Raises:
        InputError: the file cannot be written.
    """
    pieces = iter(chunks)
    first = next(pieces)
    height, width = first.shape[1:3]
    mark = Watermark((width, height)) if options.mark else None
    done = 0
    with VideoWriter(output, (width, height), FPS, samples, metadata=DUB_TAGS if dubbed else TAGS) as writer:
        for piece in chain([first], pieces):
            for frame in piece if mark is None else mark(piece):
                writer.write(frame)
            done += len(piece)
            progress("video", done, count)
    add_provenance(output, seed=options.seed, weights=made_by, composite=dubbed)
    return writer.frames_sha256


def warped(portrait: Portrait, landmarks: np.ndarray) -> Iterator[np.ndarray]:
    """The portrait warped to landmarks, and nothing drawn into it.

    Args:
        portrait: encoded.
        landmarks: (T, 68, 3) in its pixels.
    Yields:
        (n, H, W, 3) uint8, in order.
    """
    composer, motion = composer_of(portrait), portrait.frame.motion(landmarks)
    for start in range(0, len(motion), _CHUNK):
        piece = motion[start : start + _CHUNK]
        nothing = np.zeros((len(piece), 3, ALIGNED_SIZE, ALIGNED_SIZE), np.float32)
        yield composer(FrameWarp(portrait.frame, piece), nothing)
