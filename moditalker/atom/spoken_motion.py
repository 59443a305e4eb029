"""From the speech of a recording to a portrait's motion: lips, then head and blinks, then keys and emotion on them."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from moditalker.atom.arousal import GAINED, ranged
from moditalker.atom.blendshapes import BlendshapeMap
from moditalker.atom.blinks import settle_closure
from moditalker.atom.emotion import express
from moditalker.atom.keyframes import Keyframes
from moditalker.atom.motion import Motion
from moditalker.atom.motion_sampling import Imposed, StepCallback
from moditalker.atom.rest import rest_head, rest_lips
from moditalker.atom.saccades import sample_saccades
from moditalker.atom.shown_expression import ShownExpression
from moditalker.face.driven_pose import driven_pose, driving_video
from moditalker.face.geometry import FaceFrame
from moditalker.face.motion_controls import scale_expression, scale_lips, settle_pose
from moditalker.keys import Key
from moditalker.options import AnimateOptions
from moditalker.utils.errors import InputError
from moditalker.utils.progress import Progress
from moditalker.utils.stopwatch import Stopwatch


@dataclass(frozen=True)
class MotionSamplers:
    """What a pipeline's networks make of speech. Called again, they draw the same noise again.

    Attributes:
        residual: gets a callback, and what to hold to; gives residuals (T, 68, 3), inter-ocular distances.
        head: gets the same; gives poses (T, 6), and how far eyes are closed (T,), or None where the lips' network
            blinks by itself.
        stepped: makes the callback of a stage.
        holds: whether they can hold to anything.
    """

    residual: Callable[[StepCallback, Imposed | None], np.ndarray]
    head: Callable[[StepCallback, Imposed | None], tuple[np.ndarray, np.ndarray | None]]
    stepped: Callable[[str], StepCallback]
    holds: bool = True


@dataclass(frozen=True)
class MotionTask:
    """What is to be made.

    Attributes:
        face: the portrait's frame.
        activity: (T,) from 0, nobody speaks, to 1, see ``audio.voice_activity``.
        options: scales and steps.
        head_motion: ``natural``, ``still``, or a video whose head is followed.
        tracker: name of the face tracker, for that video.
        keys: in order.
        blendshapes: moves the face for an emotion, a smile or a key.
        gains: (T, 3) see ``atom.arousal``; None changes nothing.
        gaze_seed: of the eyes' wandering.
        smile: of a style, under the speech; None leaves the portrait's own.
    """

    face: FaceFrame
    activity: np.ndarray
    options: AnimateOptions
    head_motion: str | Path = "natural"
    tracker: str = "mediapipe"
    keys: tuple[Key, ...] = ()
    blendshapes: BlendshapeMap | None = None
    gains: np.ndarray | None = None
    gaze_seed: int = 0
    smile: float | None = None

    def gain(self, part: str) -> np.ndarray | None:
        """(T,) of one of ``GAINED``."""
        return None if self.gains is None else self.gains[:, GAINED.index(part)]


def spoken_motion(
    task: MotionTask, samplers: MotionSamplers, clock: Stopwatch, report: Progress, tell: Callable[[str], None]
) -> Motion:
    """Motion of a face that says what a recording says.

    Args:
        task: see there.
        samplers: the networks.
        clock: told the stages ``motion`` and ``head``.
        report: told the same.
        tell: called with each sentence for the user about a driving video.
    Raises:
        InputError: the video cannot be followed, a key cannot be met, or there is an emotion and nothing that moves a
            face for it.
    """
    face, options, frames = task.face, task.options, len(task.activity)
    if task.keys and not samplers.holds:
        raise InputError("Keys are not for these weights; leave them out, or use the preset compact.")
    keyframes = Keyframes(list(task.keys), frames, face.shape, task.blendshapes)
    with clock("motion"):
        report("motion", 0, options.atom_steps)
        residual = samplers.residual(samplers.stepped("motion"), None)
        held = keyframes.residual(residual)
        if held is not None:
            free, residual = residual, samplers.residual(samplers.stepped("motion"), held)
            for points in keyframes.untouched():
                residual[:, points] = free[:, points]
        residual = rest_lips(residual, face.shape, keyframes.awake(task.activity, "lips"))
        residual = scale_lips(residual, face.shape, options.lip_scale)
        residual = scale_expression(residual, options.expression_scale, task.gain("expression"))
        shown = ShownExpression.of(options, task.blendshapes, face.shape, task.smile)
        if shown is not None:
            shown.follow(residual[task.activity > 0.5])
            expression = shown.between(0, frames)
            residual = residual if expression is None else express(residual, face.shape, expression)
    with clock("head"):
        report("head", 0, options.atom_steps)
        # Blinks are drawn whatever moves the head, so that one does not depend on the other.
        pose, closure = samplers.head(samplers.stepped("head"), None)
        if closure is not None:
            held = keyframes.head(pose, closure)
            if held is not None:
                turned, closed = samplers.head(samplers.stepped("head"), held)
                pose = pose if keyframes.keeps_head() else turned
                closure = closure if keyframes.keeps_blinks() else closed
        livelier = task.gain("head")
        pose = pose if livelier is None else ranged(pose, livelier)
        pose = rest_head(pose, keyframes.awake(task.activity, "head"))
        video = driving_video(task.head_motion)
        if video is not None:
            pose = driven_pose(video, frames, tell, task.tracker, lambda done: report("head", done, done))
            pose = keyframes.turned(pose)
        elif task.head_motion == "still":
            pose = keyframes.turned(np.zeros((frames, 6), np.float32))
        livelier = task.gain("lids")
        closure = closure if closure is None or livelier is None else livelier * closure
        settled = np.zeros(frames, np.float32) if closure is None else settle_closure(closure)
        blinks = keyframes.winked(options.blink_scale * settled)
        gaze = keyframes.gaze()
        if options.gaze_scale > 0:
            # A key about the eyes holds them.
            unheld = np.asarray(~gaze.any(1, keepdims=True))
            gaze += np.float32(options.gaze_scale) * unheld * sample_saccades(frames, task.gaze_seed)
        return Motion.of(residual, blinks, settle_pose(pose, options.head_scale), gaze)
