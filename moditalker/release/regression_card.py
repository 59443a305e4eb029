"""From a ``train regression`` to the folder that is shipped: ``python -m moditalker.release.regression_card RUN``.

Writes the weights in half precision, ``training.json`` (the run as it was logged) and the card.
"""

from pathlib import Path
from typing import Any

from moditalker.baselines.regression_model import load_regression
from moditalker.release.shipping import run_history, ship_command, ship_history, ship_weights

_CARD = """---
license: apache-2.0
library_name: diffusers
tags: [talking-head, audio-to-motion, baseline]
---

# The regression talker

AToM's network without diffusion: the same class (`AudioToMotion`, {parameters:.1f} M parameters), batches and losses,
fed nothing in place of noise, always at the last time, and never without its speech. It answers once. It is a baseline
for side-by-side comparison (`moditalker compare`), there to show what diffusion buys; what it gives is the mean of the
motions that the speech allows. Half precision safetensors, loaded as float32.

## Data
The same 1,770 clips for training and 150 for validation as the preset `compact` (its card lists them): footage of real
people whose own media rights are mostly unstated. No clip, frame or recording of it is in this project.

## Training
On {device} ({machine}), {threads} thread(s), torch {torch}, {precision} autocast, by `train regression`: {steps} steps
of {batch} frames at a peak learning rate of {rate:g}, {minutes:.0f} minutes beside other work. AToM's own numbers are
in `assets/compact/training.json`. The run began with a budget of 1840 steps, AToM's own, which was cut to 1200 and to
800 while it ran, as the machine had become busy; it was resumed each time.

## Measured
On the validation clips' windows, by the averaged weights:

{measures}

How it compares with AToM as videos: `docs/compare.md`.

## Known failures
- Lips move less than real ones do, most of all where the sound leaves the shape open.
- The head does not move: the mean of all head motions is none. Lids stay as the portrait's.
"""


def regression_card(history: dict[str, Any]) -> str:
    """The card, as Markdown.

    Args:
        history: ``run.json`` with the last validation as ``last``.
    """
    last = history["last"]
    measures = "\n".join(f"- {name}: {value:.4g}" for name, value in last["validation"].items())
    return _CARD.format(
        parameters=history["parameters"] / 1e6,
        device=history["device"],
        machine=history["machine"],
        threads=history["threads"],
        torch=history["torch"],
        precision=history["mixed_precision"],
        steps=last["step"],
        batch=history["notes"]["batch"] or 1536,
        rate=history["learning_rate"],
        minutes=last["minutes"],
        measures=measures,
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
