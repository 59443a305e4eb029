"""Tri-planes: a 16-frame video as three pictures, one for each pair of axes (S. Yu et al., PVDM, CVPR 2023).

A tri-plane is one tensor (B, C, 3, S, S) with S = 16 = the number of frames: [xy (rows, columns), yt (frames, rows),
xt (frames, columns)]. With equal sides the three planes pass through 2-D networks as one batch.
"""

import torch
from torch import nn

XY, YT, XT = 0, 1, 2


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions with group normalisation and an optional scale and shift from a condition vector.

    Args:
        channels: in and out.
        condition: width of the condition vector, 0 for none.
    """

    def __init__(self, channels: int, condition: int = 0) -> None:
        super().__init__()
        self.norm1 = nn.GroupNorm(8, channels)
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.norm2 = nn.GroupNorm(8, channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        nn.init.zeros_(self.conv2.weight)
        nn.init.zeros_(self.conv2.bias)  # type: ignore[arg-type]
        self.modulation = nn.Linear(condition, 2 * channels) if condition else None

    def forward(self, x: torch.Tensor, condition: torch.Tensor | None = None) -> torch.Tensor:
        """(N, C, H, W) and (N, condition) -> (N, C, H, W)."""
        h = self.conv1(nn.functional.silu(self.norm1(x)))
        h = self.norm2(h)
        if self.modulation is not None and condition is not None:
            scale, shift = self.modulation(condition)[..., None, None].chunk(2, 1)
            h = h * (1 + scale) + shift
        return x + self.conv2(nn.functional.silu(h))


class AxisPooling(nn.Module):
    """Learned weighted mean along one axis of a video's features: what the paper does with a small transformer."""

    def __init__(self, channels: int, groups: int = 8) -> None:
        super().__init__()
        self.score = nn.Conv2d(channels, groups, 1)
        self.groups = groups

    def forward(self, features: torch.Tensor, axis: int) -> torch.Tensor:
        """(B, T, C, H, W), axis 1, 3 or 4 -> (B, C, and the two axes that are left)."""
        batch, frames, channels, height, width = features.shape
        score = self.score(features.flatten(0, 1)).reshape(batch, frames, self.groups, 1, height, width)
        weight = score.float().softmax(axis if axis == 1 else axis + 1)
        grouped = features.reshape(batch, frames, self.groups, channels // self.groups, height, width)
        pooled = (grouped * weight.to(features.dtype)).sum(axis if axis == 1 else axis + 1)
        if axis == 1:
            return pooled.reshape(batch, channels, height, width)
        return pooled.flatten(2, 3).transpose(1, 2)


class TriplaneEncoder(nn.Module):
    """Frames of a 16-frame block to three planes.

    Args:
        in_channels: of the frames.
        out_channels: of the planes.
        widths: channels at a quarter and at an eighth of the frame's side.
    """

    def __init__(self, in_channels: int, out_channels: int, widths: tuple[int, int]) -> None:
        super().__init__()
        quarter, eighth = widths
        self.fold = nn.PixelUnshuffle(4)
        self.stem = nn.Conv2d(in_channels * 16, quarter, 3, padding=1)
        self.block1 = ResidualBlock(quarter)
        self.down = nn.Conv2d(quarter, eighth, 4, stride=2, padding=1)
        self.block2 = ResidualBlock(eighth)
        self.block3 = ResidualBlock(eighth)
        self.pools = nn.ModuleList(AxisPooling(eighth) for _ in range(3))
        self.out = nn.ModuleList(nn.Conv2d(eighth, out_channels, 1) for _ in range(3))

    def forward(self, video: torch.Tensor, repeat: int = 1) -> torch.Tensor:
        """Encode a block.

        Args:
            video: (B, 3, 16, 128, 128); or (B, 3, 1, 128, 128) with ``repeat`` = 16, a picture that stands still.
        Returns:
            (B, out_channels, 3, 16, 16)
        """
        batch, _, frames = video.shape[:3]
        x = video.transpose(1, 2).flatten(0, 1).contiguous(memory_format=torch.channels_last)
        x = self.block1(self.stem(self.fold(x)))
        x = self.block3(self.block2(self.down(x)))
        features = x.reshape(batch, frames, *x.shape[1:]).repeat(1, repeat, 1, 1, 1)
        xy = self.out[XY](self.pools[XY](features, 1))
        yt = self.out[YT](self.pools[YT](features, 4))
        xt = self.out[XT](self.pools[XT](features, 3))
        return torch.stack([xy, yt, xt], 2)


def expand_planes(planes: torch.Tensor, frames: torch.Tensor | None = None) -> torch.Tensor:
    """Spread planes over the video they stand for, and sum them.

    Args:
        planes: (B, C, 3, S, S).
        frames: (B, n) int64, the frames wanted; all of them by default.
    Returns:
        (B, n, C, S, S) per-frame feature maps.
    """
    xy, yt, xt = planes.unbind(2)
    if frames is not None:
        index = frames[:, None, :, None].expand(-1, planes.shape[1], -1, planes.shape[-1])
        yt, xt = yt.gather(2, index), xt.gather(2, index)
    volume = xy[:, :, None] + yt[..., :, None] + xt[..., None, :]
    return volume.transpose(1, 2)
