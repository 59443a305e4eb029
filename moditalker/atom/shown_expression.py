"""What a portrait shows beside its speech: emotions, and where there is none, the smile of a style.

Speech itself takes most of a smile away: a portrait that smiles widely may hardly smile while it talks. So the motion
is read, not the picture, and its smile is brought to that of the style's speaker, who was read while talking too.
"""

import numpy as np

from moditalker.atom.blendshapes import BlendshapeMap
from moditalker.atom.emotion import (
    LOW,
    MOST,
    UNITS,
    Expression,
    emotion_curves,
    express,
    expressions,
    mixed,
    stable_kept,
)
from moditalker.atom.style import smile_of
from moditalker.emotions import AUTO, Moment, parse_emotion
from moditalker.face.blendshapes import INDEX
from moditalker.options import AnimateOptions
from moditalker.utils.errors import InputError

_SMILE = "smile"
_CORNERS = [INDEX[name] for name in UNITS[12]]
_HALVINGS = 8
_READ = 48
"""Frames of a motion that are read, at most."""


class Smile:
    """Brings the smile under a portrait's speech to a level.

    Args:
        network: reads a face and says how blendshapes move it.
        shape: (68, 3) the portrait in its face-centric frame.
        level: of ``style.smile_of``. All levels under ``LOW`` are the same: nobody sees them apart.
    """

    def __init__(self, network: BlendshapeMap, shape: np.ndarray, level: float) -> None:
        self._network, self._shape, self._level = network, shape, level
        usual = network.usual.float().cpu().numpy()
        both = np.zeros(len(usual), np.float32)
        both[_CORNERS] = 1.0
        self._move = stable_kept(network.displacement(both, shape))
        self._most = MOST * float(usual[_CORNERS].mean())

    def shift(self, spoken: np.ndarray) -> float:
        """How far the corners' logits must go under some speech, not farther than those of an emotion.

        Args:
            spoken: (T, 68, 3) residuals, inter-ocular distances; T > 0.
        """
        seen = spoken[:: -(-len(spoken) // _READ)]

        def read(shift: float) -> float:
            return smile_of(express(seen, self._shape, self.expression(shift)) + self._shape, self._network)

        own = read(0.0)
        if max(own, self._level) < LOW:
            return 0.0
        wanted = max(self._level, LOW)
        low, high = (0.0, self._most) if own < wanted else (-self._most, 0.0)
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            low, high = (middle, high) if read(middle) < wanted else (low, middle)
        return (low + high) / 2

    def expression(self, shift: float) -> Expression:
        """With both corners' logits so much higher."""
        face = np.float32(shift) * self._move
        return Expression(face, np.zeros_like(face))


class ShownExpression:
    """What a portrait shows, frame by frame.

    Args:
        moments: see ``emotions.parse_emotion``.
        emotions: at intensity 1, see ``expressions``; none where none is shown.
        scale: of all intensities.
        smile: where nothing is felt; None leaves the portrait's own.
    """

    def __init__(
        self, moments: list[Moment], emotions: dict[str, Expression], scale: float, smile: Smile | None
    ) -> None:
        self._moments, self._emotions, self._scale, self._smile = moments, emotions, scale, smile
        self._shift = 0.0

    @classmethod
    def of(
        cls, options: AnimateOptions, network: BlendshapeMap | None, shape: np.ndarray, smile: float | None = None
    ) -> "ShownExpression | None":
        """Of a portrait; None where the face is as it is throughout.

        Args:
            options: the emotion and its scale.
            network: moves the face; without it there is no smile.
            shape: (68, 3) the portrait in its face-centric frame.
            smile: of a style, see ``style.smile_of``.
        Raises:
            InputError: there is an emotion and no network that moves a face for it.
        """
        moments = parse_emotion(options.emotion)
        felt = options.emotion_scale != 0 and any(moment.shares.keys() - {AUTO} for moment in moments)
        if network is None and felt:
            raise InputError("These weights know no emotions; leave the emotion out, or use the preset compact.")
        if network is None or (not felt and smile is None):
            return None
        emotions = expressions(network, shape) if felt else {}
        return cls(moments, emotions, options.emotion_scale, None if smile is None else Smile(network, shape, smile))

    def follow(self, spoken: np.ndarray) -> None:
        """Let the smile fit some speech.

        Args:
            spoken: (T, 68, 3) residuals of frames in which somebody speaks; nothing changes where there are none.
        """
        if self._smile is not None and len(spoken):
            self._shift = self._smile.shift(spoken)

    def between(self, first: int, stop: int) -> Expression | None:
        """The expression in each of the frames from ``first`` on, before ``stop``; None where the face stays."""
        if not self._emotions and not self._shift:
            return None
        felt = emotion_curves(self._moments, stop - first, first)
        curves = {name: self._scale * curve for name, curve in felt.items() if name in self._emotions}
        if self._smile is None:
            return mixed(self._emotions, curves)
        # An emotion says itself what the corners do.
        left = np.clip(np.ones(stop - first, np.float32) - sum(curves.values()), 0, 1)
        smile = self._smile.expression(self._shift)
        return mixed(self._emotions | {_SMILE: smile}, curves | {_SMILE: left})
