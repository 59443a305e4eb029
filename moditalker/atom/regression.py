"""The regression talker: AToM's network answering once, without diffusion (what diffusion buys)."""

from functools import lru_cache
from pathlib import Path

import numpy as np
import torch

from moditalker.atom.blinks import LID_POINTS
from moditalker.atom.model import AudioToMotion
from moditalker.atom.motion_sampling import Layout
from moditalker.utils.errors import InputError
from moditalker.utils.windows import agree, cut_windows, join

SHIPPED = Path(__file__).resolve().parents[2] / "assets" / "regression"
LAST_TIME = 999
"""The time at which AToM sees noise alone; the only one that this network knows."""


def answer(network: AudioToMotion, identity: torch.Tensor, speech_tokens: torch.Tensor) -> torch.Tensor:
    """The network's one look: no noise, the last time.

    Args:
        network: AToM's.
        identity: (B, 68, 3) the portrait in its face-centric frame, inter-ocular distances.
        speech_tokens: (B, 2T, width).
    Returns:
        (B, T, 68, 3) residual, standard deviations.
    """
    count, length = speech_tokens.shape[:2]
    nothing = torch.zeros(count, length // 2, *identity.shape[1:], device=identity.device, dtype=identity.dtype)
    time = torch.full((count,), LAST_TIME, device=identity.device)
    return network(nothing, time, identity, speech_tokens)


@torch.inference_mode()
def regress_residual(network: AudioToMotion, speech: np.ndarray, identity: np.ndarray) -> np.ndarray:
    """Speech to landmark residuals, in windows that are blended where they overlap.

    Args:
        network: trained by ``train regression``.
        speech: (2T, D) features at 50 Hz.
        identity: (68, 3) the portrait, inter-ocular distances.
    Returns:
        (T, 68, 3) float32, inter-ocular distances; lids as in the portrait.
    """
    layout = Layout.of(len(speech) // 2, network.config["window"], network.config["overlap"])
    missing = 2 * (layout.length - layout.frames)
    padded = np.pad(speech[: 2 * layout.frames], ((0, missing), (0, 0)), mode="edge")
    windows = cut_windows(torch.from_numpy(padded), 2 * layout.window, 2 * layout.overlap)
    face = torch.from_numpy(identity).to(network.device, network.dtype)[None]
    # One window at a time: there are no steps that would be quicker together.
    answers = [
        answer(network, face, network.encode_speech(window[None].to(network.device, network.dtype)))
        for window in windows
    ]
    clean = join(agree(torch.cat(answers).float(), layout.overlap), layout.overlap, layout.frames)
    residual = network.denormalise(clean.to(network.residual_std)).float().cpu().numpy()
    residual[:, LID_POINTS] = 0
    return residual


def load_regression(folder: Path) -> AudioToMotion:
    """A network from a folder that ``train regression`` wrote; float32, ready to answer.

    Raises:
        InputError: there are no weights in the folder.
    """
    missing = missing_from(folder)
    if missing:
        raise InputError(missing)
    return AudioToMotion.from_pretrained(folder).float().eval()


@lru_cache(maxsize=1)
def shipped_regression() -> AudioToMotion:
    """The network in this repository's ``assets/regression``, loaded once; it must not be changed.

    Raises:
        InputError: its weights are missing from the repository.
    """
    return load_regression(SHIPPED)


def missing_from(folder: Path) -> str | None:
    """A sentence when a folder holds no regression talker, else None."""
    if (folder / "config.json").is_file():
        return None
    return f"There is no regression talker in {folder}; make one with 'python -m moditalker train regression'."
