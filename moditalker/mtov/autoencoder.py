"""The tri-plane autoencoder of MToV: 16 frames of the aligned face to three planes and back, against the warp.

The decoder sees the warped portrait, the landmarks and the flow, so the planes need to hold only what those cannot show
(teeth, tongue, closed lids, light). It emits colour and a soft mask; the result is laid over the warp.
"""

from dataclasses import dataclass

import torch
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from torch import nn
from torch.nn import functional as F

from moditalker.mtov.planes import TriplaneEncoder, expand_planes

# A step of Adam moves every weight of the last layers by the learning rate, and hundreds of them add up in a pixel:
# without this the picture jumps by a tenth of its range at every step, and nothing finer is ever learnt.
_OUTPUT_SCALE = 0.1
GUIDES = 5
"""Channels beside the warp, see ``conditions.guides``."""


class PlainBlock(nn.Module):
    """Two 3x3 convolutions around a shortcut, without normalisation: the same in a window as in the whole face.

    B. Lim et al., "Enhanced deep residual networks" (CVPRW 2017), drop it for the same reason.

    Args:
        channels: in and out.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        nn.init.kaiming_normal_(self.conv1.weight)
        nn.init.zeros_(self.conv2.weight)
        nn.init.zeros_(self.conv2.bias)  # type: ignore[arg-type]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, C, H, W) -> (N, C, H, W)."""
        return x + self.conv2(F.silu(self.conv1(F.silu(x))))


class TriplaneDecoder(nn.Module):
    """A small U-Net a frame, given the planes in its middle; colour is the sum of two scales, coarse and fine.

    Pictures come in and go out folded four by four, so that all maps are small: that is what processors are fast at.

    Args:
        latent_channels: of the planes.
        widths: channels at a quarter and at an eighth of the frame's side.
        depths: residual blocks before, in and after the middle.
    """

    def __init__(self, latent_channels: int, widths: tuple[int, int], depths: tuple[int, int, int]) -> None:
        super().__init__()
        quarter, eighth = widths
        self.fold = nn.PixelUnshuffle(4)
        self.stem = nn.Conv2d((3 + GUIDES) * 16, quarter, 3, padding=1)
        self.before = nn.Sequential(*(PlainBlock(quarter) for _ in range(depths[0])))
        self.down = nn.Conv2d(quarter, eighth, 4, stride=2, padding=1)
        join = nn.Conv2d(latent_channels, eighth, 3, padding=1, bias=False)
        self.planes_in = nn.Sequential(
            join,
            nn.SiLU(),
            nn.Conv2d(eighth, eighth, 3, padding=1, bias=False),
        )
        self.middle = nn.Sequential(*(PlainBlock(eighth) for _ in range(depths[1])))
        self.up = nn.Conv2d(eighth, quarter, 3, padding=1)
        self.after = nn.Sequential(*(PlainBlock(quarter) for _ in range(depths[2])))
        self.out = nn.Conv2d(quarter, 4 * 16, 3, padding=1)
        self.unfold = nn.PixelShuffle(4)
        self.coarse = nn.Conv2d(eighth, 3, 3, padding=1)
        # Nothing is normalised, so the variance is brought to about one here and kept there.
        for convolution, gain in ((self.stem, 3.0), (self.down, 1.0), (self.up, 1.0), (join, 4.0)):
            nn.init.kaiming_normal_(convolution.weight, nonlinearity="linear")
            convolution.weight.data.mul_(gain)
        for head in (self.out, self.coarse):
            nn.init.zeros_(head.weight)
            nn.init.zeros_(head.bias)  # type: ignore[arg-type]

    def forward(self, features: torch.Tensor | None, warped: torch.Tensor, guides: torch.Tensor) -> torch.Tensor:
        """(N, C, h/8, w/8) expanded planes or None, (N, 3, h, w) warp, (N, 5, h, w) guides -> (N, 4, h, w)."""
        x = self.fold(torch.cat([warped, guides], 1).contiguous(memory_format=torch.channels_last))
        at_quarter = self.before(self.stem(x))
        x = self.down(at_quarter)
        if features is not None:
            x = x + self.planes_in(features.contiguous(memory_format=torch.channels_last))
        x = self.middle(x)
        colour = F.interpolate(self.coarse(F.silu(x)), scale_factor=8.0, mode="bilinear", align_corners=False)
        x = self.after(self.up(F.interpolate(x, scale_factor=2.0)) + at_quarter)
        fine = self.unfold(self.out(F.silu(x)))
        return torch.cat([fine[:, :3] + colour, fine[:, 3:]], 1)


@dataclass(frozen=True)
class Window:
    """A part of the aligned face, in pixels; multiples of eight."""

    top: int
    left: int
    height: int
    width: int

    def cut(self, pictures: torch.Tensor, shrink: int = 1) -> torch.Tensor:
        """(..., H, W) -> (..., height, width); ``shrink`` = 8 for what lies on the planes' grid."""
        top, left, height, width = (n // shrink for n in (self.top, self.left, self.height, self.width))
        return pictures[..., top : top + height, left : left + width]

    def placed(self, part: torch.Tensor, pictures: torch.Tensor) -> torch.Tensor:
        """A copy of (..., H, W) with (..., height, width) in the window's place."""
        whole = pictures.clone()
        whole[..., self.top : self.top + self.height, self.left : self.left + self.width] = part
        return whole

    def feathered(self, pixels: int) -> torch.Tensor:
        """(height, width) that rises from 0 at the border to 1 within so many pixels."""
        rows, columns = torch.arange(self.height) + 0.5, torch.arange(self.width) + 0.5
        down = torch.minimum(rows, self.height - rows)
        across = torch.minimum(columns, self.width - columns)
        return torch.minimum(down[:, None], across[None, :]).div(pixels).clamp(max=1)


MOUTH_WINDOW = Window(56, 16, 64, 96)
"""What moves when somebody speaks. The decoder practises most here, and looks at it once more by itself."""
_FEATHER = 8


class TriplaneAutoencoder(ModelMixin, ConfigMixin):
    """MoDiTalker's video autoencoder, sized for two CPU cores.

    Args:
        size: side of the aligned face, pixels.
        frames: of a block; the planes' side is ``size / 8`` and must equal it.
        latent_channels: channels of each plane.
        encoder_widths: see ``TriplaneEncoder``.
        decoder_widths, decoder_depths: see ``TriplaneDecoder``.
    Raises:
        ValueError: ``size / 8`` differs from ``frames``.
    """

    @register_to_config
    def __init__(
        self,
        size: int = 128,
        frames: int = 16,
        latent_channels: int = 8,
        encoder_widths: tuple[int, int] = (32, 96),
        decoder_widths: tuple[int, int] = (96, 192),
        decoder_depths: tuple[int, int, int] = (1, 3, 2),
    ) -> None:
        super().__init__()
        if size != 8 * frames:
            raise ValueError(f"size must be 8 * frames so that the planes are square, but size={size}, frames={frames}")
        self.encoder = TriplaneEncoder(3, latent_channels, (encoder_widths[0], encoder_widths[1]))
        widths, depths = decoder_widths, decoder_depths
        self.decoder = TriplaneDecoder(latent_channels, (widths[0], widths[1]), (depths[0], depths[1], depths[2]))
        # Statistics of the planes over the training clips, so that the denoiser sees unit variance.
        self.register_buffer("latent_mean", torch.zeros(latent_channels, 3, 1, 1))
        self.register_buffer("latent_std", torch.ones(latent_channels, 3, 1, 1))
        self.to(memory_format=torch.channels_last)

    def encode(self, video: torch.Tensor) -> torch.Tensor:
        """Video to planes.

        Args:
            video: (B, 3, 16, 128, 128) in [-1, 1].
        Returns:
            (B, C, 3, 16, 16), zero mean and unit variance over the training clips once these were measured.
        """
        return (torch.tanh(self.encoder(video).float()) - self.latent_mean) / self.latent_std

    def encode_still(self, picture: torch.Tensor) -> torch.Tensor:
        """Planes of a picture that stands still; (B, 3, 128, 128) in [-1, 1] -> (B, C, 3, 16, 16)."""
        planes = self.encoder(picture[:, :, None], repeat=self.config["frames"])
        return (torch.tanh(planes.float()) - self.latent_mean) / self.latent_std

    def decode(
        self,
        planes: torch.Tensor | None,
        warped: torch.Tensor,
        guides: torch.Tensor,
        frames: torch.Tensor | None = None,
        window: Window | None = None,
    ) -> torch.Tensor:
        """Planes to video, against the warp; colour and soft mask are laid over it here.

        Args:
            planes: (B, C, 3, 16, 16) as ``encode`` gives them; None for empty ones.
            warped: (B, 3, n, 128, 128) the warped portrait in [-1, 1].
            guides: (B, 5, n, 128, 128), see ``conditions.guides``.
            frames: (B, n) which frames of the block these are; all 16 by default.
            window: only this part is looked at and drawn.
        Returns:
            (B, 3, n, 128, 128), or of the window's size; about [-1, 1].
        """
        count = warped.shape[2]
        features = None
        if planes is not None:
            features = expand_planes(planes * self.latent_std + self.latent_mean, frames).flatten(0, 1)
        if window is not None:
            warped, guides = window.cut(warped), window.cut(guides)
            features = None if features is None else window.cut(features, 8)
        out = self.decoder(features, warped.transpose(1, 2).flatten(0, 1), guides.transpose(1, 2).flatten(0, 1)).float()
        out = out.unflatten(0, (-1, count)).transpose(1, 2)
        # Colour starts out as the warp itself and the mask open: a mask that closes over the first garbage never opens
        # again, and starves the planes of their gradient.
        change = 2 * torch.tanh(_OUTPUT_SCALE * out[:, :3])
        change = torch.sigmoid(_OUTPUT_SCALE * out[:, 3:] + 1) * change
        return warped + calmed(change)

    def render(
        self, planes: torch.Tensor | None, warped: torch.Tensor, guides: torch.Tensor, mouth_only: bool = False
    ) -> torch.Tensor:
        """The whole face, the mouth's window drawn by itself and blended in; as ``decode`` otherwise.

        Args:
            mouth_only: nothing is drawn beside that window, the warp stays as it is there.
        """
        face = warped.clone() if mouth_only else self.decode(planes, warped, guides)
        mouth = self.decode(planes, warped, guides, window=MOUTH_WINDOW)
        share = MOUTH_WINDOW.feathered(_FEATHER).to(face)
        part = MOUTH_WINDOW.cut(face)
        part.copy_(share * mouth + (1 - share) * part)
        return face


def calmed(change: torch.Tensor) -> torch.Tensor:
    """Take the finest grain out of (B, 3, n, h, w): of brightness between neighbours, of colour within a folded cell.

    Eyes, video files and the clips themselves keep colour coarser than brightness. Without this the decoder sprinkles
    uncertain teeth with green and violet pixels in a grid, which perceptual losses forgive.
    """
    frames = change.transpose(1, 2).flatten(0, 1)
    grey = frames.mean(1, keepdim=True)
    coarse = F.avg_pool2d(frames - grey, 4)
    colour = F.interpolate(coarse, scale_factor=4.0, mode="bilinear", align_corners=False)
    row = torch.tensor([0.25, 0.5, 0.25], dtype=grey.dtype, device=grey.device)
    smooth = F.conv2d(F.pad(grey, (1, 1, 1, 1), mode="replicate"), (row[:, None] * row)[None, None])
    return (smooth + colour).unflatten(0, (change.shape[0], change.shape[2])).transpose(1, 2)


def to_unit(pictures: torch.Tensor) -> torch.Tensor:
    """Pictures of 0 to 255, any type -> float32 in [-1, 1], as the networks take them."""
    return pictures.float() / 127.5 - 1
