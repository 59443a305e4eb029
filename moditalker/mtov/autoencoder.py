"""The tri-plane autoencoder of MToV: 16 frames of the aligned face to three planes and back, against the warp.

The decoder sees the warped portrait and the landmarks, so the planes need to hold only what those cannot show (teeth,
tongue, closed lids, light). It emits colour and a soft mask; the result is laid over the warp.
"""

import torch
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from torch import nn
from torch.nn import functional as F

from moditalker.mtov.interior import COLUMNS, ROWS
from moditalker.mtov.planes import ResidualBlock, TriplaneEncoder, expand_planes

# A step of Adam moves every weight of the last layers by the learning rate, and hundreds of them add up in a pixel:
# without this the picture jumps by a tenth of its range at every step, and nothing finer is ever learnt.
_OUTPUT_SCALE = 0.1


class TriplaneDecoder(nn.Module):
    """A small U-Net a frame, given the planes in its middle; colour is the sum of three scales, coarse to fine.

    Args:
        latent_channels: of the planes.
        widths: channels at a half, a quarter and an eighth of the frame's side.
    """

    def __init__(self, latent_channels: int, widths: tuple[int, int, int]) -> None:
        super().__init__()
        half, quarter, eighth = widths
        self.fold = nn.PixelUnshuffle(2)
        self.stem = nn.Conv2d(6 * 4, half, 3, padding=1)
        self.encode1 = ResidualBlock(half)
        self.down1 = nn.Conv2d(half, quarter, 4, stride=2, padding=1)
        self.encode2 = ResidualBlock(quarter)
        self.down2 = nn.Conv2d(quarter, eighth, 4, stride=2, padding=1)
        self.planes_in = nn.Sequential(
            nn.Conv2d(latent_channels, eighth, 3, padding=1), nn.SiLU(), nn.Conv2d(eighth, eighth, 3, padding=1)
        )
        self.middle = nn.ModuleList(ResidualBlock(eighth) for _ in range(3))
        self.up2 = nn.Conv2d(eighth, quarter, 3, padding=1)
        self.decode2 = ResidualBlock(quarter)
        self.up1 = nn.Conv2d(quarter, half, 3, padding=1)
        self.decode1 = ResidualBlock(half)
        self.out_norm = nn.GroupNorm(8, half)
        self.out = nn.Conv2d(half, 4 * 4, 3, padding=1)
        self.unfold = nn.PixelShuffle(2)
        self.coarse_norm, self.coarse = nn.GroupNorm(8, eighth), nn.Conv2d(eighth, 3, 3, padding=1)
        self.medium_norm, self.medium = nn.GroupNorm(8, quarter), nn.Conv2d(quarter, 3, 3, padding=1)
        for head in (self.out, self.coarse, self.medium):
            nn.init.zeros_(head.weight)
            nn.init.zeros_(head.bias)  # type: ignore[arg-type]

    def forward(self, features: torch.Tensor, warped: torch.Tensor, drawn: torch.Tensor) -> torch.Tensor:
        """(N, C, S, S) expanded planes, (N, 3, 8S, 8S) warp, (N, 3, 8S, 8S) landmarks -> (N, 4, 8S, 8S)."""
        x = self.fold(torch.cat([warped, drawn], 1).contiguous(memory_format=torch.channels_last))
        at_half = self.encode1(self.stem(x))
        at_quarter = self.encode2(self.down1(at_half))
        x = self.down2(at_quarter) + self.planes_in(features.contiguous(memory_format=torch.channels_last))
        for block in self.middle:
            x = block(x)
        colour = _enlarged(self.coarse(F.silu(self.coarse_norm(x))), 8)
        x = self.decode2(self.up2(F.interpolate(x, scale_factor=2.0)) + at_quarter)
        colour = colour + _enlarged(self.medium(F.silu(self.medium_norm(x))), 4)
        x = self.decode1(self.up1(F.interpolate(x, scale_factor=2.0)) + at_half)
        fine = self.unfold(self.out(F.silu(self.out_norm(x))))
        return torch.cat([fine[:, :3] + colour, fine[:, 3:]], 1)


def _enlarged(picture: torch.Tensor, times: int) -> torch.Tensor:
    return F.interpolate(picture, scale_factor=float(times), mode="bilinear", align_corners=False)


class TriplaneAutoencoder(ModelMixin, ConfigMixin):
    """MoDiTalker's video autoencoder, sized for two processor cores.

    Args:
        size: side of the aligned face, pixels.
        frames: of a block; the planes' side is ``size / 8`` and must equal it.
        latent_channels: channels of each plane.
        encoder_widths: see ``TriplaneEncoder``.
        decoder_widths: see ``TriplaneDecoder``.
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
        decoder_widths: tuple[int, int, int] = (48, 96, 192),
    ) -> None:
        super().__init__()
        if size != 8 * frames:
            raise ValueError(f"size must be 8 * frames so that the planes are square, but size={size}, frames={frames}")
        self.encoder = TriplaneEncoder(3, latent_channels, (encoder_widths[0], encoder_widths[1]))
        self.decoder = TriplaneDecoder(latent_channels, (decoder_widths[0], decoder_widths[1], decoder_widths[2]))
        # Statistics of the planes over the training clips, so that the denoiser sees unit variance.
        self.register_buffer("latent_mean", torch.zeros(latent_channels, 3, 1, 1))
        self.register_buffer("latent_std", torch.ones(latent_channels, 3, 1, 1))
        # The mean inside of the training speakers' open mouths, see ``moditalker.mtov.interior``.
        self.register_buffer("mouth_interior", torch.zeros(3, ROWS, COLUMNS))
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
        self, planes: torch.Tensor, warped: torch.Tensor, drawn: torch.Tensor, frames: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Planes to video, against the warp.

        Args:
            planes: (B, C, 3, 16, 16) as ``encode`` gives them.
            warped: (B, 3, n, 128, 128) the warped portrait in [-1, 1].
            drawn: (B, 3, n, 128, 128) landmarks in [0, 1].
            frames: (B, n) which frames of the block these are; all 16 by default.
        Returns:
            colour (B, 3, n, 128, 128), about [-1, 1], and mask (B, 1, n, 128, 128) in [0, 1]; the frame is
            ``mask * colour + (1 - mask) * warped``.
        """
        batch, _, count = warped.shape[:3]
        features = expand_planes(planes * self.latent_std + self.latent_mean, frames).flatten(0, 1)
        out = self.decoder(features, warped.transpose(1, 2).flatten(0, 1), drawn.transpose(1, 2).flatten(0, 1)).float()
        out = out.reshape(batch, count, 4, *out.shape[2:]).transpose(1, 2)
        # Colour starts out as the warp itself and the mask open: a mask that closes over the first garbage never opens
        # again, and starves the planes of their gradient.
        return warped + 2 * torch.tanh(_OUTPUT_SCALE * out[:, :3]), torch.sigmoid(_OUTPUT_SCALE * out[:, 3:] + 1)


def to_unit(pictures: torch.Tensor) -> torch.Tensor:
    """Pictures of 0 to 255, any type -> float32 in [-1, 1], as the networks take them."""
    return pictures.float() / 127.5 - 1


def overlay(colour: torch.Tensor, mask: torch.Tensor, warped: torch.Tensor) -> torch.Tensor:
    """Lay the decoder's colour over the warp; all (B, ., n, H, W)."""
    return mask * colour + (1 - mask) * warped
