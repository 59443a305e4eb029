"""A contact sheet of the mouth renderer: portrait, then warp, draft, drawn and real picture, of people it never saw.

python -m moditalker.training.mouth_sheet --data VIEWS --weights MODEL -o sheet.png
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from moditalker.loading import load_pipeline
from moditalker.mtov.autoencoder import to_unit
from moditalker.mtov.mouth_renderer import MouthRenderer
from moditalker.training.data.drafts import Drafts
from moditalker.training.data.view_pairs import ViewPairs

_ROWS, _FRAMES, _ENLARGED = 8, 2, 2


@torch.inference_mode()
def mouth_sheet(renderer: MouthRenderer, drafts: Drafts, data: Path, seed: int = 0, split: str = "val") -> np.ndarray:
    """Draw a batch of unseen people.

    Args:
        renderer: trained.
        drafts: draws what it draws over.
        data: folder that ``views`` wrote.
        seed: another one shows others.
    Returns:
        (H, W, 3) uint8.
    """
    batch = ViewPairs(data, split, drafts, _ROWS, _FRAMES)(np.random.default_rng(seed))
    portrait = renderer.encode_portrait(to_unit(batch["portrait"]), batch["portrait_map"].float() / 255)
    columns = [batch["portrait"]]
    for index in range(_FRAMES):
        warped, draft = batch["warped"][:, index], batch["draft"][:, index]
        marks = batch["landmark_map"][:, index].float() / 255
        drawn = renderer(portrait, to_unit(warped), to_unit(draft), marks, batch["displacement"][:, index])
        columns += [warped, draft, ((drawn + 1) * 127.5).round().clamp(0, 255).byte(), batch["real"][:, index]]
    sheet = torch.cat(columns, -1).permute(0, 2, 3, 1).flatten(0, 1).numpy()
    return sheet.repeat(_ENLARGED, 0).repeat(_ENLARGED, 1)


def main() -> None:
    """Write a sheet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-o", "--output", type=Path, required=True)
    options = parser.parse_args()
    renderer = MouthRenderer.from_pretrained(options.weights).eval()
    preset = load_pipeline("compact")
    drafts = Drafts(preset.autoencoder, preset.flow)
    Image.fromarray(mouth_sheet(renderer, drafts, options.data, options.seed)).save(options.output)


if __name__ == "__main__":
    main()
