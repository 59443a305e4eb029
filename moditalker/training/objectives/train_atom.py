"""``train atom``: audio to landmark residuals."""

from pathlib import Path

import torch
from torch import nn

from moditalker.atom.blinks import LID_POINTS
from moditalker.atom.model import AudioToMotion
from moditalker.atom.schedulers import atom_scheduler
from moditalker.face.layout import LOWER_INNER_LIP, UPPER_INNER_LIP
from moditalker.training.data.batch_source import Batch
from moditalker.training.data.motion_batches import MotionBatches
from moditalker.training.data.motion_clips import motion_clips, sample_batches
from moditalker.training.data.silent_clips import silence_features
from moditalker.training.loop import TrainingConfig, fit
from moditalker.training.losses.diffusion import add_noise
from moditalker.utils.errors import InputError

DROP_SPEECH = 0.2
"""How often speech is left out, so that guidance has something to push away from (the paper: 0.25)."""
TOWARDS_NOISE = 2.0
"""Late times are when a network must listen: early ones show it the answer."""
SPEECH_NOISE, IDENTITY_NOISE = 0.1, 0.1
"""In standard deviations; training speakers are few, and a network that knows them by heart knows nobody else."""


class AtomObjective(nn.Module):
    """Squared error of the clean residual and of its velocity, and of the lip distances that the eye reads first.

    Lids are taught to stay as they are. Clips whose sound is not known to fit the picture train the network without
    their speech.

    Args:
        velocity_weight: of the frame-to-frame difference (MoDiTalker, eq. 6).
        opening_weight: of the mouth's opening and width: a mouth that does not close on m, b, p is a small error of
            positions and a large one of openings.
    """

    def __init__(self, atom: AudioToMotion, velocity_weight: float = 1.0, opening_weight: float = 1.0) -> None:
        super().__init__()
        self.atom = atom
        self.scheduler = atom_scheduler()
        self.velocity_weight, self.opening_weight = velocity_weight, opening_weight

    def forward(self, batch: Batch) -> dict[str, torch.Tensor]:
        clean = self.atom.normalise(batch["residual"])
        clean[:, :, LID_POINTS] = 0
        noisy, steps = add_noise(self.scheduler, clean, towards_noise=TOWARDS_NOISE)
        identity = batch["identity"]
        if self.training:
            identity = identity + IDENTITY_NOISE * self.atom.identity_std * torch.randn_like(identity)
        tokens = self.atom.encode_speech(self._augmented(batch["speech"]))
        synchronised = batch["synchronised"]
        if self.training:
            synchronised = synchronised & (torch.rand(len(synchronised), device=synchronised.device) >= DROP_SPEECH)
        tokens = torch.where(synchronised[:, None, None], tokens, self.atom.without_speech(tokens))
        predicted = self.atom(noisy, steps, identity, tokens)
        position = (predicted - clean).square().mean()
        velocity = (predicted.diff(dim=1) - clean.diff(dim=1)).square().mean()
        opening = (openings(predicted, self.atom) - openings(clean, self.atom)).square().mean()
        loss = position + self.velocity_weight * velocity + self.opening_weight * opening
        losses = {"loss": loss, "position": position, "velocity": velocity, "opening": opening}
        if not self.training:
            losses.update(self._correlation(batch, tokens))
        return losses

    def _augmented(self, speech: torch.Tensor) -> torch.Tensor:
        """A little noise, and now and then one of the two kinds of features (encoder, log-mel) silenced."""
        if not self.training:
            return speech
        speech = speech + SPEECH_NOISE * speech.std() * torch.randn_like(speech)
        gain = torch.ones(len(speech), 1, 2, device=speech.device)
        gain = torch.where(torch.rand_like(gain[..., :1]) < 0.15, gain * torch.tensor([1.0, 0.0]).to(gain), gain)
        split = max(1, speech.shape[-1] - 40)
        return torch.cat([speech[..., :split] * gain[..., :1], speech[..., split:] * gain[..., 1:]], -1)

    def _correlation(self, batch: Batch, tokens: torch.Tensor) -> Batch:
        """Of mouth opening and width, predicted from pure noise, with the real ones; mean over synchronised windows."""
        shape = batch["residual"].shape
        steps = torch.full((shape[0],), 999, device=tokens.device)
        predicted = self.atom(torch.zeros(shape, device=tokens.device), steps, batch["identity"], tokens)
        pair = [openings(x, self.atom) for x in (predicted, self.atom.normalise(batch["residual"]))]
        pair = [x - x.mean(1, keepdim=True) for x in pair]
        value = (pair[0] * pair[1]).sum(1) / (pair[0].norm(dim=1) * pair[1].norm(dim=1)).clamp_min(1e-6)
        synchronised = batch["synchronised"].float()
        opening, width = (value * synchronised[:, None]).sum(0) / synchronised.sum().clamp_min(1)
        return {"opening_correlation": opening, "width_correlation": width}


def openings(residual: torch.Tensor, atom: AudioToMotion) -> torch.Tensor:
    """(B, T, 68, 3) standard deviations -> (B, T, 2): mouth opening and width, scaled to about 1."""
    points = atom.denormalise(residual)
    lips = (points[:, :, LOWER_INNER_LIP, 1] - points[:, :, UPPER_INNER_LIP, 1]).mean(-1)
    width = points[:, :, 54, 0] - points[:, :, 48, 0]
    return torch.stack([lips / 0.05, width / 0.05], -1)


def measure_motion(atom: AudioToMotion, source: MotionBatches, batches: int = 40) -> None:
    """Set the normalisation buffers from training windows."""
    drawn = sample_batches(source, batches)
    residual = torch.cat([batch["residual"].flatten(0, 1) for batch in drawn])
    identity = torch.cat([batch["identity"] for batch in drawn])
    atom.residual_std.copy_(residual.std(0).clamp_min(5e-3))
    atom.identity_mean.copy_(identity.mean(0))
    atom.identity_std.copy_(identity.std(0).clamp_min(1e-2))


def train_atom(
    data: Path, config: TrainingConfig, frames: int = 1536, encoder: str | None = None, start: Path | None = None
) -> dict[str, float]:
    """Train AToM on prepared clips.

    Args:
        data: folder that ``prepare`` wrote.
        frames: of a batch.
        encoder: whose speech features are taken; by default those that ``prepare`` made last.
        start: ``model`` folder of an earlier run to begin with, normalisation included.
    Returns:
        Validation losses, and the correlations of the predicted mouth opening and width with the real ones.
    Raises:
        InputError: there are no such clips or features, or ``start`` was trained on another encoder's.
    """
    encoder, training, validation = motion_clips(data, encoder)
    source = MotionBatches(training, frames=frames, silence=silence_features(data, encoder))
    if start is None:
        atom = AudioToMotion(speech_dim=training[0].features.shape[-1], speech_encoder=encoder)
        measure_motion(atom, source)
    else:
        atom = AudioToMotion.from_pretrained(start)
        if atom.config["speech_encoder"] != encoder:
            raise InputError(f"{start} hears {atom.config['speech_encoder']}, not {encoder}; name that with --encoder.")
    source.window = atom.config["window"]
    held_out = MotionBatches(validation, atom.config["window"], frames, mirror=False)
    return fit(atom, AtomObjective(atom), source, held_out, config)
