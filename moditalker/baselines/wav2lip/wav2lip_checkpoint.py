"""Reads a Wav2Lip checkpoint that the user has: tensors only, no code in the file is run."""

import pickle
from pathlib import Path

import torch

from moditalker.baselines.wav2lip.wav2lip_network import Wav2Lip
from moditalker.utils.errors import InputError

_WHERE = "take wav2lip.pth or wav2lip_gan.pth as its authors publish them"


def load_wav2lip(path: Path) -> Wav2Lip:
    """The generator with a checkpoint's weights, ready to draw.

    Args:
        path: ``.pth`` with a state dictionary, by itself or under ``state_dict``; the prefix ``module.`` of a network
            trained on several GPUs is taken off.
    Raises:
        InputError: there is no such file, it holds more than tensors, or its tensors are another network's.
    """
    if not path.is_file():
        raise InputError(f"There is no Wav2Lip checkpoint at {path}: {_WHERE}.")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError) as error:
        raise InputError(f"{path.name} is not a file of tensors alone: {_WHERE}.") from error
    state = content.get("state_dict", content) if isinstance(content, dict) else None
    if not isinstance(state, dict) or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise InputError(f"{path.name} holds no state dictionary: {_WHERE}.")
    given = {str(key).removeprefix("module."): value for key, value in state.items()}
    network = Wav2Lip()
    wanted = network.state_dict()
    for key, value in wanted.items():
        if key not in given:
            raise InputError(f"{path.name} is not Wav2Lip's generator, it lacks {key}: {_WHERE}.")
        if given[key].shape != value.shape:
            shapes = f"{tuple(given[key].shape)} instead of {tuple(value.shape)}"
            raise InputError(f"{path.name} is not Wav2Lip's generator, its {key} is {shapes}: {_WHERE}.")
    network.load_state_dict({key: given[key] for key in wanted})
    return network.eval()
