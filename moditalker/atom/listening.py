"""What a face does while another one speaks: it looks there, nods and blinks at pauses, and keeps its lips shut.

Listeners nod and blink where a speaker pauses (J. Allwood and L. Cerrato, "A study of gestural feedback expressions",
2003; S. Duncan, "Some signals and rules for taking speaking turns in conversations", 1972). How often and how far is a
rule here, drawn from a seed. Nothing of it is learnt.
"""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d, maximum_filter1d

from moditalker.atom.blinks import LID_POINTS, close_eyes, settle_closure
from moditalker.atom.rest import close_lips
from moditalker.constants import FPS
from moditalker.face.geometry import FaceFrame
from moditalker.face.motion_controls import MOUTH_AND_JAW, limit_pose, untangle

SPEAKS = 0.5
"""Activity from which a face counts as one that speaks."""
TURN, TILT = 0.13, 0.07
"""How far a head turns and tilts at most to look at somebody, radians."""
SILENT = 0.01
"""Activity up to which lips are shut."""
_AROUND_SECONDS = 0.4
"""Before and after speech, in which lips part and come together."""
_TO_LISTENERS = 0.4
"""Share of it for one who speaks: mostly to the viewer, a little to whom it answers."""
_NOTICE, _EASE = 0.24, 0.28
"""Seconds until a head turns to a new speaker, and deviation of the Gaussian that makes its way smooth."""
_PAUSE = 0.28
"""A shorter silence is no pause, seconds."""
_NODS, _BLINKS = 0.6, 0.7
"""How many of the pauses get a nod, a blink."""
_NOD = 0.06
"""How far down a nod goes, radians."""
_BREATH_SECONDS, _BREATH = 3.8, 0.008
_DRIFT = np.array([0.010, 0.014, 0.008])
"""How far a head drifts about itself, radians around x, y and z."""


def floor_holder(activity: np.ndarray) -> np.ndarray:
    """Whom listeners look at.

    Who speaks keeps the floor until it falls silent, also while others speak over it. In a gap it stays with the last
    one. Before anybody spoke it is the first one's.

    Args:
        activity: (F, T) of each face, 0 to 1.
    Returns:
        (T,) int, index of the face; 0 everywhere where nobody ever speaks.
    """
    speaks = activity > SPEAKS
    started = np.zeros(len(speaks), int)
    holder = int(np.argmax(np.where(speaks.any(1), -speaks.argmax(1), -speaks.shape[1] - 1)))
    held = np.zeros(speaks.shape[1], int)
    for frame in range(speaks.shape[1]):
        started[speaks[:, frame] & ~speaks[:, max(0, frame - 1)]] = frame
        if speaks[:, frame].any() and not speaks[holder, frame]:
            holder = int(np.argmax(np.where(speaks[:, frame], started, -1)))
        held[frame] = holder
    return held


def lips_may_move(activity: np.ndarray) -> np.ndarray:
    """Where a face speaks, or is about to, or just did.

    Args:
        activity: (F, T) of each face, 0 to 1.
    Returns:
        (F, T) bool; elsewhere its lips are shut.
    """
    around = 2 * round(_AROUND_SECONDS * FPS) + 1
    return maximum_filter1d((activity > SILENT).astype(np.uint8), around, axis=1, mode="constant") > 0


def gazes(centres: np.ndarray, held: np.ndarray) -> np.ndarray:
    """Where heads turn.

    Args:
        centres: (F, 2) of the faces as they are shown, pixels.
        held: (T,) see ``floor_holder``.
    Returns:
        (F, T, 2) float32, turn around y and tilt around x, radians: listeners towards the speaker, the speaker a little
        towards who spoke before, or towards the middle of the others.
    """
    faces, frames = len(centres), len(held)
    wanted = np.zeros((faces, frames, 2))
    if faces == 1:
        return wanted.astype(np.float32)
    between = centres[None] - centres[:, None]
    distance = np.maximum(np.linalg.norm(between, axis=-1, keepdims=True), 1e-6)
    # Rotation vectors: negative around y turns a face to larger x, positive around x tilts it to larger y.
    angles = (between / distance) * np.array([-TURN, TILT])
    before = -1
    for frame, speaker in enumerate(held):
        if frame and held[frame - 1] != speaker:
            before = int(held[frame - 1])
        wanted[:, frame] = angles[:, speaker]
        others = [face for face in range(faces) if face != speaker]
        answered = angles[speaker, before] if before >= 0 else angles[speaker, others].mean(0)
        wanted[speaker, frame] = _TO_LISTENERS * answered
    late = round(_NOTICE * FPS)
    delayed = np.concatenate([np.repeat(wanted[:, :1], late, 1), wanted], 1)[:, :frames]
    return gaussian_filter1d(delayed, _EASE * FPS, axis=1, mode="nearest").astype(np.float32)


def pauses(activity: np.ndarray) -> np.ndarray:
    """Frames at which a speaker falls silent for a while; (T,) activity -> (P,) int."""
    silent = np.concatenate([activity <= SPEAKS, np.ones(1, bool)])
    starts = np.flatnonzero(silent[1:] & ~silent[:-1]) + 1
    long = round(_PAUSE * FPS)
    return np.array([start for start in starts if start < len(activity) and silent[start : start + long].all()], int)


@dataclass(frozen=True)
class Listening:
    """How one face listens.

    Attributes:
        share: (T,) from 0, it speaks itself, to 1.
        gaze: (T, 2) see ``gazes``.
        cues: (P,) frames at which somebody else pauses.
        seed: of nods, blinks and drift.
    """

    share: np.ndarray
    gaze: np.ndarray
    cues: np.ndarray
    seed: int


def listening(face: FaceFrame, landmarks: np.ndarray, how: Listening, head_scale: float = 1.0) -> np.ndarray:
    """Let a face listen where it does not speak.

    Args:
        face: the portrait's frame.
        landmarks: (T, 68, 3) pixels, its own motion, at rest where it is silent.
        how: where it looks, and at what it nods.
        head_scale: multiplies all that its head does more.
    Returns:
        (T, 68, 3) pixels. Where ``share`` is 1 the lips touch; where it is 0 only the head's direction differs.
    """
    rng = np.random.default_rng(how.seed)
    residual, pose = face.analyse(landmarks)
    share = how.share.astype(np.float32)
    frames = len(pose)
    added = np.zeros_like(pose)
    added[:, 1], added[:, 0] = how.gaze[:, 0], how.gaze[:, 1]
    blinks = np.zeros(frames, np.float32)
    for cue in how.cues:
        if rng.random() < _NODS:
            _lay(added[:, 0], int(cue + rng.integers(3, 10)), _nod(rng))
        if rng.random() < _BLINKS:
            blinks[min(frames - 1, int(cue + rng.integers(1, 7)))] = 1.0
    # A nod that began is not made while it speaks itself.
    added[:, 0] = how.gaze[:, 1] + share * (added[:, 0] - how.gaze[:, 1])
    added[:, :3] += share[:, None] * _drift(frames, rng)
    moved = limit_pose(pose + head_scale * added)
    residual = _lids_down(residual, face.shape, share * settle_closure(blinks))
    shut = np.stack([close_lips(points + face.shape) for points in residual]) - face.shape
    residual[:, MOUTH_AND_JAW] += share[:, None, None] * (shut - residual)[:, MOUTH_AND_JAW]
    return face.compose(untangle(residual, face.shape), moved)


def _nod(rng: np.random.Generator) -> np.ndarray:
    """A nod, sometimes two, the second one smaller; (n,) radians."""
    depths = [_NOD * rng.uniform(0.7, 1.3)]
    if rng.random() < 0.4:
        depths.append(0.6 * depths[0])
    length = int(rng.integers(11, 16))
    course = np.sin(np.pi * np.arange(length) / length) ** 2
    return np.concatenate([depth * course for depth in depths])


def _lay(onto: np.ndarray, start: int, course: np.ndarray) -> None:
    """Add a course to (T,) from a frame on, in place; what reaches beyond the end is left out."""
    kept = max(0, min(len(course), len(onto) - start))
    onto[start : start + kept] += course[:kept]


def _drift(frames: int, rng: np.random.Generator) -> np.ndarray:
    """Breath and slow drift; (T, 3) radians around x, y and z."""
    time = np.arange(frames) / FPS
    periods, phases = rng.uniform(6.0, 13.0, 3), rng.uniform(0, 2 * np.pi, 3)
    drift = _DRIFT * np.sin(2 * np.pi * time[:, None] / periods + phases)
    drift[:, 0] += _BREATH * np.sin(2 * np.pi * time / _BREATH_SECONDS + phases[0])
    return np.asarray(drift, np.float32)


def _lids_down(residual: np.ndarray, shape: np.ndarray, closure: np.ndarray) -> np.ndarray:
    """Residuals (T, 68, 3) with lids brought down by (T,) from 0, as they are, to 1, shut."""
    shut = close_eyes(residual, shape, np.ones(len(residual), np.float32))
    lowered = residual.copy()
    way = np.clip(closure, 0, 1)[:, None, None]
    lowered[:, LID_POINTS] += way * (shut - residual)[:, LID_POINTS]
    return lowered
