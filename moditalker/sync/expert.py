"""The lip-sync expert's network: two towers, one for five mouths, one for the 0.2 s of sound under them.

The design is SyncNet's (Chung and Zisserman, "Out of time: automated lip sync in the wild", ACCV 2016 workshops):
early fusion of the frames, so that the first convolution sees motion, and towers that meet only in the distance of
their embeddings. Changed: log-mel instead of MFCC, embeddings of unit length, and pictures folded into channels, which
CPUs like better than large maps.
"""

import math

import torch
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from torch import nn
from torch.nn import functional as F

WINDOW = 5
"""Video frames of a window; the window of frame t begins at t and its sound covers the same 0.2 s."""
MEL_STEPS = 20
"""Mel steps of a window."""


def _unit(channels: int, out: int, kernel: int | tuple[int, int], **options: int | tuple[int, int]) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, out, kernel, bias=False, **options),  # type: ignore[arg-type]
        nn.BatchNorm2d(out),
        nn.ReLU(inplace=True),
    )


class _Residual(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(_unit(channels, channels, 3, padding=1), _unit(channels, channels, 3, padding=1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.layers(x)


class SyncExpert(ModelMixin, ConfigMixin):
    """Embeds windows of picture and of sound into one space, where what belongs together is close.

    Args:
        picture_widths: channels at a quarter, an eighth and a sixteenth of the crop's side.
        sound_widths: channels of the sound tower's three stages.
        dim: of the embeddings.
        crop: side of a mouth crop, pixels.
        bands: of the log-mel spectrogram.
    """

    @register_to_config
    def __init__(
        self,
        picture_widths: tuple[int, int, int] = (96, 192, 256),
        sound_widths: tuple[int, int, int] = (64, 96, 128),
        dim: int = 256,
        crop: int = 64,
        bands: int = 64,
    ) -> None:
        super().__init__()
        first, second, third = picture_widths
        self.picture = nn.Sequential(
            nn.PixelUnshuffle(4),
            _unit(16 * WINDOW, first, 3, padding=1),
            _unit(first, second, 3, stride=2, padding=1),
            _Residual(second),
            _unit(second, third, 3, stride=2, padding=1),
            _unit(third, third // 4, 1),
            nn.Flatten(),
            nn.Linear(third // 4 * (crop // 16) ** 2, dim),
        )
        first, second, third = sound_widths
        # Nothing is padded in time: a window of sound is 20 steps and the next one begins 4 steps later, so that a
        # whole recording passes at once.
        self.sound = nn.Sequential(
            _unit(4, first, 3, padding=(1, 0)),
            _unit(first, second, (3, 4), stride=(2, 2), padding=(1, 0)),
            _unit(second, second, 3, padding=(1, 0)),
            _unit(second, third, (3, 2), stride=(2, 2), padding=(1, 0)),
            nn.Conv2d(third, dim, (bands // 16, 3)),
        )
        self.scale = nn.Parameter(torch.tensor(math.log(10.0)))

    def embed_picture(self, mouths: torch.Tensor) -> torch.Tensor:
        """(B, 5, S, S) grey in [0, 1] -> (B, dim), unit length, float32. Each window's own contrast is evened out."""
        mean = mouths.mean((1, 2, 3), keepdim=True)
        deviation = mouths.std((1, 2, 3), keepdim=True)
        evened = (mouths - mean) / (deviation + 0.02)
        embedded = self.picture(evened.contiguous(memory_format=torch.channels_last))
        return F.normalize(embedded.float(), dim=-1)

    def embed_sound(self, mel: torch.Tensor) -> torch.Tensor:
        """(B, M, bands) log-mel, M >= 20 -> (B, (M - 20) // 4 + 1, dim), unit length, float32."""
        batch, steps, bands = mel.shape
        folded = mel.view(batch, steps, bands // 4, 4).permute(0, 3, 2, 1)
        embedded = self.sound(folded.contiguous(memory_format=torch.channels_last))
        return F.normalize(embedded[:, :, 0].transpose(1, 2).float(), dim=-1)
