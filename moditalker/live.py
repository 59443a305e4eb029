"""Sound in as it comes, a video out while it is being made."""

import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from queue import Queue
from typing import Any

import numpy as np

from moditalker.audio.load import AudioSource, samples_of
from moditalker.constants import FPS, SAMPLES_A_FRAME
from moditalker.portrait import Portrait, PortraitSource
from moditalker.utils.errors import InputError
from moditalker.video.fragments import FRAGMENT_SECONDS, FragmentWriter, Sink
from moditalker.video.watermark import Watermark


@dataclass(frozen=True)
class Piece:
    """A little of the video.

    Attributes:
        frames: (n, H, W, 3) uint8.
        sound: (n * 640,) float32 at 16 kHz, what belongs to them.
        seconds: since the start, when it was there.
    """

    frames: np.ndarray
    sound: np.ndarray
    seconds: float


def pieces(
    pipeline: Any,
    portrait: PortraitSource | Portrait,
    sound: AudioSource | Iterable[np.ndarray],
    *,
    mark: bool = False,
    **options: Any,
) -> Generator[Piece, None, None]:
    """Frames with their sound, as soon as they are known.

    Args:
        pipeline: a ``MoDiTalkerPipeline``.
        portrait: see ``encode_portrait``.
        sound: a recording, or pieces of float32 at 16 kHz as they come.
        mark: write "AI-generated" into a corner.
        **options: of ``MoDiTalkerPipeline.stream``.
    Raises:
        InputError: input that cannot be used; the preset cannot stream.
    """
    if not hasattr(pipeline, "stream"):
        raise InputError("This preset draws whole recordings only; choose the compact preset to stream.")
    started = time.perf_counter()
    heard: Queue[np.ndarray] = Queue()

    def listened() -> Iterator[np.ndarray]:
        for piece in [samples_of(sound)] if isinstance(sound, AudioSource) else sound:
            heard.put(piece)
            yield piece

    waiting, mark_on = np.zeros(0, np.float32), None
    with closing(pipeline.stream(portrait, listened(), **options)) as frames:
        for shown in frames:
            wanted = len(shown) * SAMPLES_A_FRAME
            # What is drawn was listened to before; only the last frame may be longer than its sound.
            while len(waiting) < wanted and not heard.empty():
                waiting = np.concatenate([waiting, heard.get()])
            if mark:
                mark_on = mark_on or Watermark((shown.shape[2], shown.shape[1]))
                shown = mark_on(shown)
            own, waiting = waiting[:wanted], waiting[wanted:]
            yield Piece(shown, np.pad(own, (0, wanted - len(own))), time.perf_counter() - started)


def write_live(
    pipeline: Any,
    portrait: PortraitSource | Portrait,
    sound: AudioSource | Iterable[np.ndarray],
    sink: Sink,
    *,
    on_piece: Callable[[Piece], None] | None = None,
    fragment_seconds: float = FRAGMENT_SECONDS,
    **options: Any,
) -> int:
    """Write a fragmented MP4 while it is being made.

    Args:
        pipeline, portrait, sound, **options: as of ``pieces``.
        sink: gets the bytes.
        on_piece: called with each piece that was written; may raise to end the work, after which the video is whole.
        fragment_seconds: see ``FragmentWriter``.
    Returns:
        Frames.
    """
    writer: FragmentWriter | None = None
    try:
        with closing(pieces(pipeline, portrait, sound, **options)) as made:
            for piece in made:
                if writer is None:
                    height, width = piece.frames.shape[1:3]
                    writer = FragmentWriter(sink, (width, height), FPS, fragment_seconds)
                writer.write(piece.frames, piece.sound)
                if on_piece is not None:
                    on_piece(piece)
    finally:
        if writer is not None:
            writer.close()
    return 0 if writer is None else writer.frames
