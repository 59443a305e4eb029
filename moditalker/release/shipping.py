"""From a finished run of one network to the folder that is shipped: what such folders and their commands share."""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from diffusers import ModelMixin

from moditalker.release.saving import strip_name_or_path


def run_history(run: Path) -> dict[str, Any]:
    """A run as it was logged.

    Args:
        run: folder that ``train`` wrote.
    Returns:
        ``run.json`` without its folder, and as ``last`` the last entry of ``metrics.jsonl`` with a validation: weights
        are saved where they are validated, and what was logged after that is not in them.
    """
    described = json.loads((run / "run.json").read_text())
    described.pop("output")
    entries = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return {**described, "last": [entry for entry in entries if "validation" in entry][-1]}


def ship_weights(network: ModelMixin, output: Path) -> None:
    """Write a network in half precision, as ``from_pretrained`` takes it; it is half precision from then on.

    Args:
        network: any precision.
        output: folder, made when missing.
    """
    network.half().save_pretrained(output)
    strip_name_or_path(output / "config.json")


def ship_history(history: dict[str, Any], card: str, output: Path) -> int:
    """Write ``training.json`` and the card beside the weights.

    Args:
        history: what ``training.json`` is to hold.
        card: Markdown, written as ``README.md``.
        output: folder that ``ship_weights`` wrote.
    Returns:
        Bytes of weights in the folder.
    """
    (output / "training.json").write_text(json.dumps(history, indent=1) + "\n")
    (output / "README.md").write_text(card)
    return sum(file.stat().st_size for file in output.glob("*.safetensors"))


def ship_command(description: str | None, training: str, ship: Callable[[Path, Path], int]) -> None:
    """The command line of a card: read the options, ship and say how much.

    Args:
        description: of the command.
        training: what ``train`` calls the run.
        ship: takes the run and the folder to write, gives the bytes of weights.
    """
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help=f"folder of a finished 'train {training}'")
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args()
    size = ship(options.run, options.output)
    print(f"{options.output}: {size / 1e6:.1f} MB of weights")  # noqa: T201 - this is a command
