"""A motion that can be looked at, changed and drawn again, as the Motion panel holds it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from moditalker.atom.motion import SHAPES, Motion
from moditalker.constants import FPS
from moditalker.keys import Key
from moditalker.utils.errors import InputError

PARTS = tuple(SHAPES)
"""In the order of their curves and sliders."""
NO_MOTION = "There is no motion yet: press Animate, make the motion alone, or upload a motion file."
UPLOADED = "Keys are imposed while a motion is sampled, and this one was uploaded: remove the keys, or press Animate."


@dataclass(frozen=True)
class Waveform:
    """Loudness of a recording: ``low`` and ``high`` sample of each of equal stretches of ``seconds`` in all."""

    seconds: float
    low: np.ndarray
    high: np.ndarray


@dataclass(frozen=True, eq=False)
class KeptMotion:
    """A motion before its parts are scaled. Each is equal to itself alone: sessions hold it by its hash.

    Attributes:
        motion: as it was sampled or uploaded.
        waveform: of the recording that it was made for; None where nobody knows it.
        keys: that were imposed while it was sampled.
        seed: that it was sampled with; None where it was uploaded.
    """

    motion: Motion
    waveform: Waveform | None = None
    keys: tuple[Key, ...] = ()
    seed: int | None = None

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return len(self.motion) / FPS


@dataclass(frozen=True)
class MotionEdit:
    """What a visitor wants of a motion.

    Attributes:
        kept: what the panel holds.
        again: draw what it holds; otherwise a new one is sampled.
        keys: what the face is to do.
        scales: of the parts, by their names; those that are missing are 1.
    """

    kept: KeptMotion | None
    again: bool
    keys: tuple[Key, ...]
    scales: Mapping[str, float]

    def request_fields(self) -> dict[str, Any]:
        """Fields of a `Request`: the motion that is drawn; or, where keys have changed, how it is sampled anew.

        Raises:
            InputError: there is no motion to draw again, or keys cannot be imposed on it.
        """
        scales = {name: scale for name, scale in self.scales.items() if scale != 1}
        if not self.again:
            return {"keys": self.keys, "part_scales": scales}
        if self.kept is None:
            raise InputError(NO_MOTION)
        same = {} if self.kept.seed is None else {"seed": self.kept.seed}
        if same_keys(self.keys, self.kept.keys):
            return {"motion": self.kept.motion, "keys": self.kept.keys, "part_scales": scales, **same}
        if self.kept.seed is None:
            raise InputError(UPLOADED)
        return {"keys": self.keys, "part_scales": scales, **same}


def same_keys(one: Sequence[Key], other: Sequence[Key]) -> bool:
    """Whether two lists ask for the same, in whatever order."""

    def order(key: Key) -> tuple[float, str, float, float]:
        return key.time, key.do, key.strength, key.lasts

    return sorted(map(order, one)) == sorted(map(order, other))


def key_text(key: Key) -> str:
    """A key as the page writes it: ``1.20 nod``, ``1.20 nod 0.8`` with another strength than 1."""
    strength = "" if key.strength == 1 else f" {key.strength:g}"
    return f"{key.time:.2f} {key.do}{strength}"


def parsed_keys(texts: Sequence[str]) -> tuple[Key, ...]:
    """Keys from what `key_text` wrote, or a visitor in the same way; in the order of their times.

    Raises:
        InputError: a text says no key.
    """
    keys = []
    for text in texts:
        words = text.split()
        try:
            time, do, *strength = words
            (number,) = strength or ["1"]
            keys.append(Key(float(time), do, float(number)))
        except InputError:
            raise
        except ValueError as error:
            raise InputError(f"A key is written as in '1.2 nod' or '1.2 nod 0.8', got {text!r:.60}.") from error
    return tuple(sorted(keys, key=lambda key: key.time))
