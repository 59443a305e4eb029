"""From a finished ``train sync`` to the folder that is shipped: ``python -m moditalker.release.sync_card RUN -o DIR``.

Writes the weights in half precision, ``training.json`` (both runs as they were logged) and the card.
"""

import json
from pathlib import Path
from typing import Any

from moditalker.release.card_template import fill_card
from moditalker.release.shipping import run_history, ship_command, ship_history, ship_weights
from moditalker.sync.expert_weights import load_expert
from moditalker.utils.errors import InputError


def sync_card(history: dict[str, Any]) -> str:
    """The card, as Markdown.

    Args:
        history: as in ``training.json``: ``first``, ``second`` (``run.json`` with the last validation as ``last``),
            ``check`` and ``offsets``.
    """
    second = history["second"]
    trainings = [
        "| run | minutes | steps | peak learning rate | spans a batch | validation loss |",
        "|---|---|---|---|---|---|",
    ]
    for name, what in (("first", "one-second clips"), ("second", "all clips at their measured offsets")):
        run = history[name]
        last, spans = run["last"], run["notes"]["batch"] or "default"
        trainings.append(
            f"| {what} | {last['minutes']:.0f} | {last['step']} | {run['learning_rate']:g} | {spans} "
            f"| {last['validation']['loss']:.3f} |"
        )
    return fill_card(
        "sync",
        parameters=f"{second['parameters'] / 1e6:.1f}",
        device=second["device"],
        machine=second["machine"],
        threads=str(second["threads"]),
        torch=second["torch"],
        precision=second["mixed_precision"],
        trainings="\n".join(trainings),
        check=_listed(history["check"]),
        offsets=_listed(history["offsets"]),
    )


def _listed(values: dict[str, float]) -> str:
    return "\n".join(f"- {name}: {value:g}" for name, value in values.items())


def ship(run: Path, output: Path) -> int:
    """Write the shipped folder.

    Args:
        run: of a finished ``train sync``.
        output: folder, made when missing.
    Returns:
        Bytes of weights.
    Raises:
        InputError: the run is not finished.
    """
    if not (run / "check.json").is_file():
        raise InputError(
            f"The run in {run} is not finished; run 'train sync --output {run}' until it prints its check."
        )
    ship_weights(load_expert(run / "model"), output)
    history: dict[str, Any] = json.loads((run / "check.json").read_text())
    history["first"], history["second"] = run_history(run / "first"), run_history(run)
    return ship_history(history, sync_card(history), output)


if __name__ == "__main__":
    ship_command(__doc__, "sync", ship)
