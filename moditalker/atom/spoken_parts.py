"""Models of single parts of the motion, in place of what AToM and the head network say of these parts.

Each part has noise of its own. So the other parts are the same to the last bit, whichever model a part has.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from diffusers import SchedulerMixin

from moditalker.atom.head import POSE
from moditalker.atom.motion_sampling import LIP_TEMPERATURE, Imposed
from moditalker.atom.motion_transformer import CHANNELS, MotionTransformer
from moditalker.atom.style import Manner, StyleSource, clip_manner
from moditalker.atom.transformer_sampling import sample_part
from moditalker.audio.prosody import prosody, with_prosody
from moditalker.face.layout import LIP_BRANCH
from moditalker.face.motion_controls import EXPRESSION
from moditalker.options import AnimateOptions
from moditalker.utils.errors import InputError
from moditalker.utils.progress import Progress

ROWS = {"lips": LIP_BRANCH, "expression": EXPRESSION}
"""The landmarks that a part's model says."""
_SEEDS = 2**62


@dataclass
class SpokenParts:
    """What models of single parts make of a recording.

    Attributes:
        networks: by part; none where this is all left to AToM and the head network.
        scheduler: how they are sampled.
        speech: (2T, D + 6) features at 50 Hz, prosody last.
        shape: (68, 3) the portrait in its face-centric frame.
        options: steps and guidance.
        style: (26,) of ``atom.style``, or None.
    """

    networks: Mapping[str, MotionTransformer]
    scheduler: SchedulerMixin
    speech: np.ndarray
    shape: np.ndarray
    options: AnimateOptions
    style: np.ndarray | None = None
    _free: dict[str, np.ndarray] = field(default_factory=dict)
    _starts: dict[str, torch.Generator] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        pipeline: Any,
        scheduler: SchedulerMixin,
        speech: np.ndarray,
        samples: np.ndarray,
        shape: np.ndarray,
        options: AnimateOptions,
        manner: Manner | None,
    ) -> "SpokenParts":
        """With a pipeline's models: all of them where there is a style, else those that always speak.

        Args:
            pipeline: a ``MoDiTalkerPipeline``.
            speech: (2T, D) features at 50 Hz.
            samples: (N,) float32, 16 kHz, of the same recording.
            scheduler, shape, options: see the class.
            manner: whose style there is.
        """
        used = speaking_models(pipeline, manner)
        heard = with_prosody(speech, prosody(samples)) if used else speech
        return cls(used, scheduler, heard, shape, options, None if manner is None else manner.movements)

    def __contains__(self, part: str) -> bool:
        return part in self.networks

    def start(self, generators: Mapping[str, torch.Generator]) -> None:
        """Take noise of its own for each part, from (and without a change of) the generators of the run."""
        self._starts.update(own_noise(self.networks, generators))

    def residual(self, residual: np.ndarray, held: Imposed | None) -> np.ndarray:
        """(T, 68, 3) of AToM, and what it is held to -> the same with the landmarks of the models put in."""
        for part in ROWS.keys() & self.networks.keys():
            rows = ROWS[part]
            wanted = None if held is None else _of_rows(held, rows, part == "expression")
            made = self._made(part, wanted)[:, : 3 * len(rows)]
            residual[:, rows] = made.reshape(len(made), len(rows), 3)
        return residual

    def pose(self, held: Imposed | None) -> np.ndarray:
        """(T, 6) of the head's model; what it is held to is that of the head network, (T, 7)."""
        wanted = None if held is None else Imposed(held.values[:, :POSE], held.weights[:, :POSE])
        return self._made("head", wanted)

    def closure(self, held: Imposed | None) -> np.ndarray:
        """(T,) of the expression's model, how far the eyes are closed; held to as ``pose`` is."""
        if held is None:
            return self._made("expression", None)[:, -1]
        values, weights = (_last(part[:, POSE], 3 * len(EXPRESSION) + 1) for part in (held.values, held.weights))
        return self._made("expression", Imposed(values, weights))[:, -1]

    def _made(self, part: str, held: Imposed | None) -> np.ndarray:
        if held is None and part in self._free:
            return self._free[part].copy()
        made = sample_part(
            self.networks[part],
            self.scheduler,
            self.speech,
            self.shape,
            steps=self.options.atom_steps,
            generator=self._starts[part].clone_state(),
            guidance=guidance_of(part, self.options),
            temperature=temperature_of(part),
            imposed=held,
            style=self.style,
        )
        if held is None:
            self._free[part] = made.copy()
        return made


def manner_for(pipeline: Any, style: StyleSource, tell: Callable[[str], None], report: Progress) -> Manner | None:
    """The manner of a style, read where it is a video; None where there is none.

    Args:
        pipeline: a ``MoDiTalkerPipeline``.
        style: see ``atom.style``.
        tell: called with each sentence for the user.
        report: told of the frames that were tracked.
    Raises:
        InputError: it cannot be taken from the video, or no network of the pipeline has learnt styles.
    """
    if style is None:
        return None
    if not _models(pipeline):
        raise InputError("These weights know no styles; leave the style out, or use the preset compact.")
    if isinstance(style, Manner):
        return style
    if isinstance(style, np.ndarray):
        return Manner(style)
    tracked = pipeline.config["tracker"], lambda done: report("face", done, done)
    return clip_manner(style, tell, pipeline.blendshapes, *tracked)


def speaking_models(pipeline: Any, manner: Manner | None) -> dict[str, MotionTransformer]:
    """A ``MoDiTalkerPipeline``'s models of single parts: all where there is a style, else those that always speak."""
    always = CHANNELS if manner is not None else pipeline.config["always"].split(",")
    return {part: model for part, model in _models(pipeline).items() if part in always}


def own_noise(parts: Iterable[str], generators: Mapping[str, torch.Generator]) -> dict[str, torch.Generator]:
    """Noise of its own for each part, from (and without a change of) the generators of a run."""
    made = {}
    for part in parts:
        drawn = torch.randint(_SEEDS, (), generator=generators[part].clone_state())
        made[part] = torch.Generator().manual_seed(int(drawn) + list(_GUIDED).index(part))
    return made


def guidance_of(part: str, options: AnimateOptions) -> float:
    """How far a part's model leans towards the speech."""
    return _GUIDED[part](options)


def temperature_of(part: str) -> float:
    """Of the noise that a part's model starts from, as in ``motion_sampling``."""
    return LIP_TEMPERATURE if part == "lips" else 1.0


def _models(pipeline: Any) -> dict[str, MotionTransformer]:
    models = {part: getattr(pipeline, f"{part}_part") for part in CHANNELS}
    return {part: model for part, model in models.items() if model is not None}


_GUIDED: dict[str, Callable[[AnimateOptions], float]] = {
    "lips": lambda options: options.guidance,
    # Guidance of the lips opens mouths; brows have no need of it.
    "expression": lambda options: 1.0 if options.expression_guidance is None else options.expression_guidance,
    "head": lambda options: options.head_guidance,
}


def _of_rows(held: Imposed, rows: np.ndarray, lids: bool) -> Imposed:
    """Of (T, 68, 3) the rows as (T, C), with a channel for the lids that is held to nothing."""
    flat = [part[:, rows].reshape(len(part), -1) for part in (held.values, held.weights)]
    return Imposed(*(np.pad(part, ((0, 0), (0, int(lids)))) for part in flat))


def _last(curve: np.ndarray, channels: int) -> np.ndarray:
    """(T,) as the last of (T, channels), the others 0."""
    return np.pad(curve[:, None], ((0, 0), (channels - 1, 0)))
