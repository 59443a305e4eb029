"""``train autoencoder``: the tri-plane autoencoder of MToV, with decoding against the warp."""

from pathlib import Path

import numpy as np
import torch
from torch import nn

from moditalker.metrics.face_crops import perceptual_crops
from moditalker.metrics.perceptual import PerceptualLoss
from moditalker.mtov.autoencoder import MOUTH_WINDOW, TriplaneAutoencoder, Window, to_unit
from moditalker.mtov.conditions import guides
from moditalker.training.data.batch_source import Batch
from moditalker.training.data.block_batches import BlockBatches
from moditalker.training.data.clips import load_clips
from moditalker.training.loop import TrainingConfig, fit
from moditalker.training.losses.lips import LipsLoss

FACE_PART = 96
"""Side of the part of the face, another one in every batch, that is compared as a whole; pixels."""
LIPS_WEIGHT, OPENING_WEIGHT = 0.6, 0.9
"""Of the distance between lips read in generated and in real frames, and between their openings, a pixel."""


def face_weight(visible: torch.Tensor) -> torch.Tensor:
    """How much each pixel counts: three times as much in the lower face, half as much in the outer eighth.

    Args:
        visible: (..., H, W), 0 over the lower face.
    """
    weight = 1 + 2 * (1 - visible.float())
    size = visible.shape[-1]
    border = torch.full((size, size), 0.5, device=visible.device)
    eighth = size // 8
    border[eighth // 2 : -(eighth // 2), eighth:-eighth] = 1
    return weight * border


def face_part(size: int) -> Window:
    """A part of the face, anywhere, as a window that the decoder can draw by itself."""
    top, left = (8 * int(torch.randint(0, (size - FACE_PART) // 8 + 1, ()).item()) for _ in range(2))
    return Window(top, left, FACE_PART, FACE_PART)


class PictureLoss(nn.Module):
    """Weighted L1, L2 and LPIPS of generated frames; shared by the autoencoder and the denoiser.

    LPIPS is the network as published: a cheaper one with a coarser first layer came down by a fifth while the measure
    itself, which sees finer grain, hardly moved.

    Args:
        perceptual_weight: of LPIPS.
    """

    def __init__(self, perceptual_weight: float) -> None:
        super().__init__()
        self.perceptual = PerceptualLoss(softened=0.25, as_published=True)
        self.perceptual_weight = perceptual_weight

    def forward(
        self, mouth: torch.Tensor, face: torch.Tensor, part: Window, real: torch.Tensor, visible: torch.Tensor
    ) -> dict[str, torch.Tensor]:
        """Compare windows around the mouth, and parts of a few faces.

        Args:
            mouth: (B, 3, n, h, w) generated, of ``MOUTH_WINDOW``, in [-1, 1].
            face: (B, 3, m, h', w') generated, of ``part``, the first m <= n frames.
            part: see ``face_part``.
            real: (B, 3, n, H, W).
            visible: (B, 1, n, H, W), see ``face_weight``.
        Returns:
            The losses ``picture`` and what it is made of.
        """
        weight, few = face_weight(visible), slice(None, face.shape[2])
        wanted, wanted_face = MOUTH_WINDOW.cut(real), part.cut(real[:, :, few])
        apart, mouth_weight = (mouth - wanted).abs(), MOUTH_WINDOW.cut(weight)
        l1, l2 = (apart * mouth_weight).mean(), (apart.square() * mouth_weight).mean()
        l1_face = ((face - wanted_face).abs() * part.cut(weight[:, :, few])).mean()
        half = slice(None, None, 2)
        middle = (mouth.shape[-1] // 2, mouth.shape[-2] // 2)
        jitter = (int(torch.randint(-12, 13, ()).item()), 0)
        lpips = self.perceptual(
            perceptual_crops(mouth[:, :, half], middle, jitter), perceptual_crops(wanted[:, :, half], middle, jitter)
        ).mean()
        lpips_face = self.perceptual(
            face.transpose(1, 2).flatten(0, 1), wanted_face.transpose(1, 2).flatten(0, 1)
        ).mean()
        picture = 2 * l1 + 4 * l2 + l1_face + self.perceptual_weight * (lpips + lpips_face)
        return {"picture": picture, "l1": l1, "l2": l2, "l1_face": l1_face, "lpips": lpips, "lpips_face": lpips_face}


class AutoencoderObjective(nn.Module):
    """L1 and LPIPS of the frames that are drawn over the warp.

    At first the planes are left out, and the decoder learns what warp and landmarks alone can tell. Then the encoder
    joins, and what the decoder still lacks comes through the planes. These are disturbed, and sometimes left out: at
    run time they come from a denoiser that is never quite right, and the decoder must not fall apart over it.

    Args:
        autoencoder: trained.
        perceptual_weight: see ``PictureLoss``.
        planes_after: steps after which the planes join.
        few: frames of each block of which another part of the face is drawn as well; of the others only the mouth's
            window.
    """

    steps: torch.Tensor

    def __init__(
        self, autoencoder: TriplaneAutoencoder, perceptual_weight: float, planes_after: int = 0, few: int = 1
    ) -> None:
        super().__init__()
        self.autoencoder = autoencoder
        self.picture = PictureLoss(perceptual_weight)
        self.lips = LipsLoss()
        self.planes_after, self.few = planes_after, few
        self.register_buffer("steps", torch.zeros((), dtype=torch.long))

    def forward(self, batch: Batch) -> dict[str, torch.Tensor]:
        video, warped = to_unit(batch["video"]), to_unit(batch["warped"])
        conditioning = guides(batch["landmark_map"], batch["displacement"])
        frames, visible = batch["frames"], batch["visible"]
        real = video.gather(2, frames[:, None, :, None, None].expand(-1, 3, -1, *video.shape[-2:]))
        planes = self._planes(video)
        few, part = slice(None, self.few), face_part(video.shape[-1])
        decode = self.autoencoder.decode
        mouth = decode(planes, warped, conditioning, frames, MOUTH_WINDOW)
        face = decode(planes, warped[:, :, few], conditioning[:, :, few], frames[:, few], part)
        losses = self.picture(mouth, face, part, real, visible)
        losses |= self.lips(mouth, real)
        with torch.no_grad():
            weight = MOUTH_WINDOW.cut(face_weight(visible))
            losses["l1_warp"] = (MOUTH_WINDOW.cut((warped - real).abs()) * weight).mean()
        lips = LIPS_WEIGHT * losses["lips"] + OPENING_WEIGHT * losses["opening"]
        return {"loss": losses["picture"] + lips, **losses}

    def _planes(self, video: torch.Tensor) -> torch.Tensor | None:
        if self.training:
            self.steps += 1
        if self.steps <= self.planes_after:
            return None
        planes = self.autoencoder.encode(video)
        if not self.training:
            return planes
        draw = torch.rand(2, len(planes), 1, 1, 1, 1, device=planes.device)
        disturbed = planes + 0.5 * draw[0] * planes.detach().std() * torch.randn_like(planes)
        return torch.where(draw[1] < 0.3, torch.zeros_like(planes), disturbed)


def train_autoencoder(
    data: Path,
    config: TrainingConfig,
    blocks: int = 4,
    frames: int = 6,
    perceptual_weight: float = 1.0,
    planes_after: int = 0,
    start: Path | None = None,
) -> dict[str, float]:
    """Train the autoencoder on prepared clips, then measure the planes' statistics.

    Args:
        data: folder that ``prepare`` wrote.
        blocks: of a batch, each 16 frames long.
        frames: decoded of each block.
        perceptual_weight, planes_after: see ``AutoencoderObjective``.
        start: folder of an autoencoder to go on from.
    Returns:
        Validation losses.
    """
    training, validation = load_clips(data, "train"), load_clips(data, "val")
    autoencoder = TriplaneAutoencoder.from_pretrained(start) if start else TriplaneAutoencoder()
    autoencoder.latent_mean.zero_()  # the planes' statistics are measured anew when they are saved
    autoencoder.latent_std.fill_(1)
    objective = AutoencoderObjective(autoencoder, perceptual_weight, planes_after)

    def measure(folder: Path) -> None:
        averaged = TriplaneAutoencoder.from_pretrained(folder)
        measure_planes(averaged, BlockBatches(training, blocks, 1))
        averaged.save_pretrained(folder)

    return fit(
        autoencoder,
        objective,
        BlockBatches(training, blocks, frames, vary=True),
        BlockBatches(validation, blocks, frames),
        config,
        measure,
    )


@torch.inference_mode()
def measure_planes(autoencoder: TriplaneAutoencoder, source: BlockBatches, batches: int = 24) -> None:
    """Set ``latent_mean`` and ``latent_std`` of an autoencoder from training blocks."""
    autoencoder.latent_mean.zero_()
    autoencoder.latent_std.fill_(1)
    planes = torch.cat(
        [autoencoder.encode(to_unit(source(np.random.default_rng((99, i)))["video"])) for i in range(batches)]
    )
    autoencoder.latent_mean.copy_(planes.mean((0, 3, 4)).unsqueeze(-1).unsqueeze(-1))
    autoencoder.latent_std.copy_(planes.std((0, 3, 4)).clamp_min(1e-3).unsqueeze(-1).unsqueeze(-1))
