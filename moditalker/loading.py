"""Where a preset's weights lie, and what names them."""

from hashlib import sha256
from pathlib import Path

import torch

from moditalker.utils.errors import InputError

PRESETS = ("compact",)


def default_weights(preset: str = "compact") -> Path:
    """Folder of a preset's weights in this repository.

    Raises:
        InputError: there is no such preset, or its weights are not there.
    """
    if preset == "paper":
        raise InputError(
            "The paper preset comes without weights; make a folder of them with 'convert' or 'train --preset paper', "
            "then 'assemble --preset paper', and name that."
        )
    folder = Path(__file__).resolve().parent.parent / "assets" / preset
    if not (folder / "model_index.json").is_file():
        raise InputError(
            f"The weights of the preset {preset!r} are missing from {folder}; clone the repository whole, or name a "
            "folder or hub id that holds them."
        )
    return folder


def digest(network: torch.nn.Module) -> str:
    total = sha256()
    for name, tensor in sorted(network.state_dict().items()):
        total.update(name.encode())
        total.update(tensor.detach().float().cpu().contiguous().numpy().tobytes())
    return total.hexdigest()[:16]
