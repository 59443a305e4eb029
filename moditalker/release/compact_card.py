"""The model card of a preset: ``python -m moditalker.release.compact_card WEIGHTS BENCHMARK.json``.

What was trained how long and on what is read from ``training.json``, the numbers from what ``benchmark`` wrote.
"""

import argparse
import json
from pathlib import Path
from typing import Any

from moditalker.benchmark.benchmark_table import markdown

_HEAD = """---
license: apache-2.0
library_name: diffusers
tags: [talking-head, audio-to-video, diffusion, lip-sync]
---

# MoDiTalker compact

Weights of the preset `compact`: AToM (speech to 68 landmarks), a network for head pose and blinks, the tri-plane
autoencoder and the denoiser of MToV, its network for what moves beside the face and the linear model that puts the
contrast of drawn mouths right. Half precision safetensors,
loaded as float32. Made from nothing by the commands in the project's README.

## Intended use
Animating a portrait with a recording, with the consent of the people both belong to; research on talking heads. Not for
impersonation, deception, harassment or getting past identity checks. Say that the result is AI-generated.

## Data
1,770 clips for training (43 minutes, 79 speakers) and 150 for validation (4 minutes, 14 speakers, none of them in
training). It is footage of real people whose own media rights are mostly unstated; what the places they come from say:

| clips | source | licence there |
|---|---|---|
| 1,858 of one second, 31 Arabic news presenters | Essa-Ramzy/Arabic-Lip-Reading | MIT (repository); broadcast |
| 24 | FreedomIntelligence/talk-vid | CC BY-SA 4.0 (site); YouTube |
| 9 | FuxiVirtualHuman/styletalk | MIT (repository); YouTube |
| 8 | Hangz-nju-cuhk/Talking-Face_PC-AVS | CC BY 4.0; VoxCeleb2 |
| 7 | rizkiarm/LipNet | MIT (repository); GRID, CC BY 4.0 |
| 4 | OpenTalker/video-retalking | Apache-2.0 (repository) |
| 3 | yerfor/MimicTalk | MIT (repository); TV |
| 3 | tanshuai0219/EDTalk | Apache-2.0 (repository); HDTF |
| 2 | OpenTalker/SadTalker | Apache-2.0 (repository); HDTF, CC BY 4.0 annotations; YouTube |
| 2 | bytedance/LatentSync | Apache-2.0 (repository) |

No clip, frame or recording of it is in this project. Sound and picture of every clip were brought together first
(`train offsets`).
"""

_TAIL = """
## Known failures
- The aligned face is drawn at 128x128 pixels. In a large portrait what MToV adds, the inside of the mouth above all, is
  softer than what is around it.
- Teeth that the portrait shows keep their size and place; where it shows none the upper row is plain ones under a
  lip that is lifted, a greyish band for lower ones, and in a mouth that opens much wider than in the portrait a plain
  tongue. Of a person who hides the teeth they show too much, and guessed ones are a touch olive.
- Lips do not always meet on m, b and p. How far they are apart is read by a face tracker; one that takes a shining
  lower lip for an opening misleads what is drawn, and bared teeth that it takes for a part of the lower lip ride on it.
- Heads turned more than about 20 degrees stretch: the warp knows one view, and of a head that turned that far from the
  portrait's own pose only the mouth is drawn anew. Beyond 40 degrees a portrait is refused.
- A head that crosses the picture, as when the camera pans, is torn.
- Hair, glasses and beards that cross the jaw move with it.
- What stands still behind a person is told by a mask. Where that errs a strand of hair or a chair's back is torn at its
  edge, and what a head uncovers is blurred. A head that the picture cuts off at its top is closed with mirrored hair
  when it goes down.
- `mtov_steps=0` (empty planes) smears the face: the decoder has learnt to rely on them.
- Four fifths of the speech is Arabic news reading; other languages rest on 8 minutes.
- Head motion and blinks come from 8 minutes of long clips and the short ones; they are small and sometimes few.
"""


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


def write_card(weights: Path, measures: Path, notes: str = "") -> Path:
    """Write ``README.md`` into a folder of weights, the benchmark's JSON beside it; returns the card's path."""
    history = json.loads((weights / "training.json").read_text())
    measured = json.loads(measures.read_text())
    machine = next(iter(history.values()))
    card = weights / "README.md"
    text = (
        _HEAD
        + f"\n## Training\nOn {machine['device']} ({machine['machine']}), torch {machine['torch']}, bf16 autocast.\n\n"
        + training_table(history)
        + (f"\n\n{notes}\n" if notes else "\n")
        + "\n## Measured\nOn speakers that are in no training clip, by `python -m moditalker benchmark`. "
        + markdown(measured)
        + _TAIL
    )
    card.write_text(text)
    (weights / "measures.json").write_text(json.dumps(measured, indent=1) + "\n")
    return card


def main() -> None:
    """Read the options, write the card."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", type=Path)
    parser.add_argument("measures", type=Path)
    parser.add_argument("--notes", default="", help="a paragraph under the table of the trainings")
    options = parser.parse_args()
    write_card(options.weights, options.measures, options.notes)


if __name__ == "__main__":
    main()
