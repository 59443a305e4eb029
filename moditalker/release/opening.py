"""What moves when the page opens: four of the examples' faces, two by two, as a small silent video that repeats."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from moditalker.constants import FPS
from moditalker.face.inspection import inspect_portrait
from moditalker.face.tracker import FaceTracker
from moditalker.video.provenance import TAGS, add_provenance
from moditalker.video.read import read_video
from moditalker.video.write import VideoWriter

SIDE = 272
"""Of each face, pixels."""
SECONDS = 4.0
_ROOM = 2.3
"""Side of the square around a face, in heights of the face from brows to chin."""
_STILL = 1.6
"""Second of the frame that stands for the video where it does not play."""


def make_opening(videos: Sequence[Path], tracker: FaceTracker, output: Path) -> None:
    """Write the video, and one of its frames as a JPEG beside it.

    Args:
        videos: four files, each of one face.
        tracker: finds the faces.
        output: ``.mp4``.
    Raises:
        InputError: a video cannot be read, or its first frame shows no face.
    """
    count = round(SECONDS * FPS)
    faces = [_face(video, tracker, count) for video in videos]
    rows = [np.concatenate(faces[first : first + 2], axis=2) for first in (0, 2)]
    frames = np.concatenate(rows, axis=1)
    with VideoWriter(output, (2 * SIDE, 2 * SIDE), FPS, None, metadata=TAGS) as writer:
        for frame in frames:
            writer.write(frame)
    add_provenance(output, seed=None, weights={})
    Image.fromarray(frames[round(_STILL * FPS)]).save(output.with_suffix(".jpg"), quality=85)


def _face(path: Path, tracker: FaceTracker, count: int) -> np.ndarray:
    """(count, SIDE, SIDE, 3) uint8: a square around the face; a shorter video goes back and forth."""
    frames = [frame for frame, _ in zip(read_video(path, fps=FPS), range(count), strict=False)]
    left, top, right, bottom = inspect_portrait(frames[0], tracker).box
    height, width = frames[0].shape[:2]
    side = min(round(_ROOM * (bottom - top)), height, width)
    x = int(np.clip((left + right - side) // 2, 0, width - side))
    y = int(np.clip((top + bottom - side) // 2, 0, height - side))
    there_and_back = [*range(len(frames)), *range(len(frames) - 2, 0, -1)]
    order = [there_and_back[index % len(there_and_back)] for index in range(count)]
    cut = [
        cv2.resize(frame[y : y + side, x : x + side], (SIDE, SIDE), interpolation=cv2.INTER_AREA) for frame in frames
    ]
    return np.stack([cut[index] for index in order])
