"""A preset's folder back into runs: ``python -m moditalker.release.disassemble assets/compact -o runs``.

``train --start``, ``release.average`` and ``assemble`` take runs. Whoever has the weights only, and not the runs they
came from, goes on from here; a run that is then made anew takes the place of its old one.
"""

import argparse
import json
import shutil
from pathlib import Path

import torch

from moditalker.release.assemble import NETWORKS, run_name
from moditalker.utils.errors import InputError


def disassemble(weights: Path, runs: Path) -> None:
    """Write the runs that ``assemble`` joins, as ``train`` does; ``mtov`` has its decoder with it.

    Args:
        weights: folder that ``assemble`` wrote.
        runs: folder; runs of these names must not be there.
    Raises:
        InputError: not such a folder, or a run is there.
    """
    if not (weights / "training.json").is_file():
        raise InputError(f"{weights} is not a folder that 'assemble' wrote: it lacks training.json.")
    history = json.loads((weights / "training.json").read_text())
    # Presets that were assembled before there was a network for the flow, or for detail, lack that one.
    folders = {part: runs / run_name(part) for part in NETWORKS if part in history}
    for run in folders.values():
        if run.exists():
            raise InputError(f"{run} is there already; name another -o.")
    for part, run in folders.items():
        network = NETWORKS[part].from_pretrained(weights / part, torch_dtype=torch.float32)
        network.save_pretrained(run / "model")
        described = dict(history[part])
        (run / "metrics.jsonl").write_text(json.dumps(described.pop("last")) + "\n")
        (run / "run.json").write_text(json.dumps({"output": str(run), **described}, indent=1))
    shutil.copytree(folders["autoencoder"] / "model", folders["denoiser"] / "autoencoder")


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", type=Path, help="folder that 'assemble' wrote, such as assets/compact")
    parser.add_argument("-o", "--output", type=Path, required=True, help="folder for the runs")
    options = parser.parse_args()
    disassemble(options.weights, options.output)


if __name__ == "__main__":
    main()
