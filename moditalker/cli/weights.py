"""From runs or published files to a preset: ``assemble``, ``convert``."""

import argparse
from pathlib import Path

from moditalker.cli.parsing import Commands
from moditalker.utils.errors import InputError


def add_commands(commands: Commands) -> None:
    """Add ``assemble``, ``convert`` to the parser."""
    _add_assemble(commands)
    _add_convert(commands)


def _add_assemble(commands: Commands) -> None:
    command = commands.add_parser("assemble", help="join trained networks into a preset's folder")
    command.add_argument(
        "--runs",
        type=Path,
        required=True,
        help="folder that holds the runs atom, head, autoencoder, flow, mtov, detail",
    )
    command.add_argument("-o", "--output", type=Path, required=True)
    command.add_argument(
        "--preset", choices=("compact", "paper"), default="compact", help="paper: atom, autoencoder-rgb, -motion, mtov"
    )
    paper = command.add_argument_group("paper preset (default: as the networks were converted or trained)")
    paper.add_argument("--inputs", choices=("released", "ours"), help="what the networks are shown")
    paper.add_argument("--chain", choices=("first", "last"), help="frame that blocks start from: portrait, or the last")
    paper.add_argument("--speech-encoder", metavar="DIR_OR_ID", help="HuBERT's folder or hub id")
    command.set_defaults(run=_assemble)


def _assemble(options: argparse.Namespace) -> None:
    from moditalker.release.assemble import assemble
    from moditalker.release.assemble_paper import assemble_paper

    of_paper = (options.inputs, options.chain, options.speech_encoder)
    if options.preset == "paper":
        size = assemble_paper(options.runs, options.output, *of_paper)
    elif any(of_paper):
        raise InputError("--inputs, --chain and --speech-encoder belong to the paper preset; add --preset paper.")
    else:
        size = assemble(options.runs, options.output)
    print(f"{options.output}: {size / 1e6:.1f} MB of weights")


def _add_convert(commands: Commands) -> None:
    command = commands.add_parser("convert", help="a published checkpoint file to a network of the paper preset")
    command.add_argument("network", choices=("atom", "autoencoder-rgb", "autoencoder-motion", "mtov"))
    command.add_argument("file", type=Path, help="what torch.save wrote, or safetensors")
    command.add_argument("-o", "--output", type=Path, required=True, metavar="DIR")
    command.add_argument(
        "--conditioning",
        choices=("released", "paper"),
        default="released",
        help="atom: whether audio is for lips alone",
    )
    command.add_argument(
        "--weights", choices=("model", "ema"), default="model", help="of a file with both (the authors read model)"
    )
    command.add_argument(
        "--inputs", choices=("released", "ours"), default="released", help="what the network was trained on"
    )
    command.add_argument("--speech-encoder", metavar="DIR_OR_ID", help="atom: HuBERT's folder or hub id")
    command.add_argument(
        "--config", type=Path, metavar="FILE.json", help="sizes, where they are not the published ones"
    )
    command.set_defaults(run=_convert)


def _convert(options: argparse.Namespace) -> None:
    from moditalker.paper.convert import convert, read_config

    config = read_config(options.config)
    if options.network == "atom":
        config = {"conditioning": options.conditioning, **config}
    done = convert(
        options.network,
        options.file,
        options.output,
        config,
        weights=options.weights,
        inputs=options.inputs,
        speech_encoder=options.speech_encoder,
    )
    print(f"{options.output}: {done}")
