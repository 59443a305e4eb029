"""The motion alone as a video: the 68 landmarks, drawn as lines."""

from pathlib import Path

import cv2
import numpy as np

from moditalker.face.landmark_file import FPS
from moditalker.face.layout import BROWS, INNER_LIPS, JAW, LEFT_EYE, OUTER_LIPS, RIGHT_EYE
from moditalker.video.write import VideoWriter

MAX_SIDE = 512
_BACKGROUND = (24, 26, 34)
_FACE = (150, 160, 190)
_EYES = (120, 200, 255)
_LIPS = (255, 120, 110)
_SHIFT = 4  # cv2 draws with 4 fractional bits


def write_landmark_video(path: Path, landmarks: np.ndarray, size: tuple[int, int], audio: np.ndarray) -> None:
    """Draw landmarks over a dark ground, framed as the picture is, with the recording as the sound.

    Args:
        path: ``.mp4``.
        landmarks: (T, 68, 2 or 3) in the picture's pixels.
        size: (width, height) of the picture.
        audio: (N,) float32 at 16 kHz.
    """
    scale = min(1.0, MAX_SIDE / max(size))
    width, height = (2 * round(side * scale / 2) for side in size)
    with VideoWriter(path, (width, height), FPS, audio) as writer:
        for points in landmarks[..., :2] * scale:
            writer.write(_draw(points, width, height))


def _draw(points: np.ndarray, width: int, height: int) -> np.ndarray:
    """(68, 2) pixels -> (height, width, 3) uint8."""
    picture = np.full((height, width, 3), _BACKGROUND, np.uint8)
    open_lines = [points[JAW], points[BROWS[:5]], points[BROWS[5:]], points[27:31], points[31:36]]
    thickness = max(1, round(min(width, height) / 256))
    for lines, closed, colour in (
        (open_lines, False, _FACE),
        ([points[RIGHT_EYE], points[LEFT_EYE]], True, _EYES),
        ([points[OUTER_LIPS], points[INNER_LIPS]], True, _LIPS),
    ):
        fixed = [np.round(line * (1 << _SHIFT)).astype(np.int32).reshape(-1, 1, 2) for line in lines]
        cv2.polylines(picture, fixed, closed, colour, thickness, cv2.LINE_AA, _SHIFT)
    return picture
