"""``train atom``: audio to landmark residuals."""

from pathlib import Path

import numpy as np
import torch
from torch import nn

from moditalker.atom.model import AudioToMotion
from moditalker.atom.schedule import atom_scheduler
from moditalker.face.layout import INNER_LIPS, LIDS
from moditalker.training.data import MotionBatches, encoder_of, load_clips
from moditalker.training.diffusion import add_noise
from moditalker.training.loop import Batch, TrainingConfig, fit
from moditalker.training.silence import silence_features

DROP_SPEECH = 0.2
"""How often speech is left out, so that guidance has something to push away from (the paper: 0.25)."""
_UPPER_LIDS, _LOWER_LIDS = (list(pair) for pair in zip(*LIDS, strict=True))


class AtomObjective(nn.Module):
    """Squared error of the clean residual and of its velocity, and of the openings that the eye reads first.

    Clips whose sound is not known to fit the picture train the network without their speech.

    Args:
        velocity_weight: of the frame-to-frame difference (MoDiTalker, eq. 6).
        opening_weight: of the lips' and the lids' distances: a mouth that does not close on m, b, p is a small error of
            positions and a large one of openings.
    """

    def __init__(self, atom: AudioToMotion, velocity_weight: float = 1.0, opening_weight: float = 0.5) -> None:
        super().__init__()
        self.atom = atom
        self.scheduler = atom_scheduler()
        self.velocity_weight, self.opening_weight = velocity_weight, opening_weight

    def forward(self, batch: Batch) -> dict[str, torch.Tensor]:
        clean = self.atom.normalise(batch["residual"])
        noisy, steps = add_noise(self.scheduler, clean)
        tokens = self.atom.encode_speech(self._augmented(batch["speech"]))
        heard = batch["heard"]
        if self.training:
            heard = heard & (torch.rand(len(heard), device=heard.device) >= DROP_SPEECH)
        tokens = torch.where(heard[:, None, None], tokens, self.atom.without_speech(tokens))
        predicted = self.atom(noisy, steps, batch["identity"], tokens)
        position = (predicted - clean).square().mean()
        velocity = (predicted.diff(dim=1) - clean.diff(dim=1)).square().mean()
        opening = (openings(predicted, self.atom) - openings(clean, self.atom)).square().mean()
        loss = position + self.velocity_weight * velocity + self.opening_weight * opening
        losses = {"loss": loss, "position": position, "velocity": velocity, "opening": opening}
        if not self.training:
            losses["opening_correlation"] = self._correlation(batch, tokens)
        return losses

    def _augmented(self, speech: torch.Tensor) -> torch.Tensor:
        """A little noise, and now and then one of the two kinds of features (encoder, log-mel) silenced."""
        if not self.training:
            return speech
        speech = speech + 0.1 * speech.std() * torch.randn_like(speech)
        gain = torch.ones(len(speech), 1, 2, device=speech.device)
        gain = torch.where(torch.rand_like(gain[..., :1]) < 0.15, gain * torch.tensor([1.0, 0.0]).to(gain), gain)
        split = max(1, speech.shape[-1] - 40)
        return torch.cat([speech[..., :split] * gain[..., :1], speech[..., split:] * gain[..., 1:]], -1)

    def _correlation(self, batch: Batch, tokens: torch.Tensor) -> torch.Tensor:
        """Of the mouth opening predicted from noise alone with the real one, mean over windows that are heard."""
        shape = batch["residual"].shape
        steps = torch.full((shape[0],), 999, device=tokens.device)
        predicted = self.atom(torch.randn(shape, device=tokens.device), steps, batch["identity"], tokens)
        pair = [openings(x, self.atom)[..., 0] for x in (predicted, self.atom.normalise(batch["residual"]))]
        pair = [x - x.mean(1, keepdim=True) for x in pair]
        value = (pair[0] * pair[1]).sum(1) / (pair[0].norm(dim=1) * pair[1].norm(dim=1)).clamp_min(1e-6)
        heard = batch["heard"].float()
        return (value * heard).sum() / heard.sum().clamp_min(1)


def openings(residual: torch.Tensor, atom: AudioToMotion) -> torch.Tensor:
    """(B, T, 68, 3) standard deviations -> (B, T, 4): lips, mouth width, lids right and left, scaled to about 1."""
    points = atom.denormalise(residual)
    height = points[..., 1]
    inner = INNER_LIPS.tolist()
    lips = (height[:, :, inner[5:8]] - height[:, :, inner[3:0:-1]]).mean(-1, keepdim=True)
    width = (points[:, :, 54, 0] - points[:, :, 48, 0]).unsqueeze(-1)
    lids = height[:, :, _LOWER_LIDS] - height[:, :, _UPPER_LIDS]
    eyes = torch.stack([lids[..., :2].mean(-1), lids[..., 2:].mean(-1)], -1)
    return torch.cat([lips / 0.05, width / 0.05, eyes / 0.03], -1)


def measure_motion(atom: AudioToMotion, source: MotionBatches, batches: int = 40) -> None:
    """Set the normalisation buffers from training windows."""
    drawn = [source(np.random.default_rng((7, i))) for i in range(batches)]
    residual = torch.cat([batch["residual"].flatten(0, 1) for batch in drawn])
    identity = torch.cat([batch["identity"] for batch in drawn])
    atom.residual_std.copy_(residual.std(0).clamp_min(5e-3))
    atom.identity_mean.copy_(identity.mean(0))
    atom.identity_std.copy_(identity.std(0).clamp_min(1e-2))


def train_atom(data: Path, config: TrainingConfig, frames: int = 1536) -> dict[str, float]:
    """Train AToM on prepared clips.

    Args:
        data: folder that ``prepare`` wrote.
        frames: of a batch.
    Returns:
        Validation losses, and the correlation of the predicted mouth opening with the real one.
    """
    training, validation = load_clips(data, "train"), load_clips(data, "val")
    atom = AudioToMotion(speech_dim=training[0].features.shape[-1])
    silence = silence_features(data, encoder_of(data))
    source = MotionBatches(training, atom.config["window"], frames, silence=silence)
    measure_motion(atom, source)
    held_out = MotionBatches(validation, atom.config["window"], frames, mirror=False)
    return fit(atom, AtomObjective(atom), source, held_out, config)
