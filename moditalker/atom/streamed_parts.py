"""Models of single parts in a stream: one window after the other, what was shown imposed on the next.

Each part has windows and noise of its own, as in ``atom.spoken_parts``. So the other parts are the same to the last
bit, whichever model a part has.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from diffusers import SchedulerMixin

from moditalker.atom.motion_sampling import Continued
from moditalker.atom.motion_transformer import MotionTransformer
from moditalker.atom.spoken_parts import ROWS, guidance_of, own_noise, speaking_models, temperature_of
from moditalker.atom.style import Manner
from moditalker.atom.transformer_sampling import sample_part
from moditalker.options import AnimateOptions
from moditalker.utils.ring import Recent

WINDOW = 72
"""Frames of a stream that are sampled together, at most."""


class StreamedParts:
    """What models of single parts make of a stream.

    Args:
        networks: by part; none where all is left to AToM and the head network.
        scheduler: how they are sampled.
        shape: (68, 3) the portrait in its face-centric frame.
        options: guidance.
        steps: denoising steps of each window.
        generators: see ``utils.seeds.generators_of``; they are not changed.
        style: (26,) of ``atom.style``, or None.
    """

    def __init__(
        self,
        networks: Mapping[str, MotionTransformer],
        scheduler: SchedulerMixin,
        shape: np.ndarray,
        options: AnimateOptions,
        steps: int,
        generators: Mapping[str, torch.Generator],
        style: np.ndarray | None = None,
    ) -> None:
        self._networks, self._scheduler, self._shape = networks, scheduler, shape
        self._options, self._steps, self._style = options, steps, style
        self._generators = own_noise(networks, generators)
        sizes = {part: len(network.motion_std) for part, network in networks.items()}
        self._noise = {part: Recent(2 * WINDOW, (size,)) for part, size in sizes.items()}
        self._raw = {part: Recent(2 * WINDOW, (size,)) for part, size in sizes.items()}

    @classmethod
    def of(
        cls,
        pipeline: Any,
        shape: np.ndarray,
        options: AnimateOptions,
        steps: int,
        generators: Mapping[str, torch.Generator],
        manner: Manner | None,
    ) -> "StreamedParts":
        """With the models of a ``MoDiTalkerPipeline``: all where there is a style, else those that always speak."""
        networks = speaking_models(pipeline, manner)
        style = None if manner is None else manner.movements
        return cls(networks, pipeline.atom_scheduler, shape, options, steps, generators, style)

    def __bool__(self) -> bool:
        return bool(self._networks)

    @property
    def moves_head_and_lids(self) -> bool:
        """Whether nothing is left to the head network."""
        return {"head", "expression"} <= self._networks.keys()

    @property
    def rings(self) -> list[Recent]:
        """All that is kept of the past."""
        return [*self._noise.values(), *self._raw.values()]

    def put_in(
        self, speech: np.ndarray, first: int, shown: int, count: int, residual: np.ndarray, head: np.ndarray
    ) -> None:
        """Sample the next window of each part, and put it in the place of what is there.

        Args:
            speech: (2n, D + 6) features of the frames from ``first`` on, prosody last.
            first: number of the first frame.
            shown: how many frames were shown; from there on the motion is new.
            count: how many frames will be shown now.
            residual: (n, 68, 3) of these frames; changed.
            head: (n, 7) pose and closure; changed.
        """
        for part in self._networks:
            made = self._window(part, speech, first, shown, count)
            if part == "head":
                head[:, :-1] = made
                continue
            rows = ROWS[part]
            residual[:, rows] = made[:, : 3 * len(rows)].reshape(len(made), len(rows), 3)
            if part == "expression":
                head[:, -1] = made[:, -1]

    def _window(self, part: str, speech: np.ndarray, first: int, shown: int, count: int) -> np.ndarray:
        """(n, C) of the frames from ``first`` on."""
        network, noise, raw = self._networks[part], self._noise[part], self._raw[part]
        stop = first + len(speech) // 2
        start = max(first, stop - network.config["window"])
        fresh = torch.randn(max(0, stop - noise.end), len(network.motion_std), generator=self._generators[part])
        noise.append(fresh.numpy())
        made = sample_part(
            network,
            self._scheduler,
            speech[2 * (start - first) :],
            self._shape,
            steps=self._steps,
            generator=self._generators[part],
            guidance=guidance_of(part, self._options),
            temperature=temperature_of(part),
            continued=Continued(torch.from_numpy(noise.between(start, stop)), raw.between(start, shown)),
            style=self._style,
        )
        raw.append(made[shown - start : shown - start + count])
        return np.concatenate([raw.between(first, start), made])
