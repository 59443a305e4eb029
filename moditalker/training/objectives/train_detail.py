"""``train detail``: how much detail drawn mouths lack."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import nn

from moditalker.atom.schedulers import mtov_scheduler
from moditalker.face.geometry import FaceFrame
from moditalker.metrics.face_crops import CROP
from moditalker.metrics.perceptual import PerceptualLoss
from moditalker.mtov.autoencoder import MOUTH_WINDOW, TriplaneAutoencoder
from moditalker.mtov.block_sampling import BLOCK, BlockSampler, encode_face
from moditalker.mtov.conditions import block_conditions
from moditalker.mtov.denoiser import MotionToVideo
from moditalker.mtov.detail import DetailGains, mouth_parts, mouth_statistics
from moditalker.mtov.flow import FlowRefiner
from moditalker.training.data.batch_source import Batch
from moditalker.training.data.block_batches import varied
from moditalker.training.data.clips import PreparedClip, load_clips, speaker_weights
from moditalker.training.loop import TrainingConfig, fit
from moditalker.training.objectives.train_mtov import WARP_START

_STEPS = 2
"""Of denoising, as at run time."""
_MEASURED = 12
"""Batches that the statistics' means and deviations are taken from."""


class DetailBatches:
    """Mouths as MToV draws them at run time, with a portrait from another moment of the same clip, and the real ones.

    Args:
        clips: of one split; those shorter than a block are passed over.
        autoencoder, denoiser, refiner: MToV's networks; they stay as they are.
        count: of clips in a batch.
        frames: kept of each one's block, most of what a block costs is the same for one.
        vary: see ``BlockBatches``.
    """

    def __init__(
        self,
        clips: list[PreparedClip],
        autoencoder: TriplaneAutoencoder,
        denoiser: MotionToVideo,
        refiner: FlowRefiner | None,
        count: int = 4,
        frames: int = 6,
        vary: bool = False,
    ) -> None:
        self.clips = [clip for clip in clips if len(clip) >= BLOCK]
        self.autoencoder, self.denoiser, self.refiner = autoencoder, denoiser, refiner
        self.count, self.frames, self.vary = count, frames, vary
        self._weights = speaker_weights(self.clips)

    def __call__(self, rng: np.random.Generator) -> Batch:
        """A batch of N = ``count`` x ``frames`` mouths.

        Returns:
            ``generated``, ``warped``, ``portrait`` and ``real`` (N, 3, 64, 96) float32, 0 to 255; ``landmark_map``
            (N, 3, 64, 96) float32, 0 to 1.
        """
        chosen = rng.choice(len(self.clips), self.count, p=self._weights)
        items = [self._item(self.clips[i], rng) for i in chosen]
        return {key: torch.cat([item[key] for item in items]) for key in items[0]}

    def _item(self, clip: PreparedClip, rng: np.random.Generator) -> Batch:
        start = int(rng.integers(len(clip) - BLOCK + 1))
        taken = np.array([*range(start, start + BLOCK), rng.integers(len(clip))])
        faces, matrices, landmarks = clip.faces(taken), clip.matrices[taken], clip.landmarks[taken]
        if self.vary:
            faces, matrices, landmarks = varied(faces, matrices, landmarks, rng)
        face = replace(encode_face(self.autoencoder, faces[BLOCK], landmarks[BLOCK]), matrix=matrices[BLOCK])
        sampler = BlockSampler(
            self.autoencoder,
            self.denoiser,
            mtov_scheduler(),
            face,
            steps=_STEPS,
            start=WARP_START,
            generator=torch.Generator().manual_seed(int(rng.integers(2**31))),
            refiner=self.refiner,
            mouth_only=True,
        )
        kept = np.sort(rng.permutation(BLOCK)[: self.frames])
        frame = FaceFrame(face.landmarks)
        motion = frame.motion(landmarks[:BLOCK], matrices[:BLOCK])
        delta = torch.from_numpy(next(iter(sampler(motion))).delta[kept])
        given = block_conditions(face.aligned, frame, face.matrix, motion[kept], self.refiner)
        warped = given["warped"].transpose(0, 1).float()
        whole = {
            "generated": (warped + delta).clamp(0, 255),
            "warped": warped,
            "landmark_map": given["landmark_map"].transpose(0, 1).float() / 255,
            "portrait": face.aligned.expand_as(warped),
            "real": torch.from_numpy(faces[kept]).permute(0, 3, 1, 2).float(),
        }
        seen = {key: MOUTH_WINDOW.cut(value) for key, value in whole.items()}
        return {key: value.flip(-1) for key, value in seen.items()} if rng.random() < 0.5 else seen


class DetailObjective(nn.Module):
    """LPIPS of drawn mouths, as published.

    Args:
        gains: trained.
    """

    def __init__(self, gains: DetailGains) -> None:
        super().__init__()
        self.gains = gains
        self.perceptual = PerceptualLoss(as_published=True)

    def forward(self, batch: Batch) -> dict[str, torch.Tensor]:
        generated, real = batch["generated"], batch["real"]
        changed = generated + self.gains(generated, batch["warped"], batch["landmark_map"], batch["portrait"])
        room = generated.shape[-1] - CROP
        left = int(torch.randint(room // 4, room * 3 // 4 + 1, ())) if self.training else room // 2

        def compared(pictures: torch.Tensor) -> torch.Tensor:
            # What comes out is rounded, and flat skin is not indifferent to that.
            shown = pictures + (pictures.clamp(0, 255).round() - pictures).detach()
            unit = shown[..., left : left + CROP] / 127.5 - 1
            wanted = real[..., left : left + CROP] / 127.5 - 1
            return self.perceptual(unit, wanted).mean()

        losses = {"loss": compared(changed)}
        with torch.no_grad():
            return losses | {"lpips_before": compared(generated)}


def train_detail(
    data: Path, autoencoder: Path, denoiser: Path, flow: Path | None, config: TrainingConfig, count: int = 4
) -> dict[str, float]:
    """Train the gains on prepared clips.

    Args:
        data: folder that ``prepare`` wrote.
        autoencoder, denoiser, flow: model folders of MToV's networks.
        count: of clips in a batch, see ``DetailBatches``.
    Returns:
        Validation losses.
    """
    networks = (
        TriplaneAutoencoder.from_pretrained(autoencoder).eval(),
        MotionToVideo.from_pretrained(denoiser).eval(),
        FlowRefiner.from_pretrained(flow).eval() if flow else None,
    )
    training = DetailBatches(load_clips(data, "train"), *networks, count, vary=True)
    gains = DetailGains()
    measure_statistics(gains, training)
    validation = DetailBatches(load_clips(data, "val"), *networks, count)
    return fit(gains, DetailObjective(gains), training, validation, config)


@torch.inference_mode()
def measure_statistics(gains: DetailGains, source: DetailBatches, batches: int = _MEASURED) -> None:
    """Set ``mean`` and ``scale`` from drawn mouths."""
    rows = []
    for index in range(batches):
        batch = source(np.random.default_rng((98, index)))
        parts = mouth_parts(batch["landmark_map"])
        rows.append(mouth_statistics(batch["generated"], batch["warped"], parts, batch["portrait"]))
    statistics = torch.cat(rows)
    gains.mean.copy_(statistics.mean(0))
    gains.scale.copy_(statistics.std(0).clamp_min(1e-2))
