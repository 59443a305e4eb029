"""``train head``: head pose and blinks from speech; the long clips teach how a head wanders and how often eyes shut."""

from pathlib import Path

import torch
from torch import nn

from moditalker.atom.head import POSE, HeadMotion
from moditalker.atom.schedulers import atom_scheduler
from moditalker.training.data.batch_source import Batch
from moditalker.training.data.motion_batches import MotionBatches
from moditalker.training.data.motion_clips import motion_clips, sample_batches
from moditalker.training.loop import TrainingConfig, fit
from moditalker.training.losses.diffusion import add_noise

LONG_SHARE = 0.85
"""Of the batches; in a window of one second a head hardly moves and an eye is seldom shut."""


class HeadObjective(nn.Module):
    """Squared error of the clean motion and its velocity, and of the pose's acceleration: a head has mass, lids do not.

    Args:
        velocity_weight: of the pose's frame-to-frame difference.
        acceleration_weight: of its second difference.
        blink_weight: of the closure and its velocity, against one of the pose's six numbers.
    """

    def __init__(
        self,
        head: HeadMotion,
        velocity_weight: float = 4.0,
        acceleration_weight: float = 4.0,
        blink_weight: float = 3.0,
    ) -> None:
        super().__init__()
        self.head = head
        self.scheduler = atom_scheduler()
        self.velocity_weight, self.acceleration_weight = velocity_weight, acceleration_weight
        self.blink_weight = blink_weight / POSE

    def forward(self, batch: Batch) -> dict[str, torch.Tensor]:
        clean = self.head.normalise(torch.cat([batch["pose"], batch["closure"]], -1))
        noisy, steps = add_noise(self.scheduler, clean)
        tokens = self.head.encode_speech(batch["speech"])
        if self.training:
            dropped = torch.rand(len(tokens), 1, 1, device=tokens.device) < 0.2
            tokens = torch.where(dropped, self.head.without_speech(tokens), tokens)
        predicted = self.head(noisy, steps, tokens)
        error = (predicted - clean)[..., :POSE]
        position = error.square().mean()
        velocity = error.diff(dim=1).square().mean()
        acceleration = error.diff(dim=1, n=2).square().mean()
        lids = (predicted - clean)[..., POSE]
        blink = lids.square().mean() + lids.diff(dim=1).square().mean()
        loss = position + self.velocity_weight * velocity + self.acceleration_weight * acceleration
        loss = loss + self.blink_weight * blink
        return {"loss": loss, "position": position, "velocity": velocity, "acceleration": acceleration, "blink": blink}


def measure_head(head: HeadMotion, source: MotionBatches, batches: int = 20) -> None:
    """Set the normalisation buffer from training windows."""
    drawn = sample_batches(source, batches)
    motion = torch.cat([torch.cat([batch["pose"], batch["closure"]], -1).flatten(0, 1) for batch in drawn])
    head.pose_std.copy_(motion.std(0).clamp_min(1e-3))


def train_head(
    data: Path, config: TrainingConfig, frames: int = 3072, encoder: str | None = None, start: Path | None = None
) -> dict[str, float]:
    """Train the head network on prepared clips.

    Args:
        data: folder that ``prepare`` wrote.
        frames: of a batch.
        encoder: whose speech features are taken; by default those that ``prepare`` made last.
        start: ``model`` folder of an earlier run to begin with, normalisation included.
    Returns:
        Validation losses.
    Raises:
        InputError: there are no such clips or features.
    """
    clips = motion_clips(data, encoder)
    source = MotionBatches(clips.training, frames=frames, long_share=LONG_SHARE)
    if start is None:
        head = HeadMotion(speech_dim=clips.training[0].features.shape[-1])
        measure_head(head, source)
    else:
        head = HeadMotion.from_pretrained(start)
    held_out = MotionBatches(clips.validation, head.config["window"], frames, long_share=LONG_SHARE, mirror=False)
    return fit(head, HeadObjective(head), source, held_out, config)
