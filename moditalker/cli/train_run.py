"""From the command line's options to a training run."""

import argparse
from pathlib import Path
from typing import Any

import torch

from moditalker.training.loop import TrainingConfig
from moditalker.utils.errors import InputError
from moditalker.utils.precision import fast_in_bfloat16


def train(options: argparse.Namespace) -> dict[str, float]:
    """Run ``train NETWORK``.

    Args:
        options: as ``moditalker.cli.main`` parses them.
    Returns:
        The final validation measures.
    Raises:
        InputError: the data or a network it builds on is missing.
    """
    if options.network == "people":
        return _draw_people(options)
    network, data = options.network, options.data
    if data is None:
        raise InputError(f"'train {network}' needs prepared clips; name their folder with --data.")
    named = ("minutes", "max_steps", "learning_rate", "ema_decay", "gradient_accumulation", "seed", "workers")
    # What was not given is the default of TrainingConfig, or what the paper's recipe says.
    given = {name: value for name in named if (value := getattr(options, name)) is not None}
    if options.precision is not None:
        given["mixed_precision"] = options.precision
    if options.preset == "paper":
        return _train_paper(options, given)
    device = torch.device("cpu" if options.cpu or not torch.cuda.is_available() else "cuda")
    given.setdefault("mixed_precision", "bf16" if fast_in_bfloat16(device) else "no")
    config = TrainingConfig(
        output=options.output or Path("runs") / network,
        **given,
        cpu=options.cpu,
        notes={
            "network": network,
            "data": data.name,
            "batch": options.batch,
            "perceptual_weight": options.perceptual_weight,
            "decoder_only": options.decoder_only,
            "denoiser_only": options.denoiser_only,
            "flow": options.flow.parent.name if options.flow else "",
            "start": options.start.parent.name if options.start else "",
        },
    )
    if options.start is not None and not (options.start / "config.json").is_file():
        raise InputError(f"There is no network in {options.start}; name the model folder of an earlier run.")
    if network in ("autoencoder-rgb", "autoencoder-motion"):
        raise InputError(f"{network} is a network of the paper preset; add '--preset paper', or train 'autoencoder'.")
    # A weight that was not given is the network's own default.
    weights = {} if options.perceptual_weight is None else {"perceptual_weight": options.perceptual_weight}
    if network == "offsets":
        from moditalker.sync.expert_weights import load_expert, shipped_expert
        from moditalker.training.data.offsets import measure_offsets
        from moditalker.training.data.recordings import keep_sound

        expert = load_expert(options.expert) if options.expert else shipped_expert()
        keep_sound(data)
        return measure_offsets(data, expert)
    if network == "blendshapes":
        from moditalker.training.objectives.train_blendshapes import train_blendshapes

        return train_blendshapes(data, config, options.batch or 512)
    if network == "arousal":
        from moditalker.training.objectives.train_arousal import train_arousal

        return train_arousal(data, config)
    if network == "sync":
        from moditalker.training.objectives.train_sync import train_sync

        return train_sync(data, config, spans=options.batch or 20)
    if network == "autoencoder":
        from moditalker.training.objectives.train_autoencoder import train_autoencoder

        return train_autoencoder(
            data,
            config,
            blocks=options.batch or 4,
            planes_after=options.planes_after,
            start=options.start,
            **weights,
        )
    if network == "renderer":
        from moditalker.mtov.autoencoder import TriplaneAutoencoder
        from moditalker.mtov.flow import FlowRefiner
        from moditalker.training.data.drafts import Drafts
        from moditalker.training.objectives.train_renderer import train_renderer

        # The decoder that learnt on beside the denoiser draws the drafts.
        decoder = TriplaneAutoencoder.from_pretrained(
            _built_on(options, "autoencoder", Path("runs/mtov/autoencoder"), trained_by="mtov")
        )
        drafts = Drafts(decoder, FlowRefiner.from_pretrained(options.flow).eval() if options.flow else None)
        portraits, lips = options.batch or 8, options.lips_weight
        return train_renderer(data, drafts, config, portraits, options.start, lips_weight=lips, **weights)
    if network == "flow":
        from moditalker.training.objectives.train_flow import train_flow

        return train_flow(data, config, options.batch or 32, start=options.start)
    if network == "mtov":
        from moditalker.training.objectives.train_mtov import train_mtov

        return train_mtov(
            data,
            _built_on(options, "autoencoder", Path("runs/autoencoder/model")),
            config,
            options.batch or 4,
            options.start,
            decoder_only=options.decoder_only,
            denoiser_only=options.denoiser_only,
            flow=options.flow,
            **weights,
        )
    if network == "detail":
        from moditalker.training.objectives.train_detail import train_detail

        autoencoder = _built_on(options, "autoencoder", Path("runs/mtov/autoencoder"))
        denoiser = _built_on(options, "denoiser", Path("runs/mtov/model"))
        return train_detail(data, autoencoder, denoiser, options.flow, config, options.batch or 4)
    if network == "atom":
        from moditalker.training.objectives.train_atom import train_atom

        return train_atom(data, config, options.batch or 1536, options.encoder, options.start)
    if network == "regression":
        from moditalker.training.objectives.train_regression import train_regression

        return train_regression(data, config, options.batch or 1536, options.encoder)
    if network.endswith("-part"):
        from moditalker.training.objectives.train_parts import train_part

        part = network.removesuffix("-part")
        return train_part(part, data, config, options.batch or 3072, options.encoder, options.start)
    from moditalker.training.objectives.train_head import train_head

    return train_head(data, config, options.batch or 3072, options.encoder, options.start)


def _built_on(options: argparse.Namespace, network: str, usual: Path, trained_by: str = "") -> Path:
    """The model folder of a network that another one builds on."""
    folder: Path = getattr(options, network) or usual
    if not (folder / "config.json").is_file():
        trained_by = trained_by or ("mtov" if network == "denoiser" else network)
        raise InputError(
            f"There is no {network} in {folder}; run 'train {trained_by}' first, or name its folder with --{network}."
        )
    return folder


def _draw_people(options: argparse.Namespace) -> dict[str, float]:
    from moditalker.training.people.drawing import PeopleConfig, draw_people

    named = ("people", "minutes", "size", "psi", "seed")
    given = {name: value for name in named if (value := getattr(options, name)) is not None}
    return draw_people(PeopleConfig(output=options.output or Path("runs/people"), **given))


def _train_paper(options: argparse.Namespace, given: dict[str, Any]) -> dict[str, float]:
    from moditalker.training.objectives.train_paper import NETWORKS, read_recipe, train_paper

    network, runs = options.network, Path("runs") / "paper"
    if network not in NETWORKS:
        raise InputError(f"The paper preset trains {', '.join(NETWORKS)}, not {network}.")
    if options.batch is not None:
        given["batch"] = options.batch
    given |= {"output": options.output or runs / network, "cpu": options.cpu}
    autoencoders = (
        options.autoencoder or runs / "autoencoder-rgb" / "model",
        options.landmark_autoencoder or runs / "autoencoder-motion" / "model",
    )
    return train_paper(network, options.data, read_recipe(network, options.config), given, autoencoders, options.start)
