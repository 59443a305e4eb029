"""``train regression``: AToM's network without its diffusion, one look at the speech and one answer.

What a network that minimises a squared error gives is the mean of all motions that the speech allows. Beside AToM, of
the same size, on the same batches and by the same losses, it shows what drawing a motion instead is worth.
"""

from pathlib import Path

import torch

from moditalker.atom.blinks import LID_POINTS
from moditalker.atom.model import AudioToMotion
from moditalker.atom.regression import answer
from moditalker.training.data.batch_source import Batch
from moditalker.training.data.clips import encoder_of, load_clips
from moditalker.training.data.motion_batches import MotionBatches
from moditalker.training.data.silent_clips import silence_features
from moditalker.training.loop import TrainingConfig, fit
from moditalker.training.objectives.train_atom import IDENTITY_NOISE, AtomObjective, measure_motion, openings


class RegressionObjective(AtomObjective):
    """AToM's losses on a prediction that starts from nothing in place of noise; speech is never left out.

    Clips whose sound is not known to fit the picture are trained without their speech, as in AToM's training.
    """

    def forward(self, batch: Batch) -> dict[str, torch.Tensor]:
        clean = self.atom.normalise(batch["residual"])
        clean[:, :, LID_POINTS] = 0
        identity = batch["identity"]
        if self.training:
            identity = identity + IDENTITY_NOISE * self.atom.identity_std * torch.randn_like(identity)
        tokens = self.atom.encode_speech(self._augmented(batch["speech"]))
        tokens = torch.where(batch["synchronised"][:, None, None], tokens, self.atom.without_speech(tokens))
        predicted = answer(self.atom, identity, tokens)
        position = (predicted - clean).square().mean()
        velocity = (predicted.diff(dim=1) - clean.diff(dim=1)).square().mean()
        opening = (openings(predicted, self.atom) - openings(clean, self.atom)).square().mean()
        loss = position + self.velocity_weight * velocity + self.opening_weight * opening
        losses = {"loss": loss, "position": position, "velocity": velocity, "opening": opening}
        if not self.training:
            losses.update(self._correlation(batch, tokens))
        return losses


def train_regression(
    data: Path, config: TrainingConfig, frames: int = 1536, encoder: str | None = None
) -> dict[str, float]:
    """Train the regression talker on prepared clips.

    Args:
        data: folder that ``prepare`` wrote.
        frames: of a batch.
        encoder: whose speech features are taken; by default those that ``prepare`` made last.
    Returns:
        Validation losses, and the correlations of the predicted mouth opening and width with the real ones.
    Raises:
        InputError: there are no such clips or features.
    """
    encoder = encoder or encoder_of(data)
    training = load_clips(data, "train", encoder=encoder, variants=True)
    validation = load_clips(data, "val", encoder=encoder)
    source = MotionBatches(training, frames=frames, silence=silence_features(data, encoder))
    network = AudioToMotion(speech_dim=training[0].features.shape[-1], speech_encoder=encoder)
    measure_motion(network, source)
    source.window = network.config["window"]
    held_out = MotionBatches(validation, network.config["window"], frames, mirror=False)
    return fit(network, RegressionObjective(network), source, held_out, config)
