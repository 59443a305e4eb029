"""The parts of a motion, each with a seed and a guidance of its own: lips, expression, and head with blinks."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from diffusers import SchedulerMixin

from moditalker.atom.head import HeadMotion
from moditalker.atom.model import AudioToMotion
from moditalker.atom.motion_sampling import Imposed, StepCallback, sample_head, sample_residual
from moditalker.atom.spoken_motion import MotionSamplers
from moditalker.atom.spoken_parts import SpokenParts
from moditalker.face.layout import OTHER_BRANCH
from moditalker.options import AnimateOptions


@dataclass(frozen=True)
class MotionNetworks:
    """What turns speech into motion."""

    atom: AudioToMotion
    head: HeadMotion
    scheduler: SchedulerMixin


def part_samplers(
    networks: MotionNetworks,
    speech: np.ndarray,
    shape: np.ndarray,
    options: AnimateOptions,
    generators: Mapping[str, torch.Generator],
    stepped: Callable[[str], StepCallback],
    parts: SpokenParts,
) -> MotionSamplers:
    """Samplers of a recording's motion.

    AToM's branches hear of each other at every layer. So where lips and expression differ in seed or guidance, AToM
    draws twice, and either part is taken from the draw that is its own: neither changes with the other's settings.

    Args:
        networks: see there.
        speech: (2T, D) features at 50 Hz.
        shape: (68, 3) the portrait in its face-centric frame.
        options: steps and guidance.
        generators: see ``utils.seeds.generators_of``.
        stepped: makes the callback of a stage.
        parts: models of single parts, which take the place of what is said of these here.
    """
    starts: dict[str, torch.Generator] = {}
    expression_guidance = options.guidance if options.expression_guidance is None else options.expression_guidance
    apart = generators["expression"] is not generators["lips"] or expression_guidance != options.guidance
    apart = apart and "expression" not in parts
    parts.start(generators)

    def drawn(part: str, held: Imposed | None) -> torch.Generator:
        """Of a first draw the generator itself; of one that holds to something, as it was before that."""
        if held is not None:
            return starts[part].clone_state()
        starts[part] = generators[part].clone_state()
        return generators[part]

    def residual(call: StepCallback, held: Imposed | None) -> np.ndarray:
        def draw(generator: torch.Generator, guidance: float) -> np.ndarray:
            return sample_residual(
                networks.atom,
                networks.scheduler,
                speech,
                shape,
                steps=options.atom_steps,
                guidance=guidance,
                generator=generator,
                callback=call,
                imposed=held,
            )

        made = draw(drawn("lips", held), options.guidance)
        if apart:
            # A generator that both have in common was used up by the lips.
            own = generators["expression"] is not generators["lips"]
            generator = drawn("expression", held) if own else starts["lips"].clone_state()
            made[:, OTHER_BRANCH] = draw(generator, expression_guidance)[:, OTHER_BRANCH]
        return parts.residual(made, held)

    def head(call: StepCallback, held: Imposed | None) -> tuple[np.ndarray, np.ndarray]:
        if "head" in parts and "expression" in parts:
            return parts.pose(held), parts.closure(held)
        pose, closure = sample_head(
            networks.head,
            networks.scheduler,
            speech,
            steps=options.atom_steps,
            generator=drawn("head", held),
            guidance=options.head_guidance,
            callback=call,
            imposed=held,
        )
        pose = parts.pose(held) if "head" in parts else pose
        return pose, parts.closure(held) if "expression" in parts else closure

    return MotionSamplers(residual, head, stepped)
