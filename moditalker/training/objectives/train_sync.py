"""``train sync``: the lip-sync expert, in two runs with a measurement between them.

The first run sees only clips whose sound and picture are taken as aligned (the short ones). Its weights measure the
offset of every longer clip (see ``offsets``); the second run goes on with those clips too, at their measured offsets.
The loss is contrastive (InfoNCE; van den Oord et al., 2018): a window of picture must find its own sound among all
windows of the same span, and, with less weight, among those of the other clips of the batch.
"""

import json
from dataclasses import replace
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

from moditalker.sync.expert import WINDOW, SyncExpert
from moditalker.sync.expert_weights import load_expert
from moditalker.training.data.batch_source import Batch
from moditalker.training.data.clips import load_clips
from moditalker.training.data.offsets import LONG_FRAMES, exact_offsets, measure_offsets
from moditalker.training.data.recordings import keep_sound
from moditalker.training.data.sync_batches import SyncBatches, with_sound
from moditalker.training.loop import TrainingConfig, fit
from moditalker.training.sync_check import check_expert
from moditalker.utils.errors import InputError

FIRST_SHARE = 1 / 3
"""Of the budget, for the first run."""
NEIGHBOUR = 0.1
"""How right the sound one frame to either side is: no clip is aligned to less than a frame."""
OTHER_CLIPS = 0.3
"""Weight of telling clips apart; telling moments of a clip apart has weight 1."""


class SyncObjective(nn.Module):
    """InfoNCE within a span, and across the batch."""

    def __init__(self, expert: SyncExpert) -> None:
        super().__init__()
        self.expert = expert

    def forward(self, batch: Batch) -> dict[str, torch.Tensor]:
        windows = batch["windows"]
        spans, count = windows.shape
        frames = windows[..., None] + torch.arange(WINDOW, device=windows.device)
        mouths = batch["mouths"][torch.arange(spans, device=windows.device)[:, None, None], frames]
        picture = self.expert.embed_picture(mouths.flatten(0, 1).float() / 255).unflatten(0, (spans, count))
        sound = self.expert.embed_sound(batch["mel"])
        scale = self.expert.scale.clamp(max=4.0).exp()

        within = scale * torch.einsum("bwd,bnd->bwn", picture, sound)
        distance = (torch.arange(sound.shape[1], device=windows.device) - windows[..., None]).abs()
        target = (distance == 0).float() + NEIGHBOUR * (distance == 1).float()
        target = target / target.sum(-1, keepdim=True)
        moment = -(target * within.log_softmax(-1)).sum(-1).mean()

        across = scale * torch.einsum("bwd,cnd->bwcn", picture, sound)
        own = torch.eye(spans, dtype=torch.bool, device=windows.device)[:, None, :, None]
        right = (distance == 0)[:, :, None] & own
        candidates = across.masked_fill(own & ~right, -torch.inf).flatten(2)
        clip = F.cross_entropy(candidates.flatten(0, 1), right.flatten(2).float().argmax(-1).flatten())

        with torch.no_grad():
            found = distance.gather(-1, within.argmax(-1, keepdim=True))
            near = (found <= 1).float().mean()
            other = (candidates.argmax(-1) == right.flatten(2).float().argmax(-1)).float().mean()
        return {
            "loss": moment + OTHER_CLIPS * clip,
            "moment": moment,
            "clip": clip,
            "window_within_one": near,
            "clip_right": other,
            "scale": scale.detach(),
        }


def train_sync(data: Path, config: TrainingConfig, spans: int = 20) -> dict[str, float]:
    """Train the expert, measuring the long clips' offsets on the way, and check it at the end.

    Args:
        data: folder that ``prepare`` wrote; ``sound.npy`` is added to its clips, and ``offsets.json`` is written.
        config: of the whole; the first run's folder is ``first`` in its output.
        spans: of a batch.
    Returns:
        Validation losses, and the check's numbers.
    Raises:
        InputError: the footage has gone, or no clip is short enough to be taken as aligned.
    """
    keep_sound(data)
    training, validation = with_sound(load_clips(data, "train")), with_sound(load_clips(data, "val"))
    aligned, judged = ([item for item in clips if len(item.clip) < LONG_FRAMES] for clips in (training, validation))
    if not aligned or not judged:
        raise InputError(f"{data} needs clips under two seconds in both splits: the expert begins with them.")
    validating = SyncBatches(judged, spans, augment=False)
    first = config.output / "first"
    if not (first / "offsets.json").is_file():
        begin = replace(
            config,
            output=first,
            minutes=FIRST_SHARE * config.minutes,
            max_steps=round(FIRST_SHARE * config.max_steps),
        )
        expert = SyncExpert().to(memory_format=torch.channels_last)
        fit(expert, SyncObjective(expert), SyncBatches(aligned, spans), validating, begin)
        measured = measure_offsets(data, load_expert(first / "model"), settle_zero=True)
        (first / "offsets.json").write_text(json.dumps(measured, indent=1))
    # Every clip has its offset now, the short ones too.
    exact = exact_offsets(data)
    training, judged = with_sound(load_clips(data, "train"), exact), with_sound(load_clips(data, "val"), exact)
    finetuning = replace(
        config,
        minutes=(1 - FIRST_SHARE) * config.minutes,
        max_steps=config.max_steps - round(FIRST_SHARE * config.max_steps),
    )
    expert = SyncExpert.from_pretrained(first / "model").to(memory_format=torch.channels_last)
    validating = SyncBatches(judged, spans, augment=False)
    losses = fit(expert, SyncObjective(expert), SyncBatches(training, spans), validating, finetuning)
    trained = load_expert(config.output / "model")
    measured = measure_offsets(data, trained)
    checked = check_expert(data, trained)
    (config.output / "check.json").write_text(json.dumps({"offsets": measured, "check": checked}, indent=1))
    return {**losses, **measured, **checked}
