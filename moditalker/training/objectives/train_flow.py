"""``train flow``: how hair, neck and clothes go along, beyond what the spline of the warp knows."""

from pathlib import Path

import cv2
import numpy as np
import torch
from torch import nn

from moditalker.face.geometry import FaceFrame
from moditalker.face.person import PersonSegmenter
from moditalker.metrics.perceptual import PerceptualLoss
from moditalker.mtov.autoencoder import to_unit
from moditalker.mtov.conditions import STEPS_A_PIXEL, block_conditions
from moditalker.mtov.flow import CELLS, FlowRefiner, displaced
from moditalker.render.grid import sample
from moditalker.training.data.batch_source import Batch
from moditalker.training.data.block_batches import varied
from moditalker.training.data.clips import PreparedClip, load_clips, speaker_weights
from moditalker.training.loop import TrainingConfig, fit

_FARTHEST = 6.0
"""Pixels; what is farther off was not found again, and counts no more than that."""
_SMOOTH = 3.0
"""Deviation of the Gaussian that optical flow is smoothed with, pixels."""
_GREY = 128.0
_BEHIND = 0.02
"""What a cell without a person in it counts: what stands behind people stays where it is, see ``render.background``."""


class FlowBatches:
    """Frames from anywhere in a clip, warped from a portrait of the same clip, and the optical flow to the real frame.

    The flow is dense inverse search: T. Kroeger et al., "Fast optical flow using dense inverse search" (ECCV 2016),
    between people before an even grey, so that what is behind them draws at nothing. A shoulder is off by much the
    same in neighbouring frames, so a batch has to hold many clips.

    Args:
        clips: of one split.
        count: of clips in a batch.
        vary: see ``BlockBatches``.
    """

    def __init__(self, clips: list[PreparedClip], count: int = 32, vary: bool = False) -> None:
        self.clips, self.count, self.vary = clips, count, vary
        self._weights = speaker_weights(clips)
        self._segmenter: PersonSegmenter | None = None

    def __call__(self, rng: np.random.Generator) -> Batch:
        """A batch of N = 2 x ``count`` frames.

        Returns:
            ``real``, ``warped`` and ``landmark_map`` (N, 3, 128, 128) uint8, ``displacement`` (N, 2, 128, 128) float32
            pixels, ``loose`` (N, 1, 32, 32), ``apart`` (N, 2, 32, 32) float32 pixels, what ``FlowRefiner`` should
            answer, and ``person`` (N, 1, 32, 32), how much that counts.
        """
        chosen = rng.choice(len(self.clips), self.count, p=self._weights)
        items = [self._item(self.clips[i], rng) for i in chosen]
        return {key: torch.cat([item[key] for item in items]) for key in items[0]}

    def _item(self, clip: PreparedClip, rng: np.random.Generator) -> Batch:
        drawn = rng.integers(len(clip), size=3)
        faces, matrices, landmarks = clip.faces(drawn), clip.matrices[drawn], clip.landmarks[drawn]
        if self.vary:
            faces, matrices, landmarks = varied(faces, matrices, landmarks, rng)
        pictures = torch.from_numpy(faces).permute(0, 3, 1, 2)
        frame = FaceFrame(landmarks[2])
        motion = frame.motion(landmarks[:2], matrices[:2])
        given = block_conditions(pictures[2].float(), frame, matrices[2], motion)
        seen = {key: given[key].transpose(0, 1) for key in ("warped", "landmark_map", "displacement", "loose")}
        seen["displacement"] = seen["displacement"].float() / STEPS_A_PIXEL
        seen["real"] = pictures[:2]
        alone, persons = zip(*map(self._alone, faces), strict=True)
        warped = sample(torch.from_numpy(alone[2])[None, None], seen["displacement"].permute(0, 2, 3, 1))[:, 0]
        found = [_optical_flow(*pair) for pair in zip(alone, persons, warped.numpy(), strict=False)]
        seen["apart"], seen["person"] = (torch.from_numpy(np.stack(each)) for each in zip(*found, strict=True))
        if rng.random() < 0.5:
            seen = {key: value.flip(-1) for key, value in seen.items()}
            seen["displacement"][:, 0].neg_()
            seen["apart"][:, 0].neg_()
        return seen

    def _alone(self, picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(128, 128, 3) uint8 -> the person before an even grey, and where that person is; (128, 128) float32 both."""
        if self._segmenter is None:
            self._segmenter = PersonSegmenter()
        person = self._segmenter(picture)
        return person * cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY) + (1 - person) * _GREY, person


def _optical_flow(real: np.ndarray, person: np.ndarray, warped: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where each pixel of a real person lies in the warp.

    Args:
        real, warped: (128, 128) the person before an even grey, 0 to 255.
        person: (128, 128) where that is in ``real``, 0 to 1.
    Returns:
        (2, 32, 32) pixels, of the nearest part of the person where there is none, and (1, 32, 32) how much of the
        person is near, 0 to 1; float32.
    """
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    flow = search.calc(real.round().astype(np.uint8), warped.round().astype(np.uint8), None)  # type: ignore[call-overload]
    near = cv2.GaussianBlur(person, (0, 0), _SMOOTH)
    smooth = cv2.GaussianBlur(flow * person[..., None], (0, 0), _SMOOTH) / (near + 1e-3)[..., None]
    cells = [cv2.resize(each, (CELLS, CELLS), interpolation=cv2.INTER_AREA) for each in (smooth, near)]
    return np.ascontiguousarray(cells[0].transpose(2, 0, 1)), cells[1][None]


class FlowObjective(nn.Module):
    """Distance from the optical flow. LPIPS is measured, and is not minimised.

    A picture that is shifted by half a pixel is a little blurred, which LPIPS may hold against every small motion.

    Args:
        refiner: trained.
        few: how many frames of a batch are drawn in a validation.
    """

    def __init__(self, refiner: FlowRefiner, few: int = 8) -> None:
        super().__init__()
        self.refiner, self.few = refiner, few
        self.perceptual = PerceptualLoss(as_published=True)

    def forward(self, batch: Batch) -> dict[str, torch.Tensor]:
        warped = to_unit(batch["warped"])
        shift = self.refiner(warped, batch["landmark_map"].float() / 255, batch["displacement"], batch["loose"])
        wanted = batch["apart"] * batch["loose"]
        counts = _BEHIND + batch["person"]
        counts = counts / counts.mean()
        flow = ((shift - wanted).abs().clamp(max=_FARTHEST) * counts).mean()
        losses = {"loss": flow, "flow_warp": (wanted.abs().clamp(max=_FARTHEST) * counts).mean()}
        if not self.training:
            given, real = warped[: self.few], to_unit(batch["real"][: self.few])
            losses["lpips"] = self.perceptual(displaced(given, shift[: self.few], "bicubic"), real).mean()
            losses["lpips_warp"] = self.perceptual(given, real).mean()
        return losses


def train_flow(data: Path, config: TrainingConfig, count: int = 32, start: Path | None = None) -> dict[str, float]:
    """Train the flow's network on prepared clips.

    Args:
        data: folder that ``prepare`` wrote.
        count: of clips in a batch, see ``FlowBatches``.
        start: ``model`` folder of an earlier run to go on from.
    Returns:
        Validation losses.
    """
    refiner = FlowRefiner.from_pretrained(start) if start else FlowRefiner()
    return fit(
        refiner,
        FlowObjective(refiner),
        FlowBatches(load_clips(data, "train"), count, vary=True),
        FlowBatches(load_clips(data, "val"), count),
        config,
    )
