"""All columns in one file, side by side, each with its name above it."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from moditalker.constants import FPS
from moditalker.video.provenance import TAGS, add_provenance
from moditalker.video.read import probe_video, read_video
from moditalker.video.write import VideoWriter

HEIGHT = 480
"""Of the highest pictures, pixels; less where the row would be wider than ``WIDEST``."""
WIDEST = 1920
STRIP = 36
"""Of the names, pixels."""
_GAP = 4
_GROUND, _INK = (24, 26, 34), (235, 238, 248)


def stitch(videos: Sequence[Path], names: Sequence[str], samples: np.ndarray, output: Path, seed: int) -> None:
    """Write one video of all.

    Args:
        videos: 25 frames a second, of one length; at least one.
        names: of the columns.
        samples: (N,) float32 at 16 kHz, the sound.
        output: ``.mp4``.
        seed: for the provenance.
    Raises:
        InputError: one of them cannot be read, or the file cannot be written.
    """
    sizes = [probe_video(video).size for video in videos]
    height = min(HEIGHT, max(size[1] for size in sizes))
    widths = [size[0] * height / size[1] for size in sizes]
    shrink = min(1.0, (WIDEST - _GAP * (len(videos) - 1)) / sum(widths))
    height, columns = _even(height * shrink), [_even(width * shrink) for width in widths]
    total = _even(sum(columns) + _GAP * (len(columns) - 1) + 1)
    canvas = _names(names, columns, total, height)
    streams = [read_video(video, fps=FPS) for video in videos]
    with VideoWriter(output, (total, STRIP + height), FPS, samples, metadata=TAGS) as writer:
        for frames in zip(*streams, strict=False):
            picture, left = canvas.copy(), 0
            for frame, width in zip(frames, columns, strict=True):
                scaled = Image.fromarray(frame).resize((width, height), Image.Resampling.BICUBIC)
                picture[STRIP:, left : left + width] = np.asarray(scaled)
                left += width + _GAP
            writer.write(picture)
    add_provenance(output, seed=seed, weights={})


def _names(names: Sequence[str], columns: Sequence[int], total: int, height: int) -> np.ndarray:
    """(STRIP + height, total, 3) uint8: the names over empty columns."""
    canvas = Image.new("RGB", (total, STRIP + height), _GROUND)
    draw, left = ImageDraw.Draw(canvas), 0
    for name, width in zip(names, columns, strict=True):
        size = 18.0
        font = ImageFont.load_default(size)
        while size > 8 and draw.textlength(name, font) > width - 8:
            size -= 1
            font = ImageFont.load_default(size)
        draw.text((left + width / 2, STRIP / 2), name, _INK, font, anchor="mm")
        left += width + _GAP
    return np.asarray(canvas)


def _even(value: float) -> int:
    return max(2, int(value) // 2 * 2)
