"""Sampling of motion for any length of speech: windows that agree where they overlap."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from diffusers import SchedulerMixin

from moditalker.atom.blinks import LID_POINTS
from moditalker.atom.head import MOTION, POSE, HeadMotion
from moditalker.atom.model import AudioToMotion
from moditalker.face.layout import LIP_BRANCH, POINTS
from moditalker.utils.windows import agree, cut_windows, join, padded_length, window_count

StepCallback = Callable[[int, int], None]
"""Called after every denoising step with the step's number (from 1) and the number of steps."""

LIP_TEMPERATURE = 0.25
"""Drawn with all of the noise, lips move as much as the training speakers' and correlate with the real ones by the
square of what the network knows; with less, they keep to what was said."""

_AT_ONCE = 16


@dataclass(frozen=True)
class Continued:
    """A stretch that goes on where another one ended, for a recording that is still being made.

    Attributes:
        noise: (T, ...) of every frame of the stretch; the same frame has the same noise in every stretch.
        known: (k, ...) what the first k frames are already, as the sampler gave them; k may be 0.
    """

    noise: torch.Tensor
    known: np.ndarray


@dataclass(frozen=True)
class Imposed:
    """What a motion has to hold to, see ``atom.keyframes``.

    Attributes:
        values: (T, ...) as the sampler gives them.
        weights: (T, ...), how far they take the place of what is predicted: 0 not at all, 1 wholly.
    """

    values: np.ndarray
    weights: np.ndarray


def sample_residual(
    atom: AudioToMotion,
    scheduler: SchedulerMixin,
    speech: np.ndarray,
    identity: np.ndarray,
    *,
    steps: int,
    guidance: float,
    generator: torch.Generator,
    temperature: float = LIP_TEMPERATURE,
    callback: StepCallback | None = None,
    continued: Continued | None = None,
    imposed: Imposed | None = None,
) -> np.ndarray:
    """Speech to landmark residuals.

    Args:
        speech: (2T, D) features at 50 Hz.
        identity: (68, 3) the portrait, inter-ocular distances.
        steps: denoising steps.
        guidance: 1 is none; above, the motion leans further towards what the speech asks for.
        generator: on the CPU, so that a seed means the same on every machine.
        temperature: of the noise that the lip branch starts from; 1 draws from all that the speech allows, 0 gives
            what it asks for on average.
        continued: what goes before; then the speech is no longer than a window, and nothing is drawn here.
        imposed: what the motion holds to, while it is denoised.
    Returns:
        (T, 68, 3) float32, inter-ocular distances; lids as in the portrait.
    """
    layout = Layout.of(len(speech) // 2, atom.config["window"], atom.config["overlap"])
    tokens = in_pieces(atom.encode_speech, speech_windows(speech, layout).to(atom.device, atom.dtype))
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

    spread = torch.ones(POINTS, 1)
    spread[LIP_BRANCH] = temperature
    noise = torch.randn(layout.length, POINTS, 3, generator=generator) if continued is None else continued.noise
    known = None if continued is None else atom.normalise(torch.from_numpy(continued.known).to(atom.device))
    held = held_windows(imposed, layout, atom.normalise, atom.device)
    clean = denoise(predict, scheduler, layout, noise * spread, steps, atom.device, callback, known, held)
    residual = atom.denormalise(clean.to(atom.residual_std)).float().cpu().numpy()
    residual[:, LID_POINTS] = 0
    return residual


def sample_head(
    head: HeadMotion,
    scheduler: SchedulerMixin,
    speech: np.ndarray,
    *,
    steps: int,
    generator: torch.Generator,
    guidance: float = 1.0,
    callback: StepCallback | None = None,
    continued: Continued | None = None,
    imposed: Imposed | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Speech to head pose and blinks.

    Args:
        speech: (2T, D) features at 50 Hz.
        steps: denoising steps.
        generator: on the CPU.
        guidance: as for ``sample_residual``.
        continued, imposed: as for ``sample_residual``; what is known is (k, 7), pose and closure.
    Returns:
        pose (T, 6), as ``FaceFrame.analyse`` gives it, and closure (T,), as ``blinks.eye_closure`` does.
    """
    layout = Layout.of(len(speech) // 2, head.config["window"], head.config["overlap"])
    tokens = in_pieces(head.encode_speech, speech_windows(speech, layout).to(head.device, head.dtype))

    def predict(sample: torch.Tensor, timestep: torch.Tensor) -> torch.Tensor:
        heard = head(sample.to(head.dtype), timestep.expand(len(sample)), tokens)
        if guidance == 1.0:
            return heard
        unheard = head(sample.to(head.dtype), timestep.expand(len(sample)), head.without_speech(tokens))
        return unheard + guidance * (heard - unheard)

    noise = torch.randn(layout.length, MOTION, generator=generator) if continued is None else continued.noise
    known = None if continued is None else head.normalise(torch.from_numpy(continued.known).to(head.device))
    held = held_windows(imposed, layout, head.normalise, head.device)
    clean = denoise(predict, scheduler, layout, noise, steps, head.device, callback, known, held)
    motion = head.denormalise(clean.to(head.pose_std)).float().cpu().numpy()
    return motion[:, :POSE], motion[:, POSE]


@dataclass(frozen=True)
class Layout:
    """How a recording is cut into windows; one that is shorter than a window is one window of its own length."""

    frames: int
    window: int
    overlap: int

    @classmethod
    def of(cls, frames: int, window: int, overlap: int) -> "Layout":
        """For so many frames, and a network's window and overlap."""
        return cls(frames, min(window, frames), overlap if frames > window else 0)

    @property
    def count(self) -> int:
        """Windows."""
        return window_count(self.frames, self.window, self.overlap)

    @property
    def length(self) -> int:
        """Frames that they span; the last window may reach past the end."""
        return padded_length(self.count, self.window, self.overlap)


def speech_windows(speech: np.ndarray, layout: Layout) -> torch.Tensor:
    """(2T, D) -> (W, 2 window, D), the end padded with its last value."""
    missing = 2 * (layout.length - layout.frames)
    padded = np.pad(speech[: 2 * layout.frames], ((0, missing), (0, 0)), mode="edge")
    return cut_windows(torch.from_numpy(padded), 2 * layout.window, 2 * layout.overlap)


def in_pieces(network: Callable[[torch.Tensor], torch.Tensor], windows: torch.Tensor) -> torch.Tensor:
    """What a network makes of (W, ...) windows, a few at a time."""
    return torch.cat([network(piece) for piece in windows.split(_AT_ONCE)])


def held_windows(
    imposed: Imposed | None,
    layout: Layout,
    normalise: Callable[[torch.Tensor], torch.Tensor],
    device: torch.device,
) -> tuple[torch.Tensor, torch.Tensor] | None:
    """Values, normalised, and weights, both (W, window, ...)."""
    if imposed is None:
        return None
    both = (imposed.values, imposed.weights)
    values, weights = (torch.from_numpy(np.ascontiguousarray(part)).to(device) for part in both)
    padded = torch.zeros(2, layout.length, *values.shape[1:], device=device)
    padded[0, : layout.frames], padded[1, : layout.frames] = normalise(values), weights
    cut = [cut_windows(part, layout.window, layout.overlap) for part in padded]
    return cut[0], cut[1]


def denoise(
    predict: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
    scheduler: SchedulerMixin,
    layout: Layout,
    noise: torch.Tensor,
    steps: int,
    device: torch.device,
    callback: StepCallback | None,
    known: torch.Tensor | None = None,
    held: tuple[torch.Tensor, torch.Tensor] | None = None,
) -> torch.Tensor:
    """From one stretch of noise (layout.length, ...) to (T, ...) by windows that agree.

    What is known of the first frames, and what is held to, takes the place of what is predicted there, at every step.
    """
    sample = cut_windows(noise, layout.window, layout.overlap).to(device)
    scheduler.set_timesteps(steps, device=device)
    clean = sample
    for number, timestep in enumerate(scheduler.timesteps, 1):
        clean = agree(predict(sample, timestep).float(), layout.overlap)
        if known is not None:
            clean[0, : len(known)] = known
        if held is not None:
            clean = torch.lerp(clean, *held)
        sample = scheduler.step(clean, timestep, sample).prev_sample
        if callback is not None:
            callback(number, steps)
    return join(clean, layout.overlap, layout.frames)
