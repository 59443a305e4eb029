"""``train mtov``: the denoiser over the tri-planes of a trained autoencoder."""

from pathlib import Path

import torch
from diffusers.utils import SAFETENSORS_WEIGHTS_NAME
from safetensors.torch import load_file
from torch import nn

from moditalker.atom.schedulers import mtov_scheduler
from moditalker.mtov.autoencoder import MOUTH_WINDOW, TriplaneAutoencoder, to_unit
from moditalker.mtov.block_sampling import TEMPERATURE
from moditalker.mtov.conditions import guides
from moditalker.mtov.denoiser import MotionToVideo
from moditalker.mtov.flow import FlowRefiner
from moditalker.training.data.batch_source import Batch
from moditalker.training.data.block_batches import BlockBatches
from moditalker.training.data.clips import load_clips
from moditalker.training.loop import TrainingConfig, fit
from moditalker.training.losses.lips import LipsLoss
from moditalker.training.losses.sync_loss import SyncLoss
from moditalker.training.objectives.train_autoencoder import LIPS_WEIGHT, OPENING_WEIGHT, PictureLoss, face_part

WARP_START = 0.25
"""Share of the noise schedule up to which a run may start from the warped portrait's planes."""
SYNC_WEIGHT = 6.0
"""See ``SyncLoss``."""


class MtovObjective(nn.Module):
    """Squared error of the clean planes, and of what the decoder makes of them in a few frames.

    In a third of the blocks the noised planes are the warped portrait's instead of the real video's, as at run time,
    where denoising may start from them; the target is the real video's all the same. Most of the others are noised no
    further than that either: little else is needed at run time. A validation is all as at run time.

    The encoder stays as it is, so the planes do too; the decoder goes on learning, from planes as the denoiser makes
    them. What a denoiser that learns alone makes is not drawn: its loss is the planes', mostly from the warp's with as
    little noise as at run time.

    Args:
        denoiser: trained.
        autoencoder: its decoder is trained.
        perceptual_weight: see ``PictureLoss``.
        picture_weight: of the decoded frames' loss.
        frames: of each block, one after the other, that are decoded at the mouth.
        few: of these, a part of whose face is decoded as well.
        denoiser_only: the decoder stays as it is, and draws in validations only.
    """

    def __init__(
        self,
        denoiser: MotionToVideo,
        autoencoder: TriplaneAutoencoder,
        perceptual_weight: float = 5.0,
        picture_weight: float = 2.0,
        frames: int = 8,
        few: int = 3,
        denoiser_only: bool = False,
    ) -> None:
        super().__init__()
        self.denoiser = denoiser
        self.autoencoder = autoencoder
        self.autoencoder.encoder.requires_grad_(False)
        self.autoencoder.decoder.requires_grad_(not denoiser_only)
        self.denoiser_only = denoiser_only
        self.picture = PictureLoss(perceptual_weight)
        self.lips = LipsLoss()
        self.speaking = SyncLoss()
        self.scheduler = mtov_scheduler()
        self.picture_weight, self.frames, self.few = picture_weight, frames, few

    def forward(self, batch: Batch) -> dict[str, torch.Tensor]:
        video, warped = to_unit(batch["video"]), to_unit(batch["warped"])
        visible, conditioning = batch["visible"], guides(batch["landmark_map"], batch["displacement"])
        blocks = len(video)
        with torch.no_grad():
            clean = self.autoencoder.encode(video)
            pose = self.autoencoder.encode(torch.where(visible.bool(), warped, torch.zeros_like(warped)))
            identity = self.autoencoder.encode_still(to_unit(batch["portrait"]))
            noisy, steps = self._noised(clean, self.autoencoder.encode(warped))
        marks = self.denoiser.encode_landmarks(conditioning[:, :3])
        predicted = self.denoiser(noisy, steps, identity, pose, marks)
        planes = (predicted - clean).square().mean()
        if self.denoiser_only and self.training:
            return {"loss": planes, "planes_start": (noisy - clean).square().mean()}
        first = torch.randint(0, video.shape[2] - self.frames + 1, (blocks, 1), device=video.device)
        chosen = first + torch.arange(self.frames, device=video.device)
        real, warp, marked, seen = (_frames(value, chosen) for value in (video, warped, conditioning, visible))
        few, part = slice(None, self.few), face_part(video.shape[-1])
        decode = self.autoencoder.decode
        mouth = decode(predicted, warp, marked, chosen, MOUTH_WINDOW)
        face = decode(predicted, warp[:, :, few], marked[:, :, few], chosen[:, few], part)
        losses = self.picture(mouth, face, part, real, seen)
        losses |= self.lips(mouth, real)
        losses["speaking"] = self.speaking(mouth, real)
        lips = LIPS_WEIGHT * losses["lips"] + OPENING_WEIGHT * losses["opening"]
        drawn_loss = losses["picture"] + lips + SYNC_WEIGHT * losses["speaking"]
        return {"loss": planes + self.picture_weight * drawn_loss, "planes": planes, **losses}

    def _noised(self, clean: torch.Tensor, warped: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Planes (B, C, 3, 16, 16) of the real video and of the warp -> noisy ones and their timesteps (B,)."""
        noise, blocks = torch.randn_like(clean), len(clean)
        length = self.scheduler.config["num_train_timesteps"]
        limit = int(WARP_START * length)
        if not self.training:  # as at run time
            steps = torch.full((blocks,), limit - 1, device=clean.device)
            return self.scheduler.add_noise(warped, TEMPERATURE * noise, steps), steps
        draw = torch.rand(2, blocks, device=clean.device)
        from_warp = draw[0] < (0.67 if self.denoiser_only else 0.33)
        steps = torch.randint(0, length, (blocks,), device=clean.device)
        steps = torch.where(from_warp | (draw[1] < 0.6), steps % limit, steps)
        base = torch.where(from_warp[:, None, None, None, None], warped, clean)
        if self.denoiser_only:
            little = from_warp & (draw[0] < 0.5)
            noise = torch.where(little[:, None, None, None, None], TEMPERATURE * noise, noise)
        return self.scheduler.add_noise(base, noise, steps), steps


def _frames(video: torch.Tensor, chosen: torch.Tensor) -> torch.Tensor:
    """(B, C, 16, H, W) and (B, n) -> (B, C, n, H, W)."""
    index = chosen[:, None, :, None, None].expand(-1, video.shape[1], -1, *video.shape[-2:])
    return video.gather(2, index)


def load_widened(folder: Path) -> TriplaneAutoencoder:
    """A trained autoencoder, also one whose decoder had fewer inputs: what is new to it has no weight at first."""
    trained, _ = TriplaneAutoencoder.from_pretrained(
        folder, ignore_mismatched_sizes=True, low_cpu_mem_usage=False, output_loading_info=True
    )
    known = load_file(folder / SAFETENSORS_WEIGHTS_NAME)["decoder.stem.weight"]
    with torch.no_grad():
        trained.decoder.stem.weight.zero_()
        trained.decoder.stem.weight[:, : known.shape[1]] = known
    return trained


def train_mtov(
    data: Path,
    autoencoder: Path,
    config: TrainingConfig,
    blocks: int = 4,
    start: Path | None = None,
    perceptual_weight: float = 5.0,
    decoder_only: bool = False,
    denoiser_only: bool = False,
    flow: Path | None = None,
) -> dict[str, float]:
    """Train the denoiser on prepared clips, and the decoder with it.

    Args:
        data: folder that ``prepare`` wrote.
        autoencoder: folder of a trained ``TriplaneAutoencoder``, see ``load_widened``; what becomes of it is saved as
            ``autoencoder`` beside the denoiser's ``model``.
        blocks: of a batch.
        start: folder of a denoiser to go on from.
        perceptual_weight: see ``PictureLoss``.
        decoder_only: leave the denoiser as it is.
        denoiser_only: leave the decoder as it is.
        flow: folder of a trained ``FlowRefiner``, so that the decoder sees the warp as at run time.
    Returns:
        Validation losses.
    """
    trained = load_widened(autoencoder)
    denoiser = MotionToVideo(latent_channels=trained.config["latent_channels"])
    if start is not None:
        denoiser = MotionToVideo.from_pretrained(start)
    denoiser.requires_grad_(not decoder_only)
    refiner = FlowRefiner.from_pretrained(flow).eval() if flow else None
    return fit(
        denoiser,
        MtovObjective(denoiser, trained, perceptual_weight, denoiser_only=denoiser_only),
        BlockBatches(load_clips(data, "train"), blocks, vary=True, refiner=refiner),
        BlockBatches(load_clips(data, "val"), blocks, refiner=refiner),
        config,
        companions={} if denoiser_only else {"autoencoder": trained},
    )
