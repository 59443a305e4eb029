"""``train renderer``: the network that draws the mouth at 256 pixels, on drawn people and on sharp clips."""

from pathlib import Path

import torch
from diffusers.utils import SAFETENSORS_WEIGHTS_NAME
from safetensors.torch import load_file
from torch import nn
from torch.nn import functional as F

from moditalker.metrics.perceptual import PerceptualLoss
from moditalker.mtov.autoencoder import Window, to_unit
from moditalker.mtov.mouth_renderer import WINDOW, MouthRenderer
from moditalker.training.data.batch_source import Batch
from moditalker.training.data.drafts import Drafts
from moditalker.training.data.view_pairs import ViewPairs
from moditalker.training.loop import TrainingConfig, fit
from moditalker.training.losses.lips import LipsLoss
from moditalker.training.objectives.train_autoencoder import LIPS_WEIGHT, OPENING_WEIGHT

HALF_WINDOW = Window(WINDOW.top // 2, WINDOW.left // 2, WINDOW.height // 2, WINDOW.width // 2)
"""The same in the aligned face of 128 pixels."""

_JITTER = 4
_INSIDE = 0.75
"""Landmark maps are brighter between the lips, and half as bright on them."""


class RendererObjective(nn.Module):
    """L1, L2 and LPIPS of drawn mouths, and where a face mesh sees their lips.

    Args:
        renderer: trained.
        perceptual_weight: of LPIPS.
        lips_weight: of the distance between lips as the face mesh sees them; 0 leaves it out, which is faster.
    """

    def __init__(self, renderer: MouthRenderer, perceptual_weight: float = 3.0, lips_weight: float = 0.0) -> None:
        super().__init__()
        self.renderer = renderer
        self.perceptual = PerceptualLoss(softened=0.25)
        self.lips = LipsLoss() if lips_weight else None
        self.perceptual_weight, self.lips_weight = perceptual_weight, lips_weight

    def forward(self, batch: Batch) -> dict[str, torch.Tensor]:
        count = batch["real"].shape[1]
        real, draft = to_unit(batch["real"]).flatten(0, 1), to_unit(batch["draft"]).flatten(0, 1)
        warped = to_unit(batch["warped"]).flatten(0, 1)
        marks = (batch["landmark_map"].float() / 255).flatten(0, 1)
        portrait = self.renderer.encode_portrait(to_unit(batch["portrait"]), batch["portrait_map"].float() / 255)
        portrait = type(portrait)(*(x.repeat_interleave(count, 0) for x in (portrait.quarter, portrait.eighth)))
        drawn = self.renderer(portrait, warped, draft, marks, batch["displacement"].flatten(0, 1))
        lips, inside = (marks[:, 2:] > 0).float(), (marks[:, 2:] > _INSIDE).float()
        weight = 1 + 2 * F.avg_pool2d(lips, 17, 1, 8) + 4 * F.avg_pool2d(inside, 5, 1, 2)
        apart = (drawn - real).abs() * weight
        losses = {"l1": apart.mean(), "l2": (apart * (drawn - real).abs()).mean()}
        # Looked at from another pixel every time: the network's strides have places that hardly count, and a picture
        # learns to be dotted there.
        down, right = torch.randint(0, _JITTER + 1, (2,)).tolist() if self.training else (0, 0)
        cut = (..., slice(down, down + WINDOW.height - _JITTER), slice(right, right + WINDOW.width - _JITTER))
        losses["lpips"] = self.perceptual(drawn[cut], real[cut]).mean()
        with torch.no_grad():
            losses["l1_warp"] = ((warped - real).abs() * weight).mean()
            if not self.training:
                losses["lpips_warp"] = self.perceptual(warped[cut], real[cut]).mean()
                losses["lpips_draft"] = self.perceptual(draft[cut], real[cut]).mean()
        loss = 2 * losses["l1"] + 4 * losses["l2"] + self.perceptual_weight * losses["lpips"]
        if self.lips is not None:
            small = F.avg_pool2d(drawn, 2).unflatten(0, (-1, count)).transpose(1, 2)
            losses |= self.lips(small, to_unit(batch["face"]).transpose(1, 2), HALF_WINDOW)
            loss = loss + self.lips_weight * (LIPS_WEIGHT * losses["lips"] + OPENING_WEIGHT * losses["opening"])
        return {"loss": loss, **losses}


def load_widened(folder: Path) -> MouthRenderer:
    """A trained renderer, also one that knew no drafts: what is new to it has no weight at first."""
    trained, _ = MouthRenderer.from_pretrained(
        folder, ignore_mismatched_sizes=True, low_cpu_mem_usage=False, output_loading_info=True
    )
    known = load_file(folder / SAFETENSORS_WEIGHTS_NAME)
    with torch.no_grad():
        for name, parameter in trained.named_parameters():
            if parameter.shape != known[name].shape:
                parameter.zero_()
                parameter[tuple(slice(size) for size in known[name].shape)] = known[name]
    return trained


def train_renderer(
    data: Path,
    drafts: Drafts,
    config: TrainingConfig,
    portraits: int = 8,
    start: Path | None = None,
    perceptual_weight: float = 3.0,
    lips_weight: float = 0.0,
) -> dict[str, float]:
    """Train the mouth renderer.

    Args:
        data: folder that ``views`` wrote.
        drafts: draws what the mouths are drawn over.
        portraits: of a batch, with two frames each.
        start: folder of a renderer to go on from.
        perceptual_weight, lips_weight: see ``RendererObjective``.
    Returns:
        Validation losses.
    """
    renderer = load_widened(start) if start else MouthRenderer()
    return fit(
        renderer,
        RendererObjective(renderer, perceptual_weight, lips_weight),
        ViewPairs(data, "train", drafts, portraits, vary=True),
        ViewPairs(data, "val", drafts, portraits),
        config,
    )
