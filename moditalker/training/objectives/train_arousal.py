"""``train arousal``: how much farther faces move where voices are livelier, within each speaker. Takes seconds."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from moditalker.atom.arousal import FEATURES, GAINED, ArousalMap, voice_features
from moditalker.atom.style import MOVEMENTS, WINDOW, window_variances
from moditalker.audio.prosody import prosody
from moditalker.training.data.batch_source import Batch
from moditalker.training.data.clips import PreparedClip
from moditalker.training.data.motion_clips import motion_clips
from moditalker.training.data.recordings import keep_sound, load_sound
from moditalker.training.loop import TrainingConfig, fit
from moditalker.utils.errors import InputError

_OF = {"expression": ("inner brows", "outer brows", "frown"), "lids": ("lids",), "head": ("nod", "turn", "tilt")}
_RIDGE = 0.03
_DRAWS = 500
_LEAST = 1e-7


@dataclass(frozen=True)
class Seconds:
    """Windows of clips: (N, 8) features of the voice, (N, 3) ln(variance) of ``GAINED``, (N,) speakers.

    Both numbers are against the mean of the speaker.
    """

    features: np.ndarray
    moved: np.ndarray
    speakers: np.ndarray

    def __call__(self, rng: np.random.Generator) -> Batch:
        """All of them, as a batch."""
        return {"features": torch.from_numpy(self.features), "moved": torch.from_numpy(self.moved)}


class ArousalObjective(nn.Module):
    """Squared error in shares of the variance, and a ridge.

    Args:
        network: what learns.
        scale: (3,) variance of what is to be told.
    """

    scale: torch.Tensor

    def __init__(self, network: ArousalMap, scale: np.ndarray) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("scale", torch.from_numpy(scale.astype(np.float32)))

    def forward(self, batch: Batch) -> dict[str, torch.Tensor]:
        error = ((self.network(batch["features"]) - batch["moved"]).square() / self.scale).mean()
        ridge = (self.network.linear.weight.square() / self.scale[:, None]).sum(1).mean()
        return {"loss": error + _RIDGE * ridge, "unexplained": error}


def seconds_of(clips: Sequence[PreparedClip]) -> Seconds:
    """Every window of some clips."""
    features, moved, speakers = [], [], []
    columns = [[MOVEMENTS.index(name) for name in _OF[part]] for part in GAINED]
    for clip in clips:
        variances = window_variances(clip.landmarks)
        heard = voice_features(prosody(load_sound(clip.folder)))
        centres = WINDOW * np.arange(len(variances)) + WINDOW // 2
        there = centres < len(heard)
        logs = np.log(variances[there] + _LEAST)
        features.append(heard[centres[there]])
        moved.append(np.stack([logs[:, chosen].mean(1) for chosen in columns], 1))
        speakers += [clip.speaker] * int(there.sum())
    names = np.array(speakers)
    whole = [np.concatenate(part) if speakers else np.zeros((0, 1)) for part in (features, moved)]
    for speaker in set(speakers):
        for values in whole:
            values[names == speaker] -= values[names == speaker].mean(0)
    return Seconds(whole[0].astype(np.float32), whole[1].astype(np.float32), names)


def measure(network: ArousalMap, seconds: Seconds) -> dict[str, dict[str, float]]:
    """Correlation of what is told with what was seen, by ``GAINED``; 95 % over draws of speakers with replacement."""
    with torch.inference_mode():
        told = network(torch.from_numpy(seconds.features).to(network.device, network.dtype)).float().cpu().numpy()
    speakers = sorted(set(seconds.speakers))
    of = {one: np.flatnonzero(seconds.speakers == one) for one in speakers}
    rng = np.random.default_rng(0)
    draws = [np.concatenate([of[one] for one in rng.choice(speakers, len(speakers))]) for _ in range(_DRAWS)]
    rows = {}
    for index, name in enumerate(GAINED):
        one, other = told[:, index], seconds.moved[:, index]
        drawn = [_correlation(one[chosen], other[chosen]) for chosen in draws]
        low, high = np.quantile(drawn, [0.025, 0.975])
        rows[name] = {
            "correlation": _correlation(one, other),
            "low": float(low),
            "high": float(high),
            "deviation": float(np.exp(one.std() / 2) - 1),
        }
    return rows


def _correlation(one: np.ndarray, other: np.ndarray) -> float:
    both = one.std() * other.std()
    return float(((one - one.mean()) * (other - other.mean())).mean() / both) if both > 0 else 0.0


def train_arousal(data: Path, config: TrainingConfig) -> dict[str, float]:
    """Learn the relation on prepared clips. ``measures.json`` beside the weights says how it holds for other speakers.

    Args:
        data: folder that ``prepare`` wrote.
    Returns:
        Validation losses.
    Raises:
        InputError: there are no such clips, or they are too short.
    """
    keep_sound(data)
    clips = motion_clips(data, None, variants=False)
    training, validation = seconds_of(clips.training), seconds_of(clips.validation)
    if len(training.speakers) == len(set(training.speakers)) or len(validation.speakers) == 0:
        raise InputError("These clips are too short: training needs two seconds of a speaker, and validation one.")
    network = ArousalMap()
    assert training.features.shape[1] == FEATURES
    network.feature_std.copy_(torch.from_numpy(training.features.std(0)).clamp_min(1e-3))

    def keep_measures(folder: Path) -> None:
        (folder / "measures.json").write_text(json.dumps(measure(network, validation), indent=1) + "\n")

    return fit(network, ArousalObjective(network, training.moved.var(0)), training, validation, config, keep_measures)
