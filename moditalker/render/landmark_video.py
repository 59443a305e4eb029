"""The motion alone as a video: the 68 landmarks, drawn as lines."""

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from moditalker.audio.recording import Recording
from moditalker.constants import FPS
from moditalker.face.layout import BROWS, INNER_LIPS, JAW, LEFT_EYE, OUTER_LIPS, RIGHT_EYE
from moditalker.video.write import VideoWriter

SIDE = 384
_MARGIN = 0.12
_BACKGROUND = (24, 26, 34)
_FACE = (150, 160, 190)
_EYES = (120, 200, 255)
_LIPS = (255, 120, 110)
_SHIFT = 4  # cv2 draws with 4 fractional bits


def write_landmark_video(
    path: Path, landmarks: np.ndarray, recording: Recording, progress: Callable[[int, int], None] | None = None
) -> None:
    """Draw landmarks over a dark ground, as large as all of the motion allows, with the recording as the sound.

    Args:
        path: ``.mp4``; its picture is a square of `SIDE` pixels.
        landmarks: (T, 68, 2 or 3) pixels.
        recording: becomes the video's sound, as it came in.
        progress: called with the frames done and how many there are; what it raises ends the work, and no file is
            left.
    """
    points = landmarks[..., :2]
    low, high = points.min((0, 1)), points.max((0, 1))
    scale = (1 - 2 * _MARGIN) * SIDE / max(float((high - low).max()), 1e-6)
    placed = (points - (low + high) / 2) * scale + SIDE / 2
    with VideoWriter(path, (SIDE, SIDE), FPS, recording.original, recording.original_rate) as writer:
        for done, frame in enumerate(placed, 1):
            writer.write(_draw(frame))
            if progress is not None:
                progress(done, len(placed))


def _draw(points: np.ndarray) -> np.ndarray:
    """(68, 2) pixels -> (SIDE, SIDE, 3) uint8."""
    picture = np.full((SIDE, SIDE, 3), _BACKGROUND, np.uint8)
    open_lines = [points[JAW], points[BROWS[:5]], points[BROWS[5:]], points[27:31], points[31:36]]
    for lines, closed, colour in (
        (open_lines, False, _FACE),
        ([points[RIGHT_EYE], points[LEFT_EYE]], True, _EYES),
        ([points[OUTER_LIPS], points[INNER_LIPS]], True, _LIPS),
    ):
        fixed = [np.round(line * (1 << _SHIFT)).astype(np.int32).reshape(-1, 1, 2) for line in lines]
        cv2.polylines(picture, fixed, closed, colour, 2, cv2.LINE_AA, _SHIFT)
    return picture
