"""Perceptual loss: LPIPS (R. Zhang et al., CVPR 2018) with the shift-tolerant AlexNet of Ghildyal and Liu (ECCV 2022).

The weights are read from the package ``stlpips-pytorch`` (BSD), the network is written out here: the package's own code
needs torchvision. The first convolution steps by two instead of one and its blur is dropped, which makes it four times
cheaper; a loss does not need the last bit of shift tolerance. A metric does, and takes the network as published.
"""

from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

from moditalker.metrics.packages import package_folder


def _weights_file() -> Path:
    folder = package_folder("stlpips_pytorch", "The perceptual loss", "'pip install -r requirements-train.txt'")
    return folder / "weights" / "vST0.0" / "alex_shift_tolerant.pth"


class PerceptualLoss(nn.Module):
    """Distance of two pictures in the layers of a trained network.

    Args:
        softened: from 0 to 1, the share of a second distance whose features are scaled by their size over the whole
            picture instead of at each place. LPIPS itself blows up what happens on flat skin, and a network that
            minimises it alone learns invisible grain before it learns teeth.
        as_published: the first convolution steps by one and is blurred, as in the package.
    Raises:
        InputError: the package with the weights is not installed.
    """

    def __init__(self, softened: float = 0.0, as_published: bool = False) -> None:
        super().__init__()
        self.softened, self.as_published = softened, as_published
        state = torch.load(_weights_file(), map_location="cpu", weights_only=True)
        convolutions = ["net.slice1.0", "net.slice2.5", "net.slice3.9", "net.slice4.11", "net.slice5.13"]
        self.convolutions = nn.ModuleList()
        self.importance = nn.ParameterList()
        for index, name in enumerate(convolutions):
            weight = state[f"{name}.weight"]
            stride, padding = (1, weight.shape[-1] // 2)
            if index == 0:
                stride, padding = (1, 2) if as_published else (2, 4)
            convolution = nn.Conv2d(weight.shape[1], weight.shape[0], weight.shape[-1], stride, padding)
            convolution.load_state_dict({"weight": weight, "bias": state[f"{name}.bias"]})
            self.convolutions.append(convolution)
            self.importance.append(state[f"lin{index}.model.1.weight"])
        self.shift = nn.Parameter(state["scaling_layer.shift"])
        self.scale = nn.Parameter(state["scaling_layer.scale"])
        row = torch.tensor([1.0, 2.0, 1.0])
        self.blur = nn.Parameter(row[:, None] * row / 16)
        self.requires_grad_(False)

    def _halve(self, x: torch.Tensor) -> torch.Tensor:
        kernel = self.blur.to(x.dtype).expand(x.shape[1], 1, 3, 3)
        return F.conv2d(F.pad(x, (2, 2, 2, 2), mode="reflect"), kernel, stride=2, groups=x.shape[1])

    def _layers(self, picture: torch.Tensor) -> list[torch.Tensor]:
        x = ((picture - self.shift) / self.scale).contiguous(memory_format=torch.channels_last)
        layers = []
        for index, convolution in enumerate(self.convolutions):
            if index in (1, 2):
                x = self._halve(F.max_pool2d(x, 3, stride=1))
            x = convolution(x)
            if index == 0 and self.as_published:
                x = self._halve(x)
            x = F.relu(x)
            layers.append(x)
        return layers

    def forward(self, generated: torch.Tensor, real: torch.Tensor) -> torch.Tensor:
        """(N, 3, H, W) both, in [-1, 1]; H, W >= 48 -> (N,) distances."""
        with torch.no_grad():
            wanted = self._layers(real)
        total = torch.zeros(len(real), device=real.device)
        for got, want, importance in zip(self._layers(generated), wanted, self.importance, strict=True):
            got, want = got.float(), want.float()
            apart = (F.normalize(got, dim=1) - F.normalize(want, dim=1)).square()
            if self.softened:
                scale = want.square().sum(1, keepdim=True).mean((2, 3), keepdim=True).clamp_min(1e-12)
                apart = (1 - self.softened) * apart + self.softened * (got - want).square() / scale
            total = total + (apart * importance).sum(1).mean((1, 2))
        return total
