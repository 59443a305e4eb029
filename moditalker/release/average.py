"""One network from two stages of its training: ``python -m moditalker.release.average RUN EARLIER -o OUT``.

Networks that were trained on from the same weights can be averaged, and what they agree on is what holds for others too
(M. Wortsman et al., "Model soups" and "Robust fine-tuning of zero-shot models", both 2022). Of what a network learnt in
one stage a share can be taken off again after later ones, with ``--forget`` (G. Ilharco et al., "Editing models with
task arithmetic", 2023).
"""

import argparse
import json
import shutil
from pathlib import Path

import torch
from diffusers.utils import SAFETENSORS_WEIGHTS_NAME
from safetensors.torch import load_file, save_file

from moditalker.utils.errors import InputError


def average_runs(run: Path, earlier: Path, output: Path, share: float, forgotten: Path | None = None) -> None:
    """Write a run folder, as ``assemble`` takes it, whose networks lie between those of two.

    Where the earlier network was told less (see ``train_mtov.load_widened``), what it was not told had no weight.

    Args:
        run: folder that ``train`` wrote.
        earlier: the run that it went on from.
        output: new folder.
        share: of ``run``, 0 to 1.
        forgotten: a stage between the two, in time. Then ``run`` is kept, but for 1 - ``share`` of what this one had
            learnt since ``earlier``.
    Raises:
        InputError: the runs are not of the same networks, or ``share`` is out of range.
    """
    if not 0 <= share <= 1:
        raise InputError(f"--share must be from 0 to 1, and it is {share:g}.")
    networks = sorted(path.parent.name for path in run.glob("*/config.json"))
    learnt = forgotten or run
    others = dict.fromkeys([earlier, learnt])
    if not networks or any(not (o / name / SAFETENSORS_WEIGHTS_NAME).is_file() for o in others for name in networks):
        named = " and ".join(map(str, dict.fromkeys([run, *others])))
        raise InputError(f"{named} must be folders that 'train' wrote, of the same networks.")
    averaged = {name: _between(run / name, earlier / name, learnt / name, share) for name in networks}
    for name, weights in averaged.items():
        (output / name).mkdir(parents=True, exist_ok=True)
        shutil.copy(run / name / "config.json", output / name)
        save_file(weights, output / name / SAFETENSORS_WEIGHTS_NAME, {"format": "pt"})
    described = json.loads((run / "run.json").read_text())
    described["averaged"] = {"share": share, "minutes_of_the_other": json.loads(_last(earlier))["minutes"]}
    if forgotten:
        described["averaged"]["minutes_of_the_forgotten"] = json.loads(_last(forgotten))["minutes"]
    (output / "run.json").write_text(json.dumps(described, indent=1))
    shutil.copy(run / "metrics.jsonl", output)


def _between(folder: Path, earlier: Path, learnt: Path, share: float) -> dict[str, torch.Tensor]:
    places = dict.fromkeys([folder, earlier, learnt])
    read = {place: load_file(place / SAFETENSORS_WEIGHTS_NAME) for place in places}
    if any(weights.keys() != read[folder].keys() for weights in read.values()):
        named = " and ".join(map(str, places))
        raise InputError(f"{named} hold different networks; only one that went on from another fits.")
    return {
        name: weight + (1 - share) * (_widened(read[earlier][name], weight) - _widened(read[learnt][name], weight))
        for name, weight in read[folder].items()
    }


def _widened(known: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    widened = torch.zeros_like(wanted)
    widened[tuple(slice(length) for length in known.shape)] = known
    return widened


def _last(run: Path) -> str:
    return (run / "metrics.jsonl").read_text().splitlines()[-1]


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="folder of a finished 'train'")
    parser.add_argument("earlier", type=Path, help="folder of the run that it went on from")
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--share", type=float, default=0.5, help="of RUN, 0 to 1 (default 0.5)")
    parser.add_argument(
        "--forget",
        type=Path,
        metavar="LEARNT",
        help="a run that went on from EARLIER, and RUN from it: take off 1 - SHARE of what it learnt, not of RUN",
    )
    options = parser.parse_args()
    average_runs(options.run, options.earlier, options.output, options.share, options.forget)


if __name__ == "__main__":
    main()
