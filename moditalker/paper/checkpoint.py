"""Reading a checkpoint file that somebody else wrote: weights only, nothing in it is ever run."""

import pickle
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from moditalker.utils.errors import InputError

State = dict[str, torch.Tensor]

Weights = Literal["model", "ema"]
"""Which weights of a file that holds both: those that were trained, or their average over training."""

_PARTS: dict[Weights, tuple[str, ...]] = {
    "model": ("model_state_dict", "state_dict", "model"),
    "ema": ("ema_state_dict", "ema"),
}
"""Where training code puts weights in a file that holds more."""
_WRAPPERS = ("module.", "_orig_mod.", "model.")
# What can be wrong with bytes that claim to be a pickle shows in any of these.
_UNREADABLE = (
    RuntimeError,
    pickle.UnpicklingError,
    EOFError,
    OSError,
    ValueError,
    KeyError,
    IndexError,
    AttributeError,
    TypeError,
    zipfile.BadZipFile,
)


class _Ignored:
    """Stands for the normaliser that EDGE's training code saves beside the weights; its content is not used."""


_IGNORED = ("dataset.preprocess.Normalizer", "dataset.scaler.MinMaxScaler")
_STAND_INS: list[Callable[..., Any] | tuple[Callable[..., Any], str]] = [(_Ignored, name) for name in _IGNORED]


class Checkpoint(NamedTuple):
    """Weights of a file.

    Attributes:
        state: by name, wrappers' prefixes taken off.
        part: which part of the file they are; "" for all of it.
        other: the part with the other weights, which were not taken; "" where there is none.
    """

    state: State
    part: str
    other: str


def read_state(path: Path, weights: Weights = "model") -> Checkpoint:
    """Weights of a checkpoint file, safetensors or what ``torch.save`` writes.

    Args:
        path: the file.
        weights: which of its weights, where it holds the trained and the averaged ones apart. The authors' inference
            reads ``model``.
    Raises:
        InputError: there is no such file, it is damaged, it holds code, no weights, or only those that were not asked.
    """
    if not path.is_file():
        raise InputError(f"There is no checkpoint file at {path}; name the file that holds the weights.")
    content = _read_safetensors(path) if path.suffix == ".safetensors" else _read_pickle(path)
    there = {
        kind: next((key for key in keys if isinstance(content.get(key), Mapping)), "") for kind, keys in _PARTS.items()
    }
    part = there.pop(weights)
    (other_kind, other), *_ = there.items()
    if other and not part:
        raise InputError(f"{path} holds no weights but its {other}; take those with --weights {other_kind}.")
    if weights == "ema" and not part:
        raise InputError(f"{path} holds no averaged weights (ema_state_dict); leave --weights out.")
    found = content[part] if part else content
    state = {str(name): value for name, value in found.items() if isinstance(value, torch.Tensor)}
    if not state:
        raise InputError(f"{path} holds no weights; name a file with a network's state dictionary.")
    for wrapper in _WRAPPERS:
        if all(name.startswith(wrapper) for name in state):
            state = {name.removeprefix(wrapper): value for name, value in state.items()}
    return Checkpoint(state, part, other)


def _read_safetensors(path: Path) -> Mapping[Any, Any]:
    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise InputError(f"{path} is not a whole safetensors file; fetch or copy it again.") from error


def _read_pickle(path: Path) -> Mapping[Any, Any]:
    foreign = _foreign_objects(path)
    if foreign:
        raise InputError(
            f"{path} holds more than weights ({', '.join(foreign)}) and nothing of it was run; have whoever made it "
            "save the network's state dictionary alone."
        )
    try:
        with torch.serialization.safe_globals(_STAND_INS):
            content = torch.load(path, map_location="cpu", weights_only=True)
    except _UNREADABLE as error:
        raise InputError(f"{path} is damaged or no checkpoint file; fetch or copy it again.") from error
    if not isinstance(content, Mapping):
        raise InputError(
            f"{path} holds a {type(content).__name__} and no weights; name a file with a state dictionary."
        )
    return content


def _foreign_objects(path: Path) -> list[str]:
    """Names of what a file would have imported, were it loaded without care; [] also where that cannot be told."""
    try:
        return sorted(set(torch.serialization.get_unsafe_globals_in_checkpoint(path)) - set(_IGNORED))
    except _UNREADABLE:
        return []  # older formats, and damaged files: loading says what is wrong
