"""From a finished ``train sync`` to the folder that is shipped: ``python -m moditalker.release.sync_card RUN -o DIR``.

Writes the weights in half precision, ``training.json`` (both runs as they were logged) and the card.
"""

import json
from pathlib import Path
from typing import Any

from moditalker.release.shipping import run_history, ship_command, ship_history, ship_weights
from moditalker.sync.expert_weights import load_expert
from moditalker.utils.errors import InputError

_HEAD = """---
license: apache-2.0
library_name: diffusers
tags: [lip-sync, talking-head, metric]
---

# The lip-sync expert

SyncNet's design (Chung and Zisserman, ACCV 2016 workshops): five grey mouth crops of 64x64 pixels against the 0.2 s of
log-mel under them, one embedding of unit length for each. It is a measure (`metrics.sync_confidence`) and repairs
training data (`train offsets`). It hears a log-mel spectrogram only and knows nothing of the speech features that the
generator uses. Half precision safetensors, loaded as float32.

Its distances and confidences are on a scale of their own and do not compare with other SyncNets'.
"""

_DATA = """
## Data
The same 1,770 clips for training and 150 for validation as the preset `compact` (its card lists them): footage of real
people whose own media rights are mostly unstated. No clip, frame or recording of it is in this project. Most of it is
Arabic news reading.
"""

_TAIL = """
`long_follow`, `pool_follow`: on validation speakers, the share of shifts of the sound by -8 to 8 frames that the offset
found follows within one frame, for clips of at least two seconds and for one-second clips ten at a time.
`confidence_order`: how often a clip's own sound has a greater confidence than another clip's. `long_lag_ms`,
`short_lag_ms`: how late the sound is by lips that are seen to part, each clip at the offset found (0 is true zero).

The weights here come from a run that was changed on the way: it was stopped and resumed twice, at minutes 15 and 20 of
its second part, when zero was settled for long and short clips apart and offsets were taken to a fraction of a frame.
The machine was busy with other work all the while.

## Known failures
- A single second says little: ask for the offset of two seconds or more, or average.
- Not measured: faces turned far to the side, covered mouths, singing, whispering, several voices at once.
"""


def sync_card(history: dict[str, Any]) -> str:
    """The card, as Markdown.

    Args:
        history: as in ``training.json``: ``first``, ``second`` (``run.json`` with the last validation as ``last``),
            ``check`` and ``offsets``.
    """
    second = history["second"]
    lines = [
        _HEAD,
        _DATA,
        "## Training",
        f"{second['parameters'] / 1e6:.1f} M parameters; on {second['device']} ({second['machine']}), "
        f"{second['threads']} thread(s), torch {second['torch']}, {second['mixed_precision']} autocast. "
        "Made from nothing by `train sync`.",
        "",
        "| run | minutes | steps | peak learning rate | spans a batch | validation loss |",
        "|---|---|---|---|---|---|",
    ]
    for name, what in (("first", "one-second clips"), ("second", "all clips at their measured offsets")):
        run = history[name]
        last, spans = run["last"], run["notes"]["batch"] or "default"
        lines.append(
            f"| {what} | {last['minutes']:.0f} | {last['step']} | {run['learning_rate']:g} | {spans} "
            f"| {last['validation']['loss']:.3f} |"
        )
    lines += ["", "## Measured", "Printed by `python -m moditalker.training.sync_check --data DIR`:", ""]
    lines += [f"- {name}: {value:g}" for name, value in history["check"].items()]
    lines += ["", "Printed by `train offsets`, of all clips:", ""]
    lines += [f"- {name}: {value:g}" for name, value in history["offsets"].items()]
    return "\n".join(lines) + "\n" + _TAIL


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
