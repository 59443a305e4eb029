"""Keyframes on a motion: imposed on the diffusion models while they denoise, so that what is around them agrees.

As in 3DiFACE (B. Thambiraja et al., 2023) motion is edited by inpainting: after every denoising step, what is predicted
at a key's frames is replaced by what the key wants there. A key wants something of the motion that is sampled without
it, for instance its own lips brought together, so that is sampled first, from the same noise.
"""

import numpy as np

from moditalker.atom.blendshapes import BlendshapeMap
from moditalker.atom.blinks import COURSE
from moditalker.atom.emotion import moved_units
from moditalker.atom.head import MOTION, POSE
from moditalker.atom.motion_sampling import Imposed
from moditalker.atom.rest import close_lips
from moditalker.constants import FPS
from moditalker.face.blendshapes import INDEX
from moditalker.face.layout import LIP_BRANCH, OTHER_BRANCH, POINTS, STABLE
from moditalker.keys import Key
from moditalker.utils.errors import InputError

_BLENDSHAPES: dict[str, dict[str, float]] = {
    "open-mouth": {"jawOpen": 0.35},
    "smile": {"mouthSmileLeft": 0.95, "mouthSmileRight": 0.95},
    "raise-brows": {"browInnerUp": 0.8, "browOuterUpLeft": 0.8, "browOuterUpRight": 0.8},
    "lower-brows": {"browDownLeft": 0.95, "browDownRight": 0.95},
}
"""What the score of each becomes at strength 1."""
_LIPS = {"close-mouth", "open-mouth", "smile"}
_BROWS = {"raise-brows", "lower-brows"}
_NOD, _SHAKE = 0.12, 0.14
"""Radians, down or to either side."""
_LOOKS = {"look-up": (0.0, -1.0), "look-down": (0.0, 1.0), "look-left": (1.0, 0.0), "look-right": (-1.0, 0.0)}
_LOOK_HEAD, _LOOK_EYES = 0.12, 0.16
"""Radians that the head and, within it, the eyes turn."""
_HEAD = {"nod", "shake", *_LOOKS}
_SOFT = 3
"""Frames over which a key lets go on either side, where it is longer than that."""
_EYES = {"wink-left": 0, "wink-right": 1}


class Keyframes:
    """The keys of one recording, on one portrait.

    Args:
        keys: in order.
        frames: T, of the recording.
        shape: (68, 3) the portrait in its face-centric frame.
        network: moves the face for keys that blendshapes describe.
    Raises:
        InputError: a key lies behind the end of the recording, or needs blendshapes and there are none.
    """

    def __init__(self, keys: list[Key], frames: int, shape: np.ndarray, network: BlendshapeMap | None) -> None:
        for key in keys:
            if key.time * FPS >= frames:
                raise InputError(
                    f"The key {key.do} is at {key.time:g} s, and the recording ends at {frames / FPS:.2f} s: move it."
                )
            if network is None and key.do in _BLENDSHAPES:
                raise InputError(f"These weights know no {key.do}; leave the key out, or use the preset compact.")
        self._keys, self._frames, self._shape = keys, frames, shape
        self._moved = {
            name: _displacement(network, shape, scores)
            for name, scores in _BLENDSHAPES.items()
            if network is not None and any(key.do == name for key in keys)
        }

    def residual(self, free: np.ndarray) -> Imposed | None:
        """What lips, brows and nose hold to.

        Args:
            free: (T, 68, 3) sampled without keys, inter-ocular distances.
        """
        asked = [key for key in self._keys if key.do in _LIPS | _BROWS]
        if not asked:
            return None
        values, weights = free.copy(), np.zeros((self._frames, POINTS, 1), np.float32)
        for key in asked:
            where, held = self._held(key)
            points = LIP_BRANCH if key.do in _LIPS else np.setdiff1d(OTHER_BRANCH, STABLE)
            if key.do == "close-mouth":
                shut = np.stack([close_lips(self._shape + one) for one in values[where]]) - self._shape
                way = min(key.strength, 1.0) * (shut - values[where])
            else:
                way = np.broadcast_to(key.strength * self._moved[key.do], values[where].shape)
            values[where.start : where.stop, points] += way[:, points]
            there = weights[where.start : where.stop]
            there[:, points] = np.maximum(there[:, points], held[:, None, None])
        return Imposed(values, np.broadcast_to(weights, values.shape))

    def head(self, pose: np.ndarray, closure: np.ndarray) -> Imposed | None:
        """What pose and blinks hold to; the same of a free sample (T, 6) and (T,). Values are (T, 7)."""
        values = np.concatenate([pose, closure[:, None]], 1).astype(np.float32)
        weights = np.zeros((self._frames, MOTION), np.float32)
        for key in self._keys:
            where, held = self._held(key)
            frames = slice(where.start, where.stop)
            course = self._course(key, where)
            if course is not None:
                values[frames, :POSE] += course
                weights[frames, :POSE] = np.maximum(weights[frames, :POSE], held[:, None])
            if key.do == "blink" or key.do in _EYES:
                # No blink of both eyes while one winks.
                values[frames, POSE] = _lids(len(where)) * min(key.strength, 1) if key.do == "blink" else 0.0
                weights[frames, POSE] = 1.0
        return Imposed(values, weights) if weights.any() else None

    def awake(self, activity: np.ndarray, part: str) -> np.ndarray:
        """How much somebody speaks (T,), raised where a key moves ``lips`` or ``head``: silence does not undo it."""
        raised = activity.copy()
        for key in self._keys:
            if key.do in (_LIPS if part == "lips" else _HEAD):
                where, held = self._held(key)
                there = raised[where.start : where.stop]
                np.maximum(there, held, out=there)
        return raised

    def untouched(self) -> list[np.ndarray]:
        """The landmarks of the parts, lips and expression, that no key is about: they stay as they were."""
        done = {key.do for key in self._keys}
        parts = (_LIPS, LIP_BRANCH), (_BROWS, OTHER_BRANCH)
        return [points for actions, points in parts if not actions & done]

    def keeps_head(self) -> bool:
        """Whether no key is about the head."""
        return not any(key.do in _HEAD for key in self._keys)

    def keeps_blinks(self) -> bool:
        """Whether no key is about the lids."""
        return not any(key.do == "blink" or key.do in _EYES for key in self._keys)

    def turned(self, pose: np.ndarray) -> np.ndarray:
        """Pose (T, 6) that no network has sampled, with what the keys turn the head by."""
        turned = pose.copy()
        for key in self._keys:
            where, _ = self._held(key)
            course = self._course(key, where)
            if course is not None:
                turned[where.start : where.stop] += course
        return turned

    def winked(self, blinks: np.ndarray) -> np.ndarray:
        """Closure of both eyes (T,), as (T, 2) of the person's left and right, with one shut where a key winks."""
        both = np.repeat(blinks[:, None], 2, 1)
        for key in self._keys:
            if key.do in _EYES:
                where, _ = self._held(key)
                one = both[where.start : where.stop, _EYES[key.do]]
                np.maximum(one, min(key.strength, 1) * _lids(len(where)), out=one)
        return both

    def gaze(self) -> np.ndarray:
        """(T, 2) radians, see ``Motion``: eyes look where a key turns the head, and farther."""
        gaze = np.zeros((self._frames, 2), np.float32)
        for key in self._keys:
            if key.do in _LOOKS:
                where, held = self._held(key)
                gaze[where.start : where.stop] += key.strength * _LOOK_EYES * held[:, None] * np.array(_LOOKS[key.do])
        return gaze

    def _held(self, key: Key) -> tuple[range, np.ndarray]:
        """The frames of a key, at least one, and how far it holds in each: 1 in the middle, less at its ends."""
        count = max(1, round(key.lasts * FPS))
        first = int(np.floor(key.time * FPS - (count - 1) / 2 + 0.5))
        soft = min(_SOFT, (count - 1) // 2)
        ramp = np.minimum(np.arange(1, count + 1), np.arange(count, 0, -1)) / (soft + 1)
        held = np.minimum(ramp, 1).astype(np.float32)
        start, stop = max(0, first), min(self._frames, first + count)
        return range(start, stop), held[start - first : stop - first]

    def _course(self, key: Key, where: range) -> np.ndarray | None:
        """(n, 6) that a key adds to the pose; None where it is not about the head."""
        share = (np.arange(len(where)) + 0.5) / max(1, len(where))
        swing = np.sin(np.pi * share) ** 2
        course = np.zeros((len(where), POSE), np.float32)
        # About x a positive angle leads down, about y to the person's own right.
        if key.do == "nod":
            course[:, 0] = key.strength * _NOD * swing
        elif key.do == "shake":
            course[:, 1] = key.strength * _SHAKE * np.sin(2 * np.pi * share) * np.sqrt(swing)
        elif key.do in _LOOKS:
            left, down = _LOOKS[key.do]
            course[:, 0], course[:, 1] = (key.strength * _LOOK_HEAD * way * np.sqrt(swing) for way in (down, -left))
        else:
            return None
        return course


def _lids(frames: int) -> np.ndarray:
    """(n,) a blink's course, its shut part as long as there are frames for it."""
    fall, rise = COURSE[: COURSE.argmax() + 1], COURSE[COURSE.argmax() + 1 :]
    if frames < len(COURSE):
        return np.interp(np.linspace(0, 1, frames), np.linspace(0, 1, len(COURSE)), COURSE).astype(np.float32)
    return np.concatenate([fall, np.ones(frames - len(fall) - len(rise), np.float32), rise])


def _displacement(network: BlendshapeMap, shape: np.ndarray, scores: dict[str, float]) -> np.ndarray:
    """(68, 3) that brings a portrait to scores of blendshapes."""
    change = moved_units(network, shape, {INDEX[name]: score for name, score in scores.items()})
    displacement = network.displacement(change, shape)
    displacement[STABLE] = 0
    return displacement
