"""Head motion that is taken from a video."""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from moditalker.constants import FPS
from moditalker.face.motion_controls import fit_length
from moditalker.face.retarget import relative_pose
from moditalker.face.tracker import make_tracker
from moditalker.utils.errors import InputError
from moditalker.video.read import read_video


def driving_video(head_motion: str | Path) -> Path | None:
    """The video that ``head_motion`` names; None where it is one of the words ``natural`` and ``still``."""
    return None if head_motion in ("natural", "still") else Path(head_motion)


def driven_pose(
    video: Path, frames: int, tracker: str = "mediapipe", progress: Callable[[int], None] | None = None
) -> np.ndarray:
    """The head pose of a video, played forwards and backwards until it is long enough.

    Args:
        video: file.
        frames: T, how many are wanted at 25 fps.
        tracker: name of the face tracker.
        progress: called with the frames tracked so far.
    Returns:
        (T, 6) against that of its middle frame, see ``FaceFrame.analyse``.
    Raises:
        InputError: there is no such file, or nothing to be tracked in it.
    """
    try:
        pictures = read_video(video, fps=FPS, max_side=512)
    except InputError as error:
        raise InputError(f"head_motion must be 'natural', 'still' or a video file: {error}") from error
    landmarks = make_tracker(tracker).track(pictures, progress)
    return fit_length(relative_pose(landmarks), frames)
