"""Speaking style: how far and how fast somebody's face moves while talking, as a few numbers of a clip.

The numbers are logarithms of variances within windows of about a second, so clips of any length compare. They are of
movements only: how a face is built, where it looks, and which side is left do not enter them. A model learns what to
make of them by making other windows of the same person (as StyleTalk, Y. Ma et al., AAAI 2023, and DiffPoseTalk,
Z. Sun et al., SIGGRAPH 2024, do with encoders). The smile under the speech is no movement: it is read by
``atom.blendshapes``, and shown as an emotion is (``atom.emotion``).
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from moditalker.atom.blendshapes import BlendshapeMap
from moditalker.atom.blinks import eye_closure, usual_opening
from moditalker.constants import FPS
from moditalker.face.blendshapes import INDEX
from moditalker.face.driven_pose import followed_take
from moditalker.face.geometry import FaceFrame
from moditalker.face.layout import lip_gap
from moditalker.utils.errors import InputError

WINDOW = 24
"""Frames over which a movement is measured."""
MOVEMENTS = (
    "inner brows",
    "outer brows",
    "frown",
    "lids",
    "mouth opening",
    "mouth width",
    "mouth corners",
    "nod",
    "turn",
    "tilt",
    "sideways",
    "up and down",
    "nearer",
)
"""What is measured, twice: how far it goes, and how fast."""
STYLE = 2 * len(MOVEMENTS)
_FEWEST = 2
"""Windows of a clip that a style is taken from."""
_LEAST = 1e-7
"""Variance that is as good as none: 0.0003 inter-ocular distances, or radians."""
_SMILE = [INDEX["mouthSmileLeft"], INDEX["mouthSmileRight"]]


@dataclass(frozen=True)
class Manner:
    """How somebody talks.

    Attributes:
        movements: (26,) of ``style_of``.
        smile: of ``smile_of``; None leaves the portrait's own.
    """

    movements: np.ndarray
    smile: float | None = None


StyleSource = str | Path | np.ndarray | Manner | None
"""A video of somebody who talks, what was read of it, or the (26,) numbers of its movements alone."""


def movements(landmarks: np.ndarray) -> np.ndarray:
    """(T, 68, 3) of one face, any unit -> (T, 13) curves of ``MOVEMENTS``: inter-ocular distances, radians."""
    frame = FaceFrame(landmarks[len(landmarks) // 2])
    residual, pose = frame.analyse(landmarks)
    points = residual + frame.shape
    height = points[..., 1]
    curves = (
        height[:, [21, 22]].mean(1),
        height[:, [17, 26]].mean(1),
        points[:, 22, 0] - points[:, 21, 0],
        eye_closure(landmarks, usual_opening(landmarks)),
        lip_gap(points),
        points[:, 54, 0] - points[:, 48, 0],
        height[:, [48, 54]].mean(1),
    )
    return np.concatenate([np.stack(curves, 1), pose], 1)


def window_variances(landmarks: np.ndarray) -> np.ndarray:
    """Variances within the windows of a clip.

    Args:
        landmarks: (T, 68, 3) of one face, any unit.
    Returns:
        (n, 26) of the curves and of their changes a frame; n is at least 1, and 0 where T is under ``WINDOW``.
    """
    curves = movements(landmarks) if len(landmarks) >= WINDOW else np.zeros((0, len(MOVEMENTS)))
    windows = [curves[start : start + WINDOW] for start in range(0, len(curves) - WINDOW + 1, WINDOW)]
    found = [np.concatenate([window.var(0), np.diff(window, axis=0).var(0)]) for window in windows]
    return np.stack(found).astype(np.float32) if found else np.zeros((0, STYLE), np.float32)


def style_of(variances: np.ndarray) -> np.ndarray:
    """(n, 26) of some windows, n at least 1 -> (26,) float32 their style."""
    return np.log(variances.mean(0) + _LEAST).astype(np.float32)


def smile_of(landmarks: np.ndarray, network: BlendshapeMap) -> float:
    """How far the corners of a mouth are raised under its speech.

    Args:
        landmarks: (T, 68, 3) of one face, any unit.
        network: reads blendshapes.
    Returns:
        The median of both corners' scores, 0 to 1: single vowels and laughs do not count.
    """
    return float(np.median(network.read(landmarks)[:, _SMILE].mean(1)))


def clip_manner(
    video: str | Path,
    tell: Callable[[str], None],
    network: BlendshapeMap | None,
    tracker: str = "mediapipe",
    progress: Callable[[int], None] | None = None,
) -> Manner:
    """The manner of somebody who talks in a clip; about ten seconds are enough.

    Args:
        video: file.
        tell: called with each sentence for the user.
        network: reads the smile; without it, it is not read.
        tracker: name of the face tracker.
        progress: called with the frames tracked so far.
    Raises:
        InputError: there is no such file, nobody to be followed in it, or for too short a time.
    """
    asked = "style must be a video file of somebody who talks"
    landmarks = followed_take(Path(video), "The video for the style", asked, tell, tracker, progress)
    variances = window_variances(landmarks)
    if len(variances) < _FEWEST:
        raise InputError(
            f"The video for the style shows a person for {len(landmarks) / FPS:.1f} s: take one of about ten seconds."
        )
    return Manner(style_of(variances), None if network is None else smile_of(landmarks, network))
