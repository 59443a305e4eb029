"""Sampling of motion for any length of speech: windows that agree where they overlap."""

from collections.abc import Callable

import numpy as np
import torch
from diffusers import SchedulerMixin

from moditalker.atom.head import POSE, HeadMotion
from moditalker.atom.model import AudioToMotion
from moditalker.face.layout import POINTS
from moditalker.windows import agree, cut_windows, join, padded_length, window_count

StepCallback = Callable[[int, int], None]
"""Called after every denoising step with the step's number (from 1) and the number of steps."""

_AT_ONCE = 16


def sample_residual(
    atom: AudioToMotion,
    scheduler: SchedulerMixin,
    speech: np.ndarray,
    identity: np.ndarray,
    *,
    steps: int,
    guidance: float,
    generator: torch.Generator,
    callback: StepCallback | None = None,
) -> np.ndarray:
    """Speech to landmark residuals.

    Args:
        speech: (2T, D) features at 50 Hz.
        identity: (68, 3) the portrait, inter-ocular distances.
        steps: denoising steps.
        guidance: 1 is none; above, the motion leans further towards what the speech asks for.
        generator: on the processor, so that a seed means the same on every machine.
    Returns:
        (T, 68, 3) float32, inter-ocular distances.
    """
    windows, frames = _speech_windows(speech, atom.config["window"], atom.config["overlap"])
    windows = windows.to(atom.device, atom.dtype)
    tokens = _in_pieces(atom.encode_speech, windows)
    silent = atom.without_speech(tokens)
    face = torch.from_numpy(identity).to(tokens)[None]

    def predict(sample: torch.Tensor, timestep: torch.Tensor) -> torch.Tensor:
        pieces = []
        for start in range(0, len(sample), _AT_ONCE):
            piece = sample[start : start + _AT_ONCE].to(atom.dtype)
            time, who = timestep.expand(len(piece)), face.expand(len(piece), -1, -1)
            heard = atom(piece, time, who, tokens[start : start + _AT_ONCE])
            if guidance != 1.0:
                unheard = atom(piece, time, who, silent[start : start + _AT_ONCE])
                heard = unheard + guidance * (heard - unheard)
            pieces.append(heard)
        return torch.cat(pieces)

    clean = _denoise(
        predict, scheduler, len(windows), (POINTS, 3), atom.config["window"], atom.config["overlap"],
        steps, generator, atom.device, callback,
    )  # fmt: skip
    residual = atom.denormalise(join(clean, atom.config["overlap"], frames).to(atom.residual_std))
    return residual.float().cpu().numpy()


def sample_pose(
    head: HeadMotion,
    scheduler: SchedulerMixin,
    speech: np.ndarray,
    *,
    steps: int,
    generator: torch.Generator,
    callback: StepCallback | None = None,
) -> np.ndarray:
    """Speech (2T, D) to head pose (T, 6), as ``FaceFrame.analyse`` gives it."""
    windows, frames = _speech_windows(speech, head.config["window"], head.config["overlap"])
    tokens = _in_pieces(head.encode_speech, windows.to(head.device, head.dtype))

    def predict(sample: torch.Tensor, timestep: torch.Tensor) -> torch.Tensor:
        return head(sample.to(head.dtype), timestep.expand(len(sample)), tokens)

    clean = _denoise(
        predict, scheduler, len(windows), (POSE,), head.config["window"], head.config["overlap"],
        steps, generator, head.device, callback,
    )  # fmt: skip
    return head.denormalise(join(clean, head.config["overlap"], frames).to(head.pose_std)).float().cpu().numpy()


def _speech_windows(speech: np.ndarray, window: int, overlap: int) -> tuple[torch.Tensor, int]:
    """(2T, D) -> (W, 2 window, D), the end padded with its last value, and T."""
    frames = len(speech) // 2
    length = padded_length(window_count(frames, window, overlap), window, overlap)
    padded = np.pad(speech[: 2 * frames], ((0, 2 * (length - frames)), (0, 0)), mode="edge")
    return cut_windows(torch.from_numpy(padded), 2 * window, 2 * overlap), frames


def _in_pieces(network: Callable[[torch.Tensor], torch.Tensor], windows: torch.Tensor) -> torch.Tensor:
    return torch.cat([network(piece) for piece in windows.split(_AT_ONCE)])


def _denoise(
    predict: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
    scheduler: SchedulerMixin,
    count: int,
    shape: tuple[int, ...],
    window: int,
    overlap: int,
    steps: int,
    generator: torch.Generator,
    device: torch.device,
    callback: StepCallback | None,
) -> torch.Tensor:
    """From one stretch of noise to (count, window, *shape) windows that agree."""
    noise = torch.randn(padded_length(count, window, overlap), *shape, generator=generator)
    sample = cut_windows(noise, window, overlap).to(device)
    scheduler.set_timesteps(steps, device=device)
    clean = sample
    for number, timestep in enumerate(scheduler.timesteps, 1):
        clean = agree(predict(sample, timestep).float(), overlap)
        sample = scheduler.step(clean, timestep, sample).prev_sample
        if callback is not None:
            callback(number, steps)
    return clean
