"""Frames of a conversation: all faces in one picture, or one after the other."""

import copy
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack, closing
from itertools import groupby
from typing import Any

import numpy as np

from moditalker.constants import FPS
from moditalker.conversation.stage import Stage

BLOCK = 16
"""Frames that are put together at a time."""
SHORTEST = FPS
"""Frames that a shot lasts at least: nothing is cut for a shorter word."""


def together(
    pipeline: Any, stage: Stage, landmarks: Sequence[np.ndarray], spoken: np.ndarray, **options: Any
) -> Generator[np.ndarray, None, None]:
    """Draw all faces into the stage's picture.

    Args:
        pipeline: a ``MoDiTalkerPipeline``.
        stage: the faces and their places.
        landmarks: (T, 68, 3) of each, in the pixels of its part.
        spoken: (F, T) bool, where its lips may move, see ``atom.listening.lips_may_move``.
        **options: of ``render``.
    Yields:
        (n, H, W, 3) uint8, T frames in all.
    """
    with ExitStack() as stack:
        drawn = []
        for seat, points, moves in zip(stage.seats, landmarks, spoken, strict=True):
            frames = _own(pipeline).render(seat.portrait, points, own=True, correct_lips=moves, **options)
            drawn.append(blocks(stack.enter_context(closing(frames))))
        for shown in zip(*drawn, strict=True):
            whole = np.repeat(stage.picture[None], len(shown[0]), 0)
            for seat, part in zip(stage.seats, shown, strict=True):
                seat.put(whole, part)
            yield whole


def in_turn(
    pipeline: Any,
    stage: Stage,
    landmarks: Sequence[np.ndarray],
    spoken: np.ndarray,
    held: np.ndarray,
    **options: Any,
) -> Generator[np.ndarray, None, None]:
    """Show the face that speaks, and cut to the next one.

    Args:
        held: (T,) see ``atom.listening.floor_holder``.
        pipeline, stage, landmarks, spoken, **options: as of ``together``.
    Yields:
        (n, H, W, 3) uint8, T frames in all.
    """
    for face, start, stop in shots(held):
        portrait, points, moves = stage.seats[face].portrait, landmarks[face][start:stop], spoken[face, start:stop]
        yield from pipeline.render(portrait, points, own=True, correct_lips=moves, **options)


def shots(held: np.ndarray, shortest: int = SHORTEST) -> list[tuple[int, int, int]]:
    """Who is shown when.

    Args:
        held: (T,) the index of the face that has the floor.
        shortest: frames; what is shorter stays with the face before, or goes to the one after where there is none.
    Returns:
        Face, first frame and the frame after the last one of each shot; no two in a row show one face.
    """
    found: list[tuple[int, int, int]] = []
    start = 0
    for face, frames in groupby(held.tolist()):
        stop = start + sum(1 for _ in frames)
        if found and (found[-1][0] == face or stop - start < shortest):
            found[-1] = (found[-1][0], found[-1][1], stop)
        elif found and found[-1][2] - found[-1][1] < shortest:
            found[-1] = (face, found[-1][1], stop)
        else:
            found.append((face, start, stop))
        start = stop
    return found


def blocks(pieces: Iterable[np.ndarray], size: int = BLOCK) -> Iterator[np.ndarray]:
    """(n, ...) of any n -> the same with n = ``size``, but for the last."""
    waiting: list[np.ndarray] = []
    for piece in pieces:
        waiting.append(piece)
        while sum(map(len, waiting)) >= size:
            joined = np.concatenate(waiting)
            yield joined[:size]
            waiting = [joined[size:]]
    if sum(map(len, waiting)):
        yield np.concatenate(waiting)


def _own(pipeline: Any) -> Any:
    """The same networks with a scheduler of their own: renders work side by side, and a scheduler counts steps."""
    own = copy.copy(pipeline)
    own.mtov_scheduler = copy.deepcopy(pipeline.mtov_scheduler)
    return own
