"""Emotions on a face: action units, to blendshapes, to how far they move a portrait's landmarks.

The action units are those of P. Ekman and W. V. Friesen, "Facial Action Coding System" (1978), in the prototypes of
"EMFACS". Which blendshape is which unit is ARKit's naming; how a blendshape moves a face is learnt
(``atom.blendshapes``). Speech goes on beneath: lips keep the gap that it asks for.
"""

from dataclasses import dataclass

import numpy as np

from moditalker.atom.blendshapes import BlendshapeMap, logit
from moditalker.constants import FPS
from moditalker.emotions import Moment
from moditalker.face.blendshapes import INDEX
from moditalker.face.layout import (
    BROWS,
    LOWER_INNER_LIP,
    LOWER_LIP_SIDES,
    LOWER_OUTER_LIP,
    MOUTH_CORNERS,
    POINTS,
    STABLE,
    UPPER_INNER_LIP,
    UPPER_LIP_SIDES,
    UPPER_OUTER_LIP,
)
from moditalker.face.motion_controls import MOUTH_AND_JAW

UNITS: dict[int, tuple[str, ...]] = {
    1: ("browInnerUp",),
    2: ("browOuterUpLeft", "browOuterUpRight"),
    4: ("browDownLeft", "browDownRight"),
    5: ("eyeWideLeft", "eyeWideRight"),
    7: ("eyeSquintLeft", "eyeSquintRight"),
    10: ("mouthUpperUpLeft", "mouthUpperUpRight"),
    12: ("mouthSmileLeft", "mouthSmileRight"),
    15: ("mouthFrownLeft", "mouthFrownRight"),
    17: ("mouthShrugLower",),
    20: ("mouthStretchLeft", "mouthStretchRight"),
    24: ("mouthPressLeft", "mouthPressRight"),
    26: ("jawOpen",),
}
"""Action units and their blendshapes. MediaPipe never reads those of 6 (cheeks) and 9 (nose): 7 and 10 are taken."""
PROTOTYPES: dict[str, dict[int, float]] = {
    "happy": {7: 0.6, 12: 0.98},
    "sad": {1: 0.75, 4: 0.3, 12: 0.0, 15: 0.5, 17: 0.2},
    "angry": {1: 0.0, 2: 0.0, 4: 0.97, 7: 0.6, 12: 0.0, 17: 0.3, 24: 0.4},
    "surprised": {1: 0.8, 2: 0.8, 4: 0.0, 5: 0.5, 7: 0.05, 12: 0.02, 26: 0.3},
    "afraid": {1: 0.9, 4: 0.3, 5: 0.9, 12: 0.0, 20: 0.9},
    "disgusted": {4: 0.6, 7: 0.7, 10: 0.6, 12: 0.0, 15: 0.2, 17: 0.4},
}
"""What the score of each unit's blendshapes becomes at intensity 1: raised to it, or lowered where it is under 0.1."""
LOW = 0.1
"""A score below this shows nothing."""
MOST = 6.0
"""Usual deviations of a talking face by which a unit is moved at most."""
_LOOKS = 6
"""At the face while its units are moved."""
_FARTHER = {
    "happy": (1.0, 2.0),
    "sad": (1.5, 1.0),
    "angry": (1.5, 1.0),
    "surprised": (1.5, 1.0),
    "afraid": (1.0, 1.0),
    "disgusted": (1.5, 1.0),
}
"""How many times as far as is learnt the brows and the mouth's corners go. People who talk teach it, and their faces
move in many places at once; where these places move alone, readers and people miss them. The rest goes as far as is
learnt: farther, faces tore (``docs/experiments.md``). Corners go farther for smiles alone: frowns bent the
lips."""
_BESIDE_CORNERS = np.array([49, 53, 55, 59, 61, 63, 65, 67])
_CHANGE = 0.6
"""Seconds that a change of emotion takes."""
_SPEAKING = 0.04
"""Gap of the lips, inter-ocular distances, from which an emotion may open them as far as it would."""


@dataclass(frozen=True)
class Expression:
    """How a face is moved, by an emotion at intensity 1 or in every frame.

    Attributes:
        face: (68, 3) or (T, 68, 3), inter-ocular distances; the stable points, on which head pose is measured, stay.
        jaw: the same shape, what it would add by opening the mouth.
    """

    face: np.ndarray
    jaw: np.ndarray


def expressions(network: BlendshapeMap, shape: np.ndarray) -> dict[str, Expression]:
    """What each emotion does to a portrait.

    A unit is moved from what the portrait itself shows to what the emotion asks for: a face that smiles already does
    not smile wider when it is to be happy. As units disturb each other, the face is read again and the rest added.

    Args:
        network: reads the portrait and says how blendshapes move it.
        shape: (68, 3) the portrait in its face-centric frame.
    """
    jaw = INDEX["jawOpen"]
    found = {}
    for emotion, units in PROTOTYPES.items():
        asked = {INDEX[name]: score for unit, score in units.items() for name in UNITS[unit]}
        change = moved_units(network, shape, asked)
        opening = np.where(np.arange(len(change)) == jaw, change, 0.0)
        face, opened = (stable_kept(network.displacement(part, shape)) for part in (change - opening, opening))
        face *= _farther(*_FARTHER[emotion])
        jaw_alone = np.zeros_like(opened)
        jaw_alone[MOUTH_AND_JAW] = opened[MOUTH_AND_JAW]
        found[emotion] = Expression(face, jaw_alone)
    return found


def moved_units(network: BlendshapeMap, shape: np.ndarray, asked: dict[int, float]) -> np.ndarray:
    """How far logits must go for a portrait to show what is asked.

    Args:
        network: reads the portrait and says how blendshapes move it.
        shape: (68, 3) the portrait in its face-centric frame.
        asked: score of each blendshape, by its number.
    Returns:
        (52,)
    """
    own = logit(network.read(shape[None])[0])
    farthest = MOST * network.usual.float().cpu().numpy()
    # What is under LOW already, or above what is asked for, stays.
    met = {i for i, score in asked.items() if (logit(np.array(score)) < own[i]) != (score < LOW)}
    change = np.zeros(len(own))
    for _ in range(_LOOKS):
        moved = shape + stable_kept(network.displacement(change, shape))
        read = logit(network.read(moved[None])[0])
        for i, score in asked.items():
            if i not in met:
                step = 0.7 * (logit(np.array(score)) - read[i])
                change[i] = np.clip(change[i] + step, -farthest[i], farthest[i])
    return change


def _farther(brows: float, corners: float) -> np.ndarray:
    """(68, 1) by point; beside the corners half of what is added to them."""
    farther = np.ones((POINTS, 1), np.float32)
    farther[BROWS], farther[MOUTH_CORNERS], farther[_BESIDE_CORNERS] = brows, corners, (1 + corners) / 2
    return farther


def stable_kept(displacement: np.ndarray) -> np.ndarray:
    """(68, 3) that does not move the points on which head pose is measured; changed in place."""
    displacement[STABLE] = 0
    return displacement


def emotion_curves(moments: list[Moment], frames: int, first: int = 0) -> dict[str, np.ndarray]:
    """Intensity of each emotion that is shown, and of ``AUTO``, where there is any.

    Returns:
        (T,) float32 each; changes are eased over ``_CHANGE`` from their time on.
    """
    times = np.arange(first, first + frames) / FPS
    curves: dict[str, np.ndarray] = {}
    for name in sorted({name for moment in moments for name in moment.shares}):
        curve = np.zeros(frames)
        for moment in moments:
            # What is shown from the start on has been there before.
            part = np.ones(frames) if moment.start == 0 else np.clip((times - moment.start) / _CHANGE, 0, 1)
            curve += part * part * (3 - 2 * part) * (moment.shares.get(name, 0.0) - curve)
        curves[name] = curve.astype(np.float32)
    return curves


def mixed(expressions: dict[str, Expression], curves: dict[str, np.ndarray]) -> Expression:
    """Every frame's expression.

    Args:
        expressions: at intensity 1.
        curves: (T,) intensities of those that are shown.
    """

    def sum_of(part: str) -> np.ndarray:
        shares = (curve[:, None, None] * getattr(expressions[name], part) for name, curve in curves.items())
        return np.stack(list(shares)).sum(0).astype(np.float32)

    return Expression(sum_of("face"), sum_of("jaw"))


def express(residual: np.ndarray, shape: np.ndarray, shown: Expression) -> np.ndarray:
    """Lay an expression on speech.

    Args:
        residual: (T, 68, 3) of the speech, inter-ocular distances.
        shape: (68, 3) the portrait in its face-centric frame.
        shown: the expression in every frame.
    Returns:
        (T, 68, 3). Lips are as far apart as in the speech; only where it opens them, the jaw opens them further.
    """
    spoken = residual + shape
    asked = spoken[:, LOWER_INNER_LIP] - spoken[:, UPPER_INNER_LIP]
    points = spoken + shown.face
    excess = points[:, LOWER_INNER_LIP] - points[:, UPPER_INNER_LIP] - asked
    points[:, UPPER_INNER_LIP] += excess / 2
    points[:, LOWER_INNER_LIP] -= excess / 2
    points[:, UPPER_OUTER_LIP] += excess / 2
    points[:, LOWER_OUTER_LIP] -= excess / 2
    points[:, UPPER_LIP_SIDES] += excess[:, [0, 2]] / 4
    points[:, LOWER_LIP_SIDES] -= excess[:, [0, 2]] / 4
    allowed = np.clip(asked[..., 1].mean(1) / _SPEAKING, 0, 1)[:, None, None]
    return points + allowed * shown.jaw - shape
