"""Sampling of a part of the motion by its ``MotionTransformer``, for any length of speech."""

import numpy as np
import torch
from diffusers import SchedulerMixin

from moditalker.atom.motion_sampling import (
    Continued,
    Imposed,
    Layout,
    StepCallback,
    denoise,
    held_windows,
    in_pieces,
    speech_windows,
)
from moditalker.atom.motion_transformer import MotionTransformer


@torch.inference_mode()
def sample_part(
    network: MotionTransformer,
    scheduler: SchedulerMixin,
    speech: np.ndarray,
    identity: np.ndarray,
    *,
    steps: int,
    generator: torch.Generator,
    guidance: float = 1.0,
    temperature: float = 1.0,
    callback: StepCallback | None = None,
    imposed: Imposed | None = None,
    continued: Continued | None = None,
    style: np.ndarray | None = None,
) -> np.ndarray:
    """Speech to one part of the motion.

    Args:
        network: of the part.
        speech: (2T, D + 6) features at 50 Hz, prosody last.
        identity: (68, 3) the portrait, inter-ocular distances.
        steps: denoising steps.
        generator: on the CPU.
        guidance: 1 is none; above, the motion leans further towards the speech.
        temperature: of the noise that it starts from.
        callback: see ``StepCallback``.
        imposed: what the motion holds to, (T, C), in the part's units.
        continued: what goes before, (k, C); then the speech is no longer than a window, and nothing is drawn here.
        style: (26,) of ``atom.style``; None asks for no style of anybody.
    Returns:
        (T, C) float32, see ``motion_transformer.CHANNELS``.
    """
    layout = Layout.of(len(speech) // 2, network.config["window"], network.config["overlap"])
    tokens = in_pieces(network.encode_speech, speech_windows(speech, layout).to(network.device, network.dtype))
    silent, face = network.without_speech(tokens), torch.from_numpy(identity).to(tokens)[None]
    code = network.without_style(1) if style is None else network.encode_style(torch.from_numpy(style).to(tokens)[None])

    def predict(sample: torch.Tensor, timestep: torch.Tensor) -> torch.Tensor:
        time, who = timestep.expand(len(sample)), face.expand(len(sample), -1, -1)
        manner = code.expand(len(sample), -1)
        heard = network(sample.to(network.dtype), time, who, tokens, manner)
        if guidance == 1.0:
            return heard
        unheard = network(sample.to(network.dtype), time, who, silent, manner)
        return unheard + guidance * (heard - unheard)

    size = layout.length, len(network.motion_std)
    noise = torch.randn(*size, generator=generator) if continued is None else continued.noise
    known = None if continued is None else network.normalise(torch.from_numpy(continued.known).to(network.device))
    held = held_windows(imposed, layout, network.normalise, network.device)
    clean = denoise(predict, scheduler, layout, temperature * noise, steps, network.device, callback, known, held)
    return network.denormalise(clean.to(network.motion_std)).float().cpu().numpy()
