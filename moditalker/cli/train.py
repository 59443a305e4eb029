"""Train one network: ``train``."""

import argparse
from pathlib import Path

from moditalker.cli.parsing import Commands, Number, add_option, whole

NETWORKS = (
    "autoencoder",
    "flow",
    "mtov",
    "detail",
    "atom",
    "head",
    "lips-part",
    "expression-part",
    "head-part",
    "regression",
    "sync",
    "offsets",
    "autoencoder-rgb",
    "autoencoder-motion",
    "people",
    "renderer",
    "blendshapes",
    "arousal",
)


def add_commands(commands: Commands) -> None:
    """Add ``train`` to the parser."""
    _add_train(commands)


def _add_train(commands: Commands) -> None:
    command = commands.add_parser("train", help="train one network on prepared clips")
    command.add_argument("network", choices=NETWORKS, help="'people' draws people who do not exist, for the others")
    command.add_argument(
        "--data", type=Path, help="folder that 'prepare' (paper: 'shards') wrote; only 'people' needs none"
    )
    command.add_argument("--output", type=Path, help="run folder; a run found there is resumed (default runs/NETWORK)")
    command.add_argument("--preset", choices=("compact", "paper"), default="compact", help="whose networks")
    command.add_argument(
        "--config", type=Path, metavar="FILE.json", help="paper: a recipe instead of the published one"
    )
    command.add_argument("--autoencoder", type=Path, help="mtov, detail, renderer: model folder of the autoencoder")
    command.add_argument("--denoiser", type=Path, help="detail: model folder of the denoiser")
    command.add_argument("--landmark-autoencoder", type=Path, help="mtov of the paper: that of drawn landmarks")
    command.add_argument(
        "--flow", type=Path, help="mtov, detail, renderer: model folder of the flow network (default: the spline alone)"
    )
    command.add_argument("--expert", type=Path, help="for offsets: the lip-sync expert's folder (default: the shipped)")
    command.add_argument(
        "--encoder", help="for atom, head, regression: whose speech features (default: prepare's last)"
    )
    command.add_argument("--minutes", type=Number(0, 1e6), help="time budget (20; people: 0), 0 for none")
    command.add_argument("--start", type=Path, help="model folder of an earlier run to go on from")
    command.add_argument(
        "--perceptual-weight",
        type=Number(0, 1000),
        help="autoencoder (1), mtov (5), renderer (3): of LPIPS in the loss",
    )
    command.add_argument(
        "--lips-weight", type=Number(0, 1000), default=0.0, help="renderer: of the lips that a face mesh sees (0)"
    )
    alone = command.add_mutually_exclusive_group()
    alone.add_argument("--decoder-only", action="store_true", help="mtov: the denoiser stays as it is")
    alone.add_argument("--denoiser-only", action="store_true", help="mtov: the decoder stays as it is")
    command.add_argument(
        "--planes-after", type=whole(0, 10**9), default=0, help="autoencoder: steps before the planes join"
    )
    command.add_argument("--max-steps", type=whole(0, 10**9), help="step budget (0), 0 for none")
    command.add_argument("--learning-rate", type=Number(0, 1), help="4e-4, or the recipe's")
    command.add_argument(
        "--batch",
        type=whole(1, 1_000_000),
        help="blocks (autoencoder, mtov), clips (flow, detail), frames (atom, head, regression) or spans",
    )
    command.add_argument("--gradient-accumulation", type=whole(1, 10_000), help="batches a step (1)")
    command.add_argument("--ema-decay", type=Number(0, 0.999999), help="of the averaged weights (0.998)")
    command.add_argument(
        "--precision",
        choices=("bf16", "no"),
        help="default: bf16 where this machine is faster in it, always for the paper preset",
    )
    add_option(command, "seed")
    command.add_argument("--workers", type=whole(0, 256), help="of the data (1)")
    command.add_argument("--cpu", action="store_true", help="use the CPU even where there is a GPU")
    command.add_argument("--people", type=whole(1, 10_000_000), help="people: how many are drawn (3000)")
    command.add_argument("--size", type=whole(128, 1024), help="people: side of the pictures, pixels (512)")
    command.add_argument("--psi", type=Number(0, 1), help="people: how far from the mean person, 0 to 1 (0.75)")
    command.set_defaults(run=_train)


def _train(options: argparse.Namespace) -> None:
    from moditalker.cli.train_run import train

    result = train(options)
    print("\n".join(f"{name}: {value:.5f}" for name, value in result.items()))
