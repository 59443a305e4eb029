"""Head motion that is taken from a video, and the take of a person that other things are taken from."""

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

_MAX_SIDE = 512


def driving_video(head_motion: str | Path) -> Path | None:
    """The video that ``head_motion`` names; None where it is one of the words ``natural`` and ``still``."""
    return None if head_motion in ("natural", "still") else Path(head_motion)


def driven_pose(
    video: Path,
    frames: int,
    tell: Callable[[str], None],
    tracker: str = "mediapipe",
    progress: Callable[[int], None] | None = None,
) -> np.ndarray:
    """The head pose of a video, played forwards and backwards until it is long enough.

    A video that lies on its side is turned upright. Where it cuts to another person only the longest take is followed.

    Args:
        video: file.
        frames: T, how many are wanted at 25 fps.
        tell: called with each sentence for the user.
        tracker: name of the face tracker.
        progress: called with the frames tracked so far.
    Returns:
        (T, 6) against that of its middle frame, see ``FaceFrame.analyse``.
    Raises:
        InputError: there is no such file, nothing to be tracked in it, or more than one head.
    """
    asked = "head_motion must be 'natural', 'still' or a video file"
    return fit_length(relative_pose(followed_take(video, "The driving video", asked, tell, tracker, progress)), frames)


def followed_take(
    video: Path,
    called: str,
    asked: str,
    tell: Callable[[str], None],
    tracker: str = "mediapipe",
    progress: Callable[[int], None] | None = None,
) -> np.ndarray:
    """Landmarks of the person in a video, in its longest take.

    A video that lies on its side is turned upright.

    Args:
        video: file.
        called: what the user is told that it is.
        asked: what the user is told where there is no such file.
        tell, tracker, progress: as for ``driven_pose``.
    Returns:
        (T, 68, 3) at 25 fps, pixels.
    Raises:
        InputError: there is no such file, nothing to be tracked in it, or more than one head.
    """
    found = make_tracker(tracker)
    try:
        looks = read_video(video, fps=LOOKS_A_SECOND, max_side=_MAX_SIDE)
        pictures = read_video(video, fps=FPS, max_side=_MAX_SIDE)
    except InputError as error:
        raise InputError(f"{asked}: {error}") from error
    turns = turns_of(looks, found)
    if turns:
        tell(f"{called} {in_words(turns)}")
    watch = CutWatch()
    landmarks = found.track(watch.watched(turned(pictures, turns)), progress)
    take = watch.longest_take(landmarks)
    if take.stop - take.start < len(landmarks):
        tell(
            f"{called} cuts to what may be another person; "
            f"its longest take is followed, from {take.start / FPS:.1f} to {take.stop / FPS:.1f} s."
        )
    return np.asarray(landmarks[take])
