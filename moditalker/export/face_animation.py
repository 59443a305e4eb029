"""A talking face as curves that other programs understand: 52 blendshapes, head and eyes."""

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import PchipInterpolator
from scipy.spatial.transform import Rotation

from moditalker.atom.blendshapes import BlendshapeMap
from moditalker.constants import FPS
from moditalker.face.blendshapes import INDEX
from moditalker.face.geometry import FaceFrame

_EYE_REACH = np.radians(30.0)
"""How far an eye is turned when a score of ``eyeLook`` is 1."""


@dataclass(frozen=True)
class FaceAnimation:
    """T frames of a face.

    Angles are radians of yaw, pitch and roll in the axes of ARKit: x to the viewer's right, y up, z to the viewer.
    A positive yaw turns to the person's own left, a positive pitch down, a positive roll to the person's own right
    shoulder, as a viewer sees it counter-clockwise. The portrait's own pose is 0.

    Attributes:
        fps: frames a second.
        weights: (T, 52) float32, 0 to 1, in the order of ``BLENDSHAPES``.
        head: (T, 3) float32.
        shift: (T, 3) float32, how far the head is from its place in the portrait, x, y and z, inter-ocular distances.
        eyes: (T, 3) float32, of both eyes, relative to the head.
    """

    fps: int
    weights: np.ndarray
    head: np.ndarray
    shift: np.ndarray
    eyes: np.ndarray

    def __len__(self) -> int:
        return len(self.weights)


def animation_of(
    face: FaceFrame, landmarks: np.ndarray, network: BlendshapeMap, fps: int = 60, gaze: np.ndarray | None = None
) -> FaceAnimation:
    """Read a motion.

    The eyes keep to the viewer, as those of people do who talk to somebody: the head's turns are taken back. Where they
    look besides comes on top.

    Args:
        face: the portrait's frame.
        landmarks: (T, 68, 3) in the portrait's pixels, 25 frames a second.
        network: reads blendshapes.
        fps: of the animation.
        gaze: (T, 2), see ``Motion``; straight ahead when None.
    """
    residual, pose = face.analyse(landmarks)
    looks = np.zeros((len(pose), 2), np.float32) if gaze is None else gaze
    moved = _resampled(np.concatenate([residual.reshape(len(residual), -1), pose, looks], 1), fps)
    residual, pose, gaze = moved[:, :-8].reshape(len(moved), *residual.shape[1:]), moved[:, -8:-2], moved[:, -2:]
    weights = network.read(face.shape + residual)
    # The picture's y points down and its z away from the viewer: half a turn about x leads to ARKit's axes.
    turn = Rotation.from_rotvec(pose[:, :3] * [1, -1, -1])
    head = turn.as_euler("YXZ")
    eyes = np.stack([gaze[:, 0] - head[:, 0], gaze[:, 1] - head[:, 1], np.zeros(len(head))], 1)
    _look(weights, eyes)
    # What is larger is nearer, by about so much of its distance; a face fills a picture from some eight eye distances.
    nearer = 8 * (1 - np.exp(-pose[:, 5]))
    shift = np.stack([pose[:, 3], -pose[:, 4], nearer], 1)
    return FaceAnimation(fps, weights, *(part.astype(np.float32) for part in (head, shift, eyes)))


def _resampled(curves: np.ndarray, fps: int) -> np.ndarray:
    """(T, C) at 25 frames a second -> (T', C) at another rate, without swinging beyond what is there."""
    if fps == FPS or len(curves) == 1:
        return curves
    times = np.arange(len(curves)) / FPS
    wanted = np.arange(round(len(curves) * fps / FPS)) / fps
    return PchipInterpolator(times, curves)(np.minimum(wanted, times[-1])).astype(np.float32)


def _look(weights: np.ndarray, eyes: np.ndarray) -> None:
    """Set the eight ``eyeLook`` from (T, 3) angles."""
    left, down = eyes[:, 0] / _EYE_REACH, eyes[:, 1] / _EYE_REACH
    looks = {"OutLeft": left, "InRight": left, "InLeft": -left, "OutRight": -left}
    looks |= {"DownLeft": down, "DownRight": down, "UpLeft": -down, "UpRight": -down}
    for name, value in looks.items():
        weights[:, INDEX[f"eyeLook{name}"]] = np.clip(value, 0, 1)
