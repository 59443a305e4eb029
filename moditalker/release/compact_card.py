"""The model card of a preset: ``python -m moditalker.release.compact_card WEIGHTS BENCHMARK.json``.

What was trained how long and on what is read from ``training.json``, the figures from what ``benchmark`` wrote. The
prose, with how the shipped weights came to be, is in ``cards/compact.md``.
"""

import argparse
import json
from pathlib import Path
from typing import Any

from moditalker.benchmark.benchmark_table import markdown
from moditalker.release.card_template import fill_card


def training_table(history: dict[str, dict[str, Any]]) -> str:
    """A row a network: parameters, minutes, steps, settings, last validation loss."""
    rows = [
        "| network | parameters | minutes | steps | peak learning rate | batch | seed | validation loss |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, run in history.items():
        last = run["last"]
        loss = last.get("validation", {}).get("loss", last.get("loss", float("nan")))
        rows.append(
            f"| {name} | {_count(run['parameters'])} | {last['minutes']:.0f} | {last['step']} | "
            f"{run['learning_rate']:g} | {run['notes']['batch'] or 'default'} | {run['seed']} | {loss:.4f} |"
        )
    return "\n".join(rows)


def _count(parameters: int) -> str:
    return f"{parameters / 1e6:.1f} M" if parameters >= 1e5 else f"{parameters:,}"


def blendshape_table(measured: dict[str, dict[str, float]]) -> str:
    """A row a blendshape, from what ``train blendshapes`` measured."""
    rows = ["| blendshape | R2 | correlation | mean error | highest |", "|---|---|---|---|---|"]
    for name, row in measured.items():
        if name not in ("means", "moved"):
            figures = f"{row['r2']:.2f} | {row['correlation']:.2f} | {row['mean_error']:.3f} | {row['highest']:.2f}"
            rows.append(f"| {name} | {figures} |")
    return "\n".join(rows)


def arousal_table(measured: dict[str, dict[str, float]]) -> str:
    """A row for each part that moves with the voice, from what ``train arousal`` measured."""
    rows = ["| part | correlation | 95 % over speakers | usual change of the amplitude |", "|---|---|---|---|"]
    for name, row in measured.items():
        interval = f"{row['low']:.2f} to {row['high']:.2f}"
        rows.append(f"| {name} | {row['correlation']:.2f} | {interval} | {row['deviation']:.0%} |")
    return "\n".join(rows)


def write_card(weights: Path, measures: Path) -> Path:
    """Write ``README.md`` into a folder of weights, the benchmark's JSON beside it; returns the card's path."""
    history = json.loads((weights / "training.json").read_text())
    measured = json.loads(measures.read_text())
    blendshapes = json.loads((weights / "blendshapes" / "measures.json").read_text())
    arousal = json.loads((weights / "arousal" / "measures.json").read_text())
    machine = next(iter(history.values()))
    card = weights / "README.md"
    text = fill_card(
        "compact",
        device=machine["device"],
        machine=machine["machine"],
        torch=machine["torch"],
        trainings=training_table(history),
        measures=markdown(measured).strip(),
        blendshapes=blendshape_table(blendshapes),
        arousal=arousal_table(arousal),
        r2=f"{blendshapes['means']['r2']:.2f}",
        correlation=f"{blendshapes['means']['correlation']:.2f}",
        moved=", ".join(f"{part} {share:.2f}" for part, share in blendshapes["moved"].items()),
    )
    card.write_text(text)
    (weights / "measures.json").write_text(json.dumps(measured, indent=1) + "\n")
    return card


def main() -> None:
    """Read the options, write the card."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", type=Path)
    parser.add_argument("measures", type=Path)
    options = parser.parse_args()
    write_card(options.weights, options.measures)


if __name__ == "__main__":
    main()
