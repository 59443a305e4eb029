"""``train head``: head pose from speech, on all clips; the long ones teach it how a head wanders."""

from pathlib import Path

import numpy as np
import torch
from torch import nn

from moditalker.atom.head import HeadMotion
from moditalker.atom.schedule import atom_scheduler
from moditalker.training.data import MotionBatches, load_clips
from moditalker.training.diffusion import add_noise
from moditalker.training.loop import Batch, TrainingConfig, fit


class HeadObjective(nn.Module):
    """Squared error of the clean pose, its velocity and its acceleration (a head has mass)."""

    def __init__(self, head: HeadMotion, velocity_weight: float = 4.0, acceleration_weight: float = 4.0) -> None:
        super().__init__()
        self.head = head
        self.scheduler = atom_scheduler()
        self.velocity_weight, self.acceleration_weight = velocity_weight, acceleration_weight

    def forward(self, batch: Batch) -> dict[str, torch.Tensor]:
        clean = self.head.normalise(batch["pose"])
        noisy, steps = add_noise(self.scheduler, clean)
        tokens = self.head.encode_speech(batch["speech"])
        if self.training:
            dropped = torch.rand(len(tokens), 1, 1, device=tokens.device) < 0.2
            tokens = torch.where(dropped, self.head.without_speech(tokens), tokens)
        predicted = self.head(noisy, steps, tokens)
        error = predicted - clean
        position = error.square().mean()
        velocity = error.diff(dim=1).square().mean()
        acceleration = error.diff(dim=1, n=2).square().mean()
        loss = position + self.velocity_weight * velocity + self.acceleration_weight * acceleration
        return {"loss": loss, "position": position, "velocity": velocity, "acceleration": acceleration}


def train_head(data: Path, config: TrainingConfig, frames: int = 3072) -> dict[str, float]:
    """Train the head pose network on prepared clips; ``frames`` of a batch. Returns validation losses."""
    training, validation = load_clips(data, "train"), load_clips(data, "val")
    head = HeadMotion(speech_dim=training[0].features.shape[-1])
    source = MotionBatches(training, head.config["window"], frames, long_share=0.7)
    poses = torch.cat([source(np.random.default_rng((7, i)))["pose"].flatten(0, 1) for i in range(20)])
    head.pose_std.copy_(poses.std(0).clamp_min(1e-3))
    held_out = MotionBatches(validation, head.config["window"], frames, long_share=0.7, mirror=False)
    return fit(head, HeadObjective(head), source, held_out, config)
