"""``convert``: a published checkpoint file to one of our networks, name by name and shape by shape."""

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers import ModelMixin

from moditalker.paper.atom import PaperAudioToMotion
from moditalker.paper.autoencoder import PaperAutoencoder
from moditalker.paper.checkpoint import State, Weights, read_state
from moditalker.paper.denoiser import PaperMotionToVideo
from moditalker.paper.inputs import Inputs, check_choice
from moditalker.paper.names import ATOM, AUTOENCODER, MTOV, NOT_WEIGHTS, Rule, our_name
from moditalker.paper.speech_encoder import speech_encoder_name
from moditalker.utils.errors import InputError

_LISTED = 40


@dataclass(frozen=True)
class Kind:
    """A network that can be converted.

    Attributes:
        network: its class.
        rules: for its names.
        shown: whether it sees landmarks, which the released code prepares in its own way, see ``paper.inputs``.
    """

    network: type[ModelMixin]
    rules: list[Rule]
    shown: bool = True


KINDS = {
    "atom": Kind(PaperAudioToMotion, ATOM),
    "autoencoder-rgb": Kind(PaperAutoencoder, AUTOENCODER, shown=False),
    "autoencoder-motion": Kind(PaperAutoencoder, AUTOENCODER),
    "mtov": Kind(PaperMotionToVideo, MTOV),
}


@dataclass(frozen=True)
class Converted:
    """What ``convert`` did.

    Attributes:
        parameters: how many numbers it carried over.
        part: which part of the file they are; "" for all of it.
        other: the part with the file's other weights; "" where there is none.
        ignored: names in the file that stand for no weights, see ``NOT_WEIGHTS``.
    """

    parameters: int
    part: str
    other: str
    ignored: tuple[str, ...]

    def __str__(self) -> str:
        told = f"{self.parameters / 1e6:.1f} million numbers"
        told += f" of its {self.part}" if self.part else ""
        told += f" (its {self.other} was left)" if self.other else ""
        return told + (f"; ignored: {', '.join(self.ignored)}" if self.ignored else "")


def convert(
    kind: str,
    file: Path,
    output: Path,
    config: Mapping[str, Any] | None = None,
    weights: Weights = "model",
    inputs: Inputs = "released",
    speech_encoder: str | None = None,
) -> Converted:
    """Write one of our networks with the weights of a published checkpoint file.

    Args:
        kind: one of ``KINDS``.
        file: see ``read_state``.
        output: folder, as ``from_pretrained`` takes it; what else lies in it stays.
        config: of the network, where it differs from the published sizes.
        weights: which of a file that holds two kinds, see ``read_state``.
        inputs: what the network was trained on; it is written into its configuration.
        speech_encoder: of AToM: folder or hub id of the encoder it hears with; the configuration's when None.
    Raises:
        InputError: the file cannot be read, or does not hold exactly this network; the folder holds no such encoder;
            or the network hears nothing.
    """
    state, part, other = read_state(file, weights)
    check_choice(inputs)
    shown = {"inputs": inputs} if KINDS[kind].shown else {}
    network = load_published(kind, state, {**shown, **(config or {})}, str(file))
    if speech_encoder is not None:
        if kind != "atom":
            raise InputError(f"{kind} hears nothing; --speech-encoder belongs to atom.")
        name = speech_encoder_name(speech_encoder, network.config["speech_dim"])
        network.register_to_config(speech_encoder=name)
    fresh = output.with_name(f".{output.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    try:
        network.save_pretrained(fresh)
        output.mkdir(parents=True, exist_ok=True)
        for written in fresh.iterdir():
            written.replace(output / written.name)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    numbers = sum(value.numel() for value in network.state_dict().values())
    return Converted(numbers, part, other, tuple(sorted(NOT_WEIGHTS & state.keys())))


def load_published(
    kind: str, state: State, config: Mapping[str, Any] | None = None, source: str = "the checkpoint"
) -> ModelMixin:
    """One of our networks with the weights of a published state dictionary.

    Args:
        kind: one of ``KINDS``.
        state: published names to tensors.
        config: of the network, where it differs from the published sizes.
        source: what the message calls the state dictionary.
    Raises:
        InputError: a name is missing or unknown, or a shape differs; the message lists them.
    """
    chosen = KINDS[kind]
    with torch.device("meta"):
        network = chosen.network(**(config or {}))
    wanted = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    ours: State = {}
    unknown, misshapen, contradicting = [], [], []
    for published, value in state.items():
        if published in NOT_WEIGHTS:
            continue
        name = our_name(published, chosen.rules)
        if name not in wanted:
            unknown.append(published)
        elif tuple(value.shape) != wanted[name]:
            misshapen.append(f"{published} {tuple(value.shape)} for {wanted[name]}")
        elif name in ours and not torch.equal(ours[name], value.float()):
            contradicting.append(published)
        else:
            ours[name] = value.float().contiguous()
    missing = sorted(set(wanted) - set(ours) - {our_name(entry.split(" ")[0], chosen.rules) for entry in misshapen})
    problems = {
        "unknown": unknown,
        "of another shape": misshapen,
        "contradicting a copy": contradicting,
        "missing (by our names)": missing,
    }
    if any(problems.values()):
        told = "; ".join(f"{len(keys)} {what}: {_listed(keys)}" for what, keys in problems.items() if keys)
        raise InputError(f"{source} is not a published {kind} network, so nothing was written: {told}.")
    network.load_state_dict(ours, assign=True)
    return network.eval()


def _listed(keys: list[str]) -> str:
    more = f" and {len(keys) - _LISTED} more" if len(keys) > _LISTED else ""
    return ", ".join(keys[:_LISTED]) + more


def read_config(file: Path | None) -> dict[str, Any]:
    """A network's configuration from a JSON file; {} when none is named.

    Raises:
        InputError: it is missing or not a JSON object.
    """
    if file is None:
        return {}
    try:
        content = json.loads(file.read_text())
    except (OSError, ValueError) as error:
        raise InputError(f"{file} cannot be read as JSON; name a file with a network's configuration.") from error
    if not isinstance(content, dict):
        raise InputError(f"{file} must hold a JSON object with a network's configuration.")
    return content
