"""From the speech of a recording to a portrait's landmarks: lips, then head and blinks, then both together."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from moditalker.atom.blendshapes import BlendshapeMap
from moditalker.atom.blinks import close_eyes, settle_closure
from moditalker.atom.emotion import ShownEmotion, express
from moditalker.atom.motion_sampling import StepCallback
from moditalker.atom.rest import rest_head, rest_lips
from moditalker.face.driven_pose import driven_pose, driving_video
from moditalker.face.geometry import FaceFrame
from moditalker.face.motion_controls import scale_lips, settle_pose, untangle
from moditalker.options import AnimateOptions
from moditalker.utils.progress import Progress
from moditalker.utils.stopwatch import Stopwatch


@dataclass(frozen=True)
class MotionSamplers:
    """What a pipeline's networks make of speech.

    Attributes:
        lips: gets a callback; gives residuals (T, 68, 3), inter-ocular distances.
        head: gets a callback; gives poses (T, 6), and how far eyes are closed (T,), or None where the lips' network
            blinks by itself.
        stepped: makes the callback of a stage.
    """

    lips: Callable[[StepCallback], np.ndarray]
    head: Callable[[StepCallback], tuple[np.ndarray, np.ndarray | None]]
    stepped: Callable[[str], StepCallback]


def spoken_motion(
    face: FaceFrame,
    activity: np.ndarray,
    samplers: MotionSamplers,
    options: AnimateOptions,
    head_motion: str | Path,
    tracker: str,
    clock: Stopwatch,
    report: Progress,
    tell: Callable[[str], None],
    blendshapes: BlendshapeMap | None = None,
) -> np.ndarray:
    """Landmarks of a face that says what a recording says.

    Args:
        face: the portrait's frame.
        activity: (T,) from 0, nobody speaks, to 1, see ``audio.voice_activity``.
        samplers: the networks.
        options: scales and steps.
        head_motion: ``natural``, ``still``, or a video whose head is followed.
        tracker: name of the face tracker, for that video.
        clock: told the stages ``motion`` and ``head``.
        report: told the same.
        tell: called with each sentence for the user about that video.
        blendshapes: moves the face for an emotion.
    Returns:
        (T, 68, 3) in the portrait's pixels.
    Raises:
        InputError: the video cannot be followed, or there is an emotion and nothing that moves a face for it.
    """
    frames = len(activity)
    with clock("motion"):
        report("motion", 0, options.atom_steps)
        residual = rest_lips(samplers.lips(samplers.stepped("motion")), face.shape, activity)
        residual = scale_lips(residual, face.shape, options.lip_scale)
        emotion = ShownEmotion.of(options, blendshapes, face.shape)
        shown = None if emotion is None else emotion.between(0, frames)
    with clock("head"):
        report("head", 0, options.atom_steps)
        # Blinks are drawn whatever moves the head, so that one does not depend on the other.
        pose, closure = samplers.head(samplers.stepped("head"))
        pose = rest_head(pose, activity)
        video = driving_video(head_motion)
        if video is not None:
            pose = driven_pose(video, frames, tell, tracker, lambda done: report("head", done, done))
        elif head_motion == "still":
            pose = np.zeros((frames, 6), np.float32)
        if closure is not None:
            # Lids that an emotion has moved meet where they are then.
            lids = face.shape if shown is None else face.shape + shown.face
            residual = close_eyes(residual, lids, options.blink_scale * settle_closure(closure))
        if shown is not None:
            residual = express(residual, face.shape, shown)
        residual = untangle(residual, face.shape)
        return face.compose(residual, settle_pose(pose, options.head_scale))
