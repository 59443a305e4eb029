"""Which speech encoder tells most about unseen lips.

``python -m moditalker.training.compare_encoders --data DIR ENCODER ...``: the same small convolutional network learns
from each encoder's features, on the same clips for as many steps, to predict how the mouth opens and widens; it is
judged on speakers whom it never saw, clip by clip. ``prepare --encoder ENCODER`` has to be run for each before.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from moditalker.face.layout import mouth_opening, mouth_width
from moditalker.metrics.curves import correlation
from moditalker.training.data.clips import PreparedClip, load_clips

LONG_WINDOW, SHORT_WINDOW = 72, 24
LONG_SHARE = 0.3
FRAMES = 576


class LipProbe(nn.Module):
    """Four residual convolutions over two features a frame, (B, T, 2D) -> (B, T, 2) lip shape in deviations."""

    def __init__(self, dim: int, width: int = 192, dropout: float = 0.2) -> None:
        super().__init__()
        self.project = nn.Sequential(nn.Dropout(dropout / 2), nn.Linear(2 * dim, width))
        self.convolutions = nn.ModuleList(nn.Conv1d(width, width, 5, padding=2 * d, dilation=d) for d in (1, 2, 2, 1))
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in self.convolutions)
        self.dropout, self.out = nn.Dropout(dropout), nn.Linear(width, 2)

    def forward(self, speech: torch.Tensor) -> torch.Tensor:
        x = self.project(speech)
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            x = x + self.dropout(F.gelu(convolution(norm(x).transpose(1, 2)))).transpose(1, 2)
        return self.out(x)


def lip_shape(clip: PreparedClip) -> np.ndarray:
    """(T, 2): opening and width of the mouth, inter-ocular distances, each less its own mean."""
    shape = np.stack([mouth_opening(clip.landmarks), mouth_width(clip.landmarks)], -1)
    return shape - shape.mean(0)


def compare(data: Path, encoder: str, steps: int = 800, seed: int = 0) -> dict[str, float]:
    """Train on one encoder's features and judge.

    Args:
        data: folder of prepared clips.
        encoder: its name.
        steps: of 576 frames each.
        seed: of weights and batches.
    Returns:
        Mean correlations over the validation clips, of all and of those of two seconds and more.
    """
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    training, validation = (load_clips(data, split, encoder=encoder) for split in ("train", "val"))
    sample = np.concatenate([clip.features[::7].astype(np.float32) for clip in training])
    mean, deviation = sample.mean(0), sample.std(0) + 1e-3
    shapes = {clip.name: lip_shape(clip) for clip in training + validation}
    scale = np.concatenate([shapes[clip.name] for clip in training]).std(0)

    def heard(clip: PreparedClip, start: int, stop: int) -> torch.Tensor:
        speech = (clip.speech(start, stop) - mean) / deviation
        return torch.from_numpy(speech.reshape(stop - start, -1))

    groups = [[c for c in training if len(c) >= LONG_WINDOW], [c for c in training if len(c) < LONG_WINDOW]]
    probe = LipProbe(len(mean))
    optimizer = torch.optim.AdamW(probe.parameters(), 1e-3, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps, 2e-5)
    for _ in range(steps):
        group, window = (
            (groups[0], LONG_WINDOW) if rng.random() < LONG_SHARE and groups[0] else (groups[1], SHORT_WINDOW)
        )
        weights = np.array([len(clip) for clip in group], np.float64)
        picks = [group[i] for i in rng.choice(len(group), FRAMES // window, p=weights / weights.sum())]
        window = min(window, *(len(clip) for clip in picks))
        starts = [int(rng.integers(len(clip) - window + 1)) for clip in picks]
        pairs = list(zip(picks, starts, strict=True))
        speech = torch.stack([heard(clip, start, start + window) for clip, start in pairs])
        shape = np.stack([shapes[clip.name][start : start + window] / scale for clip, start in pairs])
        error = probe(speech) - torch.from_numpy(shape).float()
        error = error - error.mean(1, keepdim=True)
        loss = error.square().mean() + error.diff(dim=1).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    probe.eval()
    rows, long = [], []
    with torch.inference_mode():
        for clip in validation:
            predicted = probe(heard(clip, 0, len(clip))[None])[0].numpy()
            rows.append([correlation(predicted[:, k], shapes[clip.name][:, k]) for k in (0, 1)])
            long.append(len(clip) >= 50)
    table, chosen = np.array(rows), np.array(long)
    names = ("opening", "width")
    result = {name: round(float(value), 3) for name, value in zip(names, table.mean(0), strict=True)}
    if chosen.any():
        result |= {f"{name}_long": round(float(v), 3) for name, v in zip(names, table[chosen].mean(0), strict=True)}
    return result


def main() -> None:
    """Read the options, compare, print a row for each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("encoders", nargs="+", help="moonshine, mel, whisper:CHECKPOINT.pt, ...")
    parser.add_argument("--data", type=Path, required=True, help="folder that 'prepare' wrote")
    parser.add_argument("--steps", type=int, default=800)
    options = parser.parse_args()
    for encoder in options.encoders:
        row = {"encoder": encoder, **compare(options.data, encoder, options.steps)}
        print(json.dumps(row), flush=True)  # noqa: T201 - this is a command


if __name__ == "__main__":
    main()
