"""Do the lips stand where they should? A small network that reads their shape off a picture, and the loss it gives.

A generated mouth is sharp and yet wrong when it is open by another amount than the real one. Differences of pixels and
of general features hardly tell; the place of the lips does. The reader learns beside the generator, from real frames
only, to find the 20 points of the mouth; what it reads in a generated frame shall be what it reads in the real one.
"""

import torch
from torch import nn
from torch.func import functional_call

from moditalker.mtov.autoencoder import MOUTH_WINDOW

LIP_POINTS = 20
_SPREAD = 10.0
"""Pixels that one unit of the network's output stands for."""


class LipReader(nn.Module):
    """The 20 points of the mouth in ``MOUTH_WINDOW``, trained on real frames."""

    def __init__(self) -> None:
        super().__init__()
        cells = (MOUTH_WINDOW.height // 16) * (MOUTH_WINDOW.width // 16)
        self.layers = nn.Sequential(
            nn.PixelUnshuffle(4),
            nn.Conv2d(48, 64, 3, padding=1),
            nn.SiLU(),
            nn.Conv2d(64, 128, 3, stride=2, padding=1),
            nn.GroupNorm(8, 128),
            nn.SiLU(),
            nn.Conv2d(128, 128, 3, padding=1),
            nn.GroupNorm(8, 128),
            nn.SiLU(),
            nn.Conv2d(128, 192, 3, stride=2, padding=1),
            nn.SiLU(),
            nn.Flatten(),
            nn.Linear(192 * cells, 128),
            nn.SiLU(),
            nn.Linear(128, 2 * LIP_POINTS),
        )

    def forward(self, mouths: torch.Tensor) -> torch.Tensor:
        """(N, 3, h, w) windows in [-1, 1] -> (N, 20, 2) pixels from the middle of the window."""
        return _SPREAD * self.layers(mouths).float().unflatten(-1, (LIP_POINTS, 2))

    def losses(self, generated: torch.Tensor, real: torch.Tensor, points: torch.Tensor) -> dict[str, torch.Tensor]:
        """The reader's own error, which trains it, and the generated mouths' error, which does not.

        Args:
            generated, real: (B, 3, n, h, w) windows in [-1, 1].
            points: (B, n, 20, 2) of the real frames, pixels of the aligned face.
        Returns:
            ``reading`` and ``lips``, both mean distances in pixels along an axis.
        """
        generated, real = (video.transpose(1, 2).flatten(0, 1) for video in (generated, real))
        centre = torch.tensor(
            [MOUTH_WINDOW.left + MOUTH_WINDOW.width / 2, MOUTH_WINDOW.top + MOUTH_WINDOW.height / 2],
            device=points.device,
        )
        read = self(real)
        fixed = {name: parameter.detach() for name, parameter in self.named_parameters()}
        seen = functional_call(self, fixed, (generated,))
        return {
            "reading": (read - (points.flatten(0, 1) - centre)).abs().mean(),
            "lips": (seen - read.detach()).abs().mean(),
        }
