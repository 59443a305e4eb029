"""Detail of a drawn mouth: as much of it as real mouths have.

A decoder that minimises an error draws the mean of what may be there, and a mean has less contrast than anything it is
the mean of: edges of lips, teeth and the dark line between lips that meet come out faint, while a lip that was
stretched keeps a shine that no real one has. How much is missing, or too much, can be told from the picture itself. So
its fine bands are made stronger or weaker, in each part of the mouth for itself, as a linear model of that picture's
own statistics says, which learns from LPIPS. The bands are those of a Laplacian pyramid that is not sampled down (P. J.
Burt and E. H. Adelson, "The Laplacian pyramid as a compact image code", 1983). Linear, for all that there is to learn
from is how people differ, and of these there are few.
"""

from itertools import pairwise

import torch
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from torch import nn
from torch.nn import functional as F

from moditalker.mtov.autoencoder import MOUTH_WINDOW

BANDS = (0.85, 1.7, 3.4)
"""Deviations of the Gaussians between the bands, pixels of the aligned face."""
PARTS = 5
"""Of a mouth: its inside, the upper and the lower border of that, the upper and the lower lip."""
_STATISTICS = 84
_FARTHEST = 3.0
"""Statistics farther from their mean than so many deviations count as that far."""
_STRONGEST = 0.9
"""Of the logarithm of a factor."""
_ALIKE = 6.0
"""Grey values by which a warp differs from its portrait, root of the mean square, above which most of a change is made:
a mouth that hardly moved was filmed, and lacks nothing."""
_FEATHER = 4
"""Pixels from the window's border over which changes fade in."""
_HALO = 5
"""A kernel's side, pixels: lips reach that far beyond their landmarks."""
_BORDER, _BORDER_GAIN = 0.9, 2.0
"""Deviation of the Gaussian that the border of a mouth's inside is drawn with, pixels, and how full it is."""


class DetailGains(ModelMixin, ConfigMixin):
    """How much stronger each band of each part of a mouth should be."""

    mean: torch.Tensor
    scale: torch.Tensor

    @register_to_config
    def __init__(self) -> None:
        super().__init__()
        # Of the statistics over training mouths.
        self.register_buffer("mean", torch.zeros(_STATISTICS))
        self.register_buffer("scale", torch.ones(_STATISTICS))
        self.linear = nn.Linear(_STATISTICS, PARTS * len(BANDS))
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def forward(
        self, generated: torch.Tensor, warped: torch.Tensor, landmark_map: torch.Tensor, portrait: torch.Tensor
    ) -> torch.Tensor:
        """What to add to generated mouths.

        Args:
            generated: (N, 3, 64, 96) 0 to 255, the ``MOUTH_WINDOW`` as the decoder made it.
            warped: (N, 3, 64, 96) 0 to 255, the warped portrait there.
            landmark_map: (N, 3, 64, 96) 0 to 1, landmarks there, see ``draw_landmarks``.
            portrait: (N, 3, 64, 96) 0 to 255.
        Returns:
            (N, 3, 64, 96), values as of 0 to 255.
        """
        with torch.autocast(generated.device.type, enabled=False):  # bands are small differences of large numbers
            generated, warped, landmark_map, portrait = (
                each.float() for each in (generated, warped, landmark_map, portrait)
            )
            parts = mouth_parts(landmark_map)
            statistics = mouth_statistics(generated, warped, parts, portrait)
            inputs = ((statistics - self.mean) / self.scale).clamp(-_FARTHEST, _FARTHEST)
            gains = self.linear(inputs.to(self.linear.weight.dtype)).float().clamp(-_STRONGEST, _STRONGEST)
            moved = 1 - torch.exp(-_apart(warped, portrait) / _ALIKE)
            factors = (gains * moved).exp().unflatten(1, (PARTS, len(BANDS))) - 1
            where = parts[:, :PARTS] * MOUTH_WINDOW.feathered(_FEATHER).to(parts)
            added = torch.zeros_like(generated)
            for number, band in enumerate(fine_bands(generated)):
                added += band * (factors[:, :, number, None, None] * where).sum(1, keepdim=True)
            return added


def fine_bands(pictures: torch.Tensor) -> list[torch.Tensor]:
    """(N, C, H, W) -> the same for each of ``BANDS``, the finest first; what they leave is coarser than all."""
    blurred = [pictures, *(_blurred(pictures, deviation) for deviation in BANDS)]
    return [fine - coarse for fine, coarse in pairwise(blurred)]


def mouth_parts(landmark_map: torch.Tensor) -> torch.Tensor:
    """Drawn landmarks (N, 3, H, W) from 0 to 1 -> (N, 6, H, W), 0 to 1: the ``PARTS``, and the skin around them."""
    lips = landmark_map[:, 2:] * 255
    lip, inside = (lips / 128).clamp(0, 1), ((lips - 128) / 127).clamp(0, 1)
    step = inside - F.pad(inside, (0, 0, 1, 0))[:, :, :-1]
    upper, lower = (_BORDER_GAIN * _blurred(each.clamp(min=0), _BORDER) for each in (step, -step.roll(-1, 2)))
    both = (upper + lower).clamp(min=1)
    upper, lower = upper / both, lower / both
    hollow = inside * (1 - upper - lower).clamp(min=0)
    near = _blurred(F.max_pool2d(lip, _HALO, 1, _HALO // 2), 1.0)
    rest = (near - hollow - upper - lower).clamp(min=0)
    # Whatever has less than half of the mouth above it belongs to the upper lip; the inside counts more than the lips.
    weight = lip + 9 * inside
    above = weight.cumsum(2) / weight.sum(2, keepdim=True).clamp(min=1e-3)
    first = ((0.5 - above) * 6 + 0.5).clamp(0, 1)
    return torch.cat([hollow, upper, lower, rest * first, rest * (1 - first), (1 - near).clamp(min=0)], 1)


def mouth_statistics(
    generated: torch.Tensor, warped: torch.Tensor, parts: torch.Tensor, portrait: torch.Tensor
) -> torch.Tensor:
    """The inputs of the linear gains.

    Args:
        generated, warped, portrait: (N, 3, H, W), 0 to 255.
        parts: (N, 6, H, W), see ``mouth_parts``.
    Returns:
        (N, 84): of each part area, place and extent, brightness over the skin's and strength of its bands, generated
        and warped; strength of the portrait's bands, how bright it is, and how much was changed.
    """
    rows = torch.linspace(-1, 1, parts.shape[2], device=parts.device)[:, None]
    columns = torch.linspace(-1, 1, parts.shape[3], device=parts.device)
    area = parts.sum((2, 3)) + 1
    share = parts / area[..., None, None]
    greys = [picture.mean(1, keepdim=True) for picture in (generated, warped)]
    lights = [(grey * share).sum((2, 3)) for grey in greys]
    skin = lights[1][:, -1:].clamp(min=10)
    statistics = [area.log(), (share * rows).sum((2, 3)), (share * columns.square()).sum((2, 3)).sqrt(), skin.log()]
    for grey, light in zip(greys, lights, strict=True):
        contrast = ((grey - light[..., None, None]).square() * share).sum((2, 3))
        statistics += [light / skin, (contrast + 1).log() / 2, *(_strength(band, share) for band in fine_bands(grey))]
    everywhere = torch.full_like(parts[:, :1], 1 / parts[0, 0].numel())
    statistics += [_strength(band, everywhere) for band in fine_bands(portrait.mean(1, keepdim=True))]
    statistics += [(lights[0] - lights[1])[:, :1] / skin, _apart(warped, portrait) / skin]
    return torch.cat(statistics, 1)


def _strength(band: torch.Tensor, share: torch.Tensor) -> torch.Tensor:
    return ((band.square() * share).sum((2, 3)).sqrt() + 0.15).log()


def _apart(warped: torch.Tensor, portrait: torch.Tensor) -> torch.Tensor:
    return (warped - portrait).square().mean((1, 2, 3)).sqrt()[:, None]


def _blurred(pictures: torch.Tensor, deviation: float) -> torch.Tensor:
    reach, channels = round(3 * deviation), pictures.shape[1]
    kernel = torch.exp(-0.5 * (torch.arange(-reach, reach + 1, device=pictures.device) / deviation).square())
    kernel = (kernel / kernel.sum()).expand(channels, 1, 1, -1)
    padded = F.pad(pictures, (reach,) * 4, mode="replicate")
    return F.conv2d(F.conv2d(padded, kernel, groups=channels), kernel.transpose(2, 3), groups=channels)
