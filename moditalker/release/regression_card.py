"""From a ``train regression`` to the folder that is shipped: ``python -m moditalker.release.regression_card RUN``.

Writes the weights in half precision, ``training.json`` (the run as it was logged) and the card.
"""

from pathlib import Path
from typing import Any

from moditalker.atom.regression import load_regression
from moditalker.release.card_template import fill_card
from moditalker.release.shipping import run_history, ship_command, ship_history, ship_weights


def regression_card(history: dict[str, Any]) -> str:
    """The card, as Markdown.

    Args:
        history: ``run.json`` with the last validation as ``last``.
    """
    last = history["last"]
    return fill_card(
        "regression",
        parameters=f"{history['parameters'] / 1e6:.1f}",
        device=history["device"],
        machine=history["machine"],
        threads=str(history["threads"]),
        torch=history["torch"],
        precision=history["mixed_precision"],
        steps=str(last["step"]),
        batch=str(history["notes"]["batch"] or 1536),
        rate=f"{history['learning_rate']:g}",
        minutes=f"{last['minutes']:.0f}",
        measures="\n".join(f"- {name}: {value:.4g}" for name, value in last["validation"].items()),
    )


def ship(run: Path, output: Path) -> int:
    """Write the shipped folder.

    Args:
        run: of a finished ``train regression``.
        output: folder, made when missing.
    Returns:
        Bytes of weights.
    Raises:
        InputError: the run was never saved.
    """
    ship_weights(load_regression(run / "model"), output)
    history = run_history(run)
    return ship_history(history, regression_card(history), output)


if __name__ == "__main__":
    ship_command(__doc__, "regression", ship)
