"""``train NETWORK --preset paper``: the published networks on shards, from recipes of hyper-parameters.

A recipe is a JSON file with the objects ``network`` (the network's configuration), ``training`` (fields of
``TrainingConfig``, and ``batch``, the samples of all processes together) and ``objective`` (what is particular to the
network); ``recipes/`` holds those of the published system.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from accelerate.utils import set_seed
from diffusers import ModelMixin
from torch import nn

from moditalker.paper.atom import PaperAudioToMotion
from moditalker.paper.autoencoder import PaperAutoencoder
from moditalker.paper.denoiser import PaperMotionToVideo
from moditalker.paper.inputs import Inputs
from moditalker.training.data.paper_clips import ConditionedBlocks, MotionWindows, VideoBlocks, WindowBatches
from moditalker.training.data.paper_shards import Shards
from moditalker.training.loop import TrainingConfig, fit
from moditalker.training.objectives.paper_objectives import (
    PaperAtomObjective,
    PaperAutoencoderObjective,
    PaperMtovObjective,
)
from moditalker.utils.errors import InputError

NETWORKS = ("atom", "autoencoder-rgb", "autoencoder-motion", "mtov")
RECIPES = Path(__file__).with_name("recipes")


@dataclass(frozen=True)
class Recipe:
    """Hyper-parameters of one network; see the module."""

    network: dict[str, Any]
    training: dict[str, Any]
    objective: dict[str, Any]


def read_recipe(network: str, file: Path | None = None) -> Recipe:
    """A recipe file, by default the published one of a network.

    Raises:
        InputError: it cannot be read, or names something that there is not.
    """
    file = file or RECIPES / f"paper-{network}.json"
    try:
        content = json.loads(file.read_text())
    except (OSError, ValueError) as error:
        raise InputError(f"{file} cannot be read as JSON; name a recipe with --config.") from error
    known = {field.name for field in fields(Recipe)}
    if not isinstance(content, dict) or set(content) - known:
        raise InputError(f"{file} must be a JSON object with {', '.join(sorted(known))} and nothing else.")
    recipe = Recipe(**{name: dict(content.get(name, {})) for name in known})
    _check(file, "training", recipe.training, {field.name for field in fields(TrainingConfig)} | {"batch"})
    _check(file, "objective", recipe.objective, set(_OBJECTIVES[network]))
    return recipe


_OBJECTIVES = {
    "atom": ("velocity_weight", "drop"),
    "autoencoder-rgb": ("pixel_weight", "perceptual_weight"),
    "autoencoder-motion": ("pixel_weight", "perceptual_weight"),
    "mtov": ("warped", "following"),
}


def _check(file: Path, part: str, given: Mapping[str, Any], known: set[str]) -> None:
    unknown = sorted(set(given) - known)
    if unknown:
        raise InputError(f"{file}: {part} knows no {', '.join(unknown)}; it may hold {', '.join(sorted(known))}.")


def train_paper(
    network: str,
    data: Path,
    recipe: Recipe,
    given: Mapping[str, Any],
    autoencoders: tuple[Path, Path],
    start: Path | None = None,
) -> dict[str, float]:
    """Train one of the published networks.

    Args:
        network: one of ``NETWORKS``.
        data: folder that ``write_shards`` wrote.
        recipe: hyper-parameters.
        given: fields of ``TrainingConfig``, and ``batch``, that go before the recipe's; ``output`` at least.
        autoencoders: model folders of those of pictures and of landmarks, for mtov.
        start: model folder to go on from, of an earlier run or converted; what it carries without use stays behind.
    Returns:
        The final validation losses.
    Raises:
        InputError: the data, or a network that this one builds on, is missing or does not fit.
    """
    if network not in NETWORKS:
        raise InputError(f"The paper preset trains {', '.join(NETWORKS)}, not {network}.")
    chosen = {**recipe.training, **given}
    batch = int(chosen.pop("batch", 8))
    config = TrainingConfig(**chosen, notes={"network": network, "data": data.name, "preset": "paper", "batch": batch})
    training, validation = Shards(data, "train"), Shards(data, "val")
    set_seed(config.seed)  # before weights are drawn: every process, and every number of them, starts from the same
    model, objective, length, samples = _parts(network, recipe, training, autoencoders, start)
    try:
        source, held_out = (
            WindowBatches(shards.clips, length, batch, samples(shards)) for shards in (training, validation)
        )
    except ValueError as error:
        raise InputError(f"{data}: {error}; train {network} on longer clips.") from error
    return fit(model, objective, source, held_out, config)


def _parts(
    network: str, recipe: Recipe, shards: Shards, autoencoders: tuple[Path, Path], start: Path | None
) -> tuple[ModelMixin, nn.Module, int, Any]:
    """The network, its objective, the frames of a sample, and what makes samples from shards."""
    if network == "atom":
        clip = shards.clips[0]
        sizes = {"speech_dim": shards.motion(clip).features.shape[-1], "speech_encoder": shards.encoder}
        atom = _network(PaperAudioToMotion, {**sizes, **recipe.network}, start)
        if atom.config["speech_encoder"] != shards.encoder:
            raise InputError(
                f"AToM shall hear {atom.config['speech_encoder']} and the shards hold {shards.encoder}; prepare the "
                "clips with that encoder, or change the recipe."
            )
        rest = dict(recipe.objective)
        drop, scale = rest.pop("drop", 0.25), atom.config["motion_scale"]
        window, inputs = atom.config["window"], atom.config["inputs"]
        return atom, PaperAtomObjective(atom, **rest), window, lambda s: MotionWindows(s, window, scale, drop, inputs)
    if network == "mtov":
        pictures, landmarks = (_trained(folder) for folder in autoencoders)
        sizes = {"frames": pictures.config["frames"], "side": pictures.side}
        sizes["latent_channels"] = pictures.config["latent_channels"]
        denoiser = _network(PaperMotionToVideo, {**sizes, **recipe.network}, start)
        _check_size(pictures, shards)
        shown = denoiser.config["inputs"]
        if landmarks.config["inputs"] not in (None, shown):
            raise InputError(
                f"MToV shall see {shown} inputs and its autoencoder of landmarks was trained on "
                f"{landmarks.config['inputs']} ones; change 'inputs' in one of the recipes."
            )
        frames, latent = pictures.config["frames"], (pictures.config["latent_channels"], pictures.latent_length)
        return (
            denoiser,
            PaperMtovObjective(denoiser, pictures, landmarks),
            frames,
            lambda s: ConditionedBlocks(s, frames, latent, **recipe.objective, inputs=shown),
        )
    drawn = network == "autoencoder-motion"
    seen = {"size": shards.size, "inputs": "ours" if drawn else None}
    autoencoder = _network(PaperAutoencoder, {**seen, **recipe.network}, start)
    _check_size(autoencoder, shards)
    frames = autoencoder.config["frames"]
    objective = PaperAutoencoderObjective(autoencoder, **recipe.objective)
    before_the_choice: Inputs = "ours"
    inputs = (autoencoder.config["inputs"] or before_the_choice) if drawn else None
    return autoencoder, objective, frames, lambda s: VideoBlocks(s, frames, inputs)


def _network(kind: type[ModelMixin], sizes: dict[str, Any], start: Path | None) -> Any:
    unread = {} if kind is PaperAutoencoder else {"keep_unread": False}
    if start is None:
        return kind(**{**sizes, **unread})
    if not (start / "config.json").is_file():
        raise InputError(f"There is no network in {start}; name the model folder of an earlier run.")
    whole = kind.from_pretrained(start)
    network = kind(**{**{k: v for k, v in whole.config.items() if not k.startswith("_")}, **unread})
    network.load_state_dict({name: value for name, value in whole.state_dict().items() if "unread." not in name})
    return network


def _trained(folder: Path) -> PaperAutoencoder:
    if not (folder / "config.json").is_file():
        raise InputError(
            f"There is no autoencoder in {folder}; train autoencoder-rgb and autoencoder-motion first, or name their "
            "model folders with --autoencoder and --landmark-autoencoder."
        )
    return PaperAutoencoder.from_pretrained(folder)


def _check_size(autoencoder: PaperAutoencoder, shards: Shards) -> None:
    if autoencoder.config["size"] != shards.size:
        raise InputError(
            f"The autoencoder takes frames of {autoencoder.config['size']} pixels and the shards hold {shards.size}; "
            "write shards with --size."
        )
