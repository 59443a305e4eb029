"""The published tri-plane autoencoder: PVDM's video transformer (S. Yu et al., CVPR 2023), 16 frames to three planes.

A latent is one tensor (B, C, S): the planes [xy (rows, columns), yt (frames, columns), xt (frames, rows)] laid flat one
after another, S = h w + T w + T h. The names are the published ones: yt sums up rows, xt sums up columns.
"""

import torch
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from torch import nn

from moditalker.paper.inputs import Inputs, check_choice
from moditalker.paper.timesformer import AxisPooling, TimeSformer

PLANES = ("xy", "yt", "xt")


class PaperAutoencoder(ModelMixin, ConfigMixin):
    """Video to tri-plane latents and back; one is trained on pictures, another on drawn landmarks.

    Args:
        size: side of the frames, pixels.
        frames: of a block.
        patch: side of the patches that become tokens, pixels.
        width: of the tokens.
        depth: layers of the encoder, and of the decoder.
        heads, head_dim: of their attentions.
        latent_channels: of each plane.
        pooling_depth, pooling_heads, pooling_inner: of the transformers that sum up an axis.
        inputs: of drawn landmarks: whose drawings, see ``moditalker.paper.inputs``; None for pictures.
    """

    @register_to_config
    def __init__(
        self,
        size: int = 256,
        frames: int = 16,
        patch: int = 8,
        width: int = 384,
        depth: int = 8,
        heads: int = 8,
        head_dim: int = 64,
        latent_channels: int = 4,
        pooling_depth: int = 4,
        pooling_heads: int = 4,
        pooling_inner: int = 512,
        inputs: Inputs | None = None,
    ) -> None:
        super().__init__()
        check_choice(inputs)
        if size % patch:
            raise ValueError(f"size must be a multiple of patch, but size={size}, patch={patch}")
        side = size // patch
        self.patches_in = nn.Linear(3 * patch * patch, width)
        self.encoder = TimeSformer(width, depth, heads, head_dim)
        self.decoder = TimeSformer(width, depth, heads, head_dim)
        lengths = {"xy": frames, "yt": side, "xt": side}
        self.pooling = nn.ModuleDict(
            {name: AxisPooling(lengths[name], width, pooling_depth, pooling_heads, pooling_inner) for name in PLANES}
        )
        self.to_plane = nn.ModuleDict({name: nn.Conv2d(width, latent_channels, 1) for name in PLANES})
        self.from_plane = nn.ModuleDict({name: nn.Conv2d(latent_channels, width, 1) for name in PLANES})
        self.pixels_out = nn.ConvTranspose2d(width, 3, patch, patch)

    @property
    def side(self) -> int:
        """Rows, and columns, of the xy plane."""
        return self.config["size"] // self.config["patch"]

    @property
    def latent_length(self) -> int:
        """Places of a latent: those of the three planes."""
        return self.side * (self.side + 2 * self.config["frames"])

    def encode(self, video: torch.Tensor) -> torch.Tensor:
        """Video to latent.

        Args:
            video: (B, 3, T, H, W) in [-1, 1].
        Returns:
            (B, C, S) in [-1, 1].
        """
        return self._planes(self._tokens(video))

    def encode_still(self, picture: torch.Tensor) -> torch.Tensor:
        """Latent of a picture that stands still; (B, 3, H, W) in [-1, 1] -> (B, C, S).

        The same as ``encode`` of the picture repeated, for a sixteenth of the encoder's work: attention over frames
        that are alike gives what one of them gives.
        """
        return self._planes(self._tokens(picture[:, :, None]), self.config["frames"])

    def decode(self, latent: torch.Tensor) -> torch.Tensor:
        """Latent to video; (B, C, S) -> (B, 3, T, H, W) in [-1, 1]."""
        frames, side = self.config["frames"], self.side
        xy, yt, xt = split_planes(latent, frames, side)
        volume = self.from_plane["xy"](xy)[:, :, None]
        volume = volume + self.from_plane["yt"](yt)[:, :, :, None, :]
        volume = volume + self.from_plane["xt"](xt)[:, :, :, :, None]
        tokens = self.decoder(volume.permute(0, 2, 3, 4, 1))
        pictures = self.pixels_out(tokens.flatten(0, 1).permute(0, 3, 1, 2))
        return (2 * torch.sigmoid(pictures) - 1).unflatten(0, (-1, frames)).transpose(1, 2)

    def _tokens(self, video: torch.Tensor) -> torch.Tensor:
        """(B, 3, T, H, W) -> (B, T, h, w, width)."""
        patch = self.config["patch"]
        # Numbers of a patch: row by row, in a row column by column, in a pixel colour by colour.
        cut = video.unflatten(-1, (-1, patch)).unflatten(-3, (-1, patch))
        return self.encoder(self.patches_in(cut.permute(0, 2, 3, 5, 4, 6, 1).flatten(-3)))

    def _planes(self, tokens: torch.Tensor, repeat: int = 1) -> torch.Tensor:
        """(B, T, h, w, width), T frames or one that is repeated -> (B, C, S)."""
        summed = {"xy": 1, "yt": 2, "xt": 3}
        planes = []
        for name in PLANES:
            seen = tokens.expand(-1, repeat * tokens.shape[1], -1, -1, -1) if name == "xy" else tokens
            rest = seen.movedim(summed[name], -2)
            pooled = self.pooling[name](rest.flatten(0, 2)).unflatten(0, rest.shape[:3])
            plane = torch.tanh(self.to_plane[name](pooled.permute(0, 3, 1, 2)))
            planes.append((plane if name == "xy" else plane.repeat(1, 1, repeat, 1)).flatten(2))
        return torch.cat(planes, -1)


def split_planes(latent: torch.Tensor, frames: int, side: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """(B, C, S) -> xy (B, C, side, side), yt and xt (B, C, frames, side)."""
    xy, yt, xt = latent.split([side * side, frames * side, frames * side], -1)
    return xy.unflatten(-1, (side, side)), yt.unflatten(-1, (frames, side)), xt.unflatten(-1, (frames, side))
