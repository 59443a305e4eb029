"""Head motion that is taken from a video."""

import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np

from moditalker.constants import FPS
from moditalker.face.driver_check import LOOKS_A_SECOND, CutWatch, turned, turns_of
from moditalker.face.motion_controls import fit_length
from moditalker.face.retarget import relative_pose
from moditalker.face.tracker import make_tracker
from moditalker.face.upright import in_words
from moditalker.utils.errors import InputError
from moditalker.video.read import read_video

logger = logging.getLogger(__name__)

_MAX_SIDE = 512


def driving_video(head_motion: str | Path) -> Path | None:
    """The video that ``head_motion`` names; None where it is one of the words ``natural`` and ``still``."""
    return None if head_motion in ("natural", "still") else Path(head_motion)


def driven_pose(
    video: Path, frames: int, tracker: str = "mediapipe", progress: Callable[[int], None] | None = None
) -> np.ndarray:
    """The head pose of a video, played forwards and backwards until it is long enough.

    A video that lies on its side is turned upright, and the log says so.

    Args:
        video: file.
        frames: T, how many are wanted at 25 fps.
        tracker: name of the face tracker.
        progress: called with the frames tracked so far.
    Returns:
        (T, 6) against that of its middle frame, see ``FaceFrame.analyse``.
    Raises:
        InputError: there is no such file, nothing to be tracked in it, or more than one person.
    """
    found = make_tracker(tracker)
    try:
        looks = read_video(video, fps=LOOKS_A_SECOND, max_side=_MAX_SIDE)
        pictures = read_video(video, fps=FPS, max_side=_MAX_SIDE)
    except InputError as error:
        raise InputError(f"head_motion must be 'natural', 'still' or a video file: {error}") from error
    turns = turns_of(looks, found)
    if turns:
        logger.warning("The driving video %s", in_words(turns))
    watch = CutWatch()
    landmarks = found.track(watch.watched(turned(pictures, turns)), progress)
    other = watch.other_person(landmarks)
    if other is not None:
        raise InputError(
            f"The driving video cuts to another person at {other / FPS:.1f} s; use one that shows one person."
        )
    return fit_length(relative_pose(landmarks), frames)
