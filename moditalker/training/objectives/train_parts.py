"""``train lips-part``, ``train expression-part``, ``train head-part``: one part of the motion from speech."""

from dataclasses import replace
from pathlib import Path

import torch
from torch import nn

from moditalker.atom.motion_transformer import MotionTransformer, channels_of
from moditalker.atom.schedulers import atom_scheduler
from moditalker.audio.prosody import prosody, with_prosody
from moditalker.training.data.batch_source import Batch
from moditalker.training.data.clips import PreparedClip
from moditalker.training.data.motion_batches import MotionBatches
from moditalker.training.data.motion_clips import motion_clips, sample_batches
from moditalker.training.data.recordings import keep_sound, load_sound
from moditalker.training.data.styles import Styles
from moditalker.training.loop import TrainingConfig, fit
from moditalker.training.losses.diffusion import add_noise
from moditalker.utils.errors import InputError

LONG_SHARE = {"lips": 0.4, "expression": 0.85, "head": 0.85}
"""Of the batches: in one second brows and heads hardly move, and an eye is seldom shut."""
DROP_SPEECH = 0.2
DROP_STYLE = 0.4
"""Most videos are made without a clip to take the style from."""
IDENTITY_NOISE = 0.1
"""In standard deviations; training speakers are few."""


class PartObjective(nn.Module):
    """Squared error of the clean motion, of its velocity, and for the head of its acceleration: a head has mass.

    Args:
        network: what learns.
    """

    def __init__(self, network: MotionTransformer) -> None:
        super().__init__()
        self.network = network
        self.scheduler = atom_scheduler()
        self.part = str(network.config["part"])
        self.velocity_weight, self.acceleration_weight = {"head": (4.0, 4.0)}.get(self.part, (1.0, 0.0))

    def forward(self, batch: Batch) -> dict[str, torch.Tensor]:
        clean = self.network.normalise(motion_of(self.part, batch))
        noisy, steps = add_noise(self.scheduler, clean)
        identity = batch["identity"]
        tokens, style = self.network.encode_speech(batch["speech"]), self.network.encode_style(batch["style"])
        # A few frames between sound and picture matter to lips alone.
        heard = batch["synchronised"] if self.part == "lips" else torch.ones_like(batch["synchronised"])
        styled = batch["styled"]
        if self.training:
            identity = identity + IDENTITY_NOISE * self.network.identity_std * torch.randn_like(identity)
            heard = heard & (torch.rand(len(heard), device=heard.device) >= DROP_SPEECH)
            styled = styled & (torch.rand(len(styled), device=styled.device) >= DROP_STYLE)
        tokens = torch.where(heard[:, None, None], tokens, self.network.without_speech(tokens))
        style = torch.where(styled[:, None], style, self.network.without_style(len(style)))
        error = self.network(noisy, steps, identity, tokens, style) - clean
        position = error.square().mean()
        velocity = error.diff(dim=1).square().mean()
        acceleration = error.diff(dim=1, n=2).square().mean()
        loss = position + self.velocity_weight * velocity + self.acceleration_weight * acceleration
        return {"loss": loss, "position": position, "velocity": velocity, "acceleration": acceleration}


def motion_of(part: str, batch: Batch) -> torch.Tensor:
    """(B, T, C) of a batch of ``MotionBatches``."""
    return torch.cat(channels_of(part, batch["residual"], batch["closure"], batch["pose"]), -1)


def clips_with_prosody(clips: list[PreparedClip]) -> list[PreparedClip]:
    """The clips with prosody behind the features of their speech, (2T, D + 6)."""
    return [replace(clip, features=with_prosody(clip.features, prosody(load_sound(clip.folder)))) for clip in clips]


def train_part(
    part: str,
    data: Path,
    config: TrainingConfig,
    frames: int = 3072,
    encoder: str | None = None,
    start: Path | None = None,
) -> dict[str, float]:
    """Train a model of one part on prepared clips.

    Args:
        part: ``lips``, ``expression`` or ``head``.
        data: folder that ``prepare`` wrote.
        frames: of a batch.
        encoder: whose speech features are taken; by default those that ``prepare`` made last.
        start: ``model`` folder of an earlier run to begin with, normalisation included.
    Returns:
        Validation losses.
    Raises:
        InputError: there are no such clips or features, or ``start`` models another part.
    """
    keep_sound(data)
    clips = motion_clips(data, encoder, variants=False)
    training, validation = clips_with_prosody(clips.training), clips_with_prosody(clips.validation)
    source = MotionBatches(training, frames=frames, long_share=LONG_SHARE[part], styles=Styles(training))
    if start is None:
        network = MotionTransformer(part, speech_dim=clips.training[0].features.shape[-1])
        drawn = sample_batches(source, 20)
        motion = torch.cat([motion_of(part, batch).flatten(0, 1) for batch in drawn])
        identity = torch.cat([batch["identity"] for batch in drawn])
        least = 1e-3 if part == "head" else 5e-3
        network.motion_std.copy_(motion.std(0).clamp_min(least))
        network.identity_mean.copy_(identity.mean(0))
        network.identity_std.copy_(identity.std(0).clamp_min(1e-2))
        styles = torch.cat([batch["style"][batch["styled"]] for batch in drawn])
        if len(styles) > 1:
            network.style_mean.copy_(styles.mean(0))
            network.style_std.copy_(styles.std(0).clamp_min(1e-2))
    else:
        network = MotionTransformer.from_pretrained(start)
        if network.config["part"] != part:
            raise InputError(f"{start} models the {network.config['part']}, not the {part}; name another run.")
    held_out = MotionBatches(
        validation,
        network.config["window"],
        frames,
        long_share=LONG_SHARE[part],
        mirror=False,
        styles=Styles(validation),
    )
    return fit(network, PartObjective(network), source, held_out, config)
