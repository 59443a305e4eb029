"""``train autoencoder``: the tri-plane autoencoder of MToV, with decoding against the warp."""

from pathlib import Path

import numpy as np
import torch
from torch import nn

from moditalker.face.geometry import transform_points
from moditalker.face.layout import mouth_opening
from moditalker.mtov.autoencoder import TriplaneAutoencoder, overlay, to_unit
from moditalker.mtov.interior import skin_brightness, unroll
from moditalker.training.data import BlockBatches, PreparedClip, load_clips
from moditalker.training.loop import Batch, TrainingConfig, fit
from moditalker.training.perceptual import PerceptualLoss

MOUTH_CENTRE, EYES_CENTRE = (64, 88), (64, 44)
"""x and y of the mouth and of the eyes in the aligned face, pixels."""
CROP = 64
_BRIGHTEST = 0.4
"""Of a mouth's inside, in shares of the skin's brightness."""


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


def perceptual_crops(video: torch.Tensor, centre: tuple[int, int], shift: tuple[int, int]) -> torch.Tensor:
    """(B, 3, n, 128, 128) -> (B n, 3, 64, 64) around a centre moved by ``shift``."""
    x = min(max(centre[0] + shift[0] - CROP // 2, 0), video.shape[-1] - CROP)
    y = min(max(centre[1] + shift[1] - CROP // 2, 0), video.shape[-2] - CROP)
    return video[..., y : y + CROP, x : x + CROP].transpose(1, 2).flatten(0, 1)


class PictureLoss(nn.Module):
    """Weighted L1 and LPIPS of generated frames; shared by the autoencoder and the denoiser.

    Args:
        perceptual_weight: of LPIPS at the mouth; half of it elsewhere.
    """

    def __init__(self, perceptual_weight: float) -> None:
        super().__init__()
        self.perceptual = PerceptualLoss(softened=True)
        self.perceptual_weight = perceptual_weight

    def forward(self, generated: torch.Tensor, real: torch.Tensor, visible: torch.Tensor) -> dict[str, torch.Tensor]:
        """(B, 3, n, H, W) in [-1, 1] twice and (B, 1, n, H, W) -> the losses ``picture``, ``l1`` and ``lpips``."""
        l1 = ((generated - real).abs() * face_weight(visible)).mean()
        jitter = (int(torch.randint(-6, 7, ()).item()), int(torch.randint(-6, 7, ()).item()))
        far = (int(torch.randint(-32, 33, ()).item()), int(torch.randint(-12, 13, ()).item()))
        mouth = self.perceptual(
            perceptual_crops(generated, MOUTH_CENTRE, jitter), perceptual_crops(real, MOUTH_CENTRE, jitter)
        ).mean()
        few = slice(None, None, 3)  # the upper face changes little; every third frame is enough
        eyes = self.perceptual(
            perceptual_crops(generated[:, :, few], EYES_CENTRE, far),
            perceptual_crops(real[:, :, few], EYES_CENTRE, far),
        ).mean()
        picture = 2 * l1 + self.perceptual_weight * (mouth + 0.5 * eyes)
        return {"picture": picture, "l1": l1, "lpips": mouth, "lpips_eyes": eyes}


class AutoencoderObjective(nn.Module):
    """L1 and LPIPS of the overlaid frames.

    In half of the blocks the warp's lower face is hidden, from the decoder and from under its mask: what is there must
    come through the planes. Left alone, the decoder makes do with the warp and the planes stay empty, and then there is
    nothing to denoise. In the other half the planes are disturbed, and sometimes left out: at run time they come from a
    denoiser that is never quite right, and the decoder must not fall apart over it.
    """

    def __init__(self, autoencoder: TriplaneAutoencoder, perceptual_weight: float) -> None:
        super().__init__()
        self.autoencoder = autoencoder
        self.picture = PictureLoss(perceptual_weight)

    def forward(self, batch: Batch) -> dict[str, torch.Tensor]:
        video, warped = to_unit(batch["video"]), to_unit(batch["warped"])
        frames, blocks = batch["frames"], len(batch["video"])
        planes = self.autoencoder.encode(video)
        seen = warped
        if self.training:
            draw = torch.rand(3, blocks, 1, 1, 1, 1, device=planes.device)
            hidden = draw[0] < 0.5
            seen = torch.where(hidden & (batch["visible"] == 0), torch.zeros_like(warped), warped)
            disturbed = planes + 0.5 * draw[1] * planes.detach().std() * torch.randn_like(planes)
            disturbed = torch.where(draw[2] < 0.15, torch.zeros_like(planes), disturbed)
            planes = torch.where(hidden, planes, disturbed)
        colour, mask = self.autoencoder.decode(planes, seen, batch["drawn"].float() / 255, frames)
        generated = overlay(colour, mask, seen)
        real = video.gather(2, frames[:, None, :, None, None].expand(-1, 3, -1, *video.shape[-2:]))
        losses = self.picture(generated, real, batch["visible"])
        with torch.no_grad():
            losses["l1_warp"] = ((warped - real).abs() * face_weight(batch["visible"])).mean()
            losses["mask"] = mask.mean()
        return {"loss": losses["picture"], **losses}


def train_autoencoder(
    data: Path, config: TrainingConfig, blocks: int = 4, frames: int = 6, perceptual_weight: float = 1.0
) -> dict[str, float]:
    """Train the autoencoder on prepared clips, then measure the planes' statistics.

    Args:
        data: folder that ``prepare`` wrote.
        blocks: of a batch, each 16 frames long.
        frames: decoded of each block.
    Returns:
        Validation losses.
    """
    training, validation = load_clips(data, "train"), load_clips(data, "val")
    autoencoder = TriplaneAutoencoder()
    objective = AutoencoderObjective(autoencoder, perceptual_weight)

    def measure(folder: Path) -> None:
        averaged = TriplaneAutoencoder.from_pretrained(folder)
        measure_planes(averaged, BlockBatches(training, blocks, 1))
        measure_interior(averaged, training)
        averaged.save_pretrained(folder)

    return fit(
        autoencoder,
        objective,
        BlockBatches(training, blocks, frames),
        BlockBatches(validation, blocks, frames),
        config,
        measure,
    )


def measure_interior(autoencoder: TriplaneAutoencoder, clips: list[PreparedClip], wide: float = 0.12) -> None:
    """Set ``mouth_interior``: the mean over speakers of the widest open mouths, in shares of each one's skin.

    Args:
        clips: of the training split.
        wide: mouths open further than this are taken, inter-ocular distances.
    """
    by_speaker: dict[str, list[np.ndarray]] = {}
    for clip in clips:
        widest = int(mouth_opening(clip.landmarks).argmax())
        if mouth_opening(clip.landmarks[widest]) < wide:
            continue
        face = clip.faces(slice(widest, widest + 1))[0]
        points = transform_points(clip.matrices[widest], clip.landmarks[widest])
        share = unroll(face, points) / np.maximum(skin_brightness(face, points), 20)
        by_speaker.setdefault(clip.speaker, []).append(share.clip(0, 1.5))
    if by_speaker:
        mean = np.mean([np.mean(shares, 0) for shares in by_speaker.values()], 0)
        # The tracker's lower lip lies a little low: what is brighter than a mouth's inside is lip.
        mean *= np.minimum(1, _BRIGHTEST / mean.mean(-1, keepdims=True))
        autoencoder.mouth_interior.copy_(torch.from_numpy(mean.transpose(2, 0, 1)))


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
