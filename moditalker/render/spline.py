"""Thin-plate splines of many frames (F. L. Bookstein, "Principal warps", PAMI 1989)."""

import torch
import torch.nn.functional as F

_STIFFNESS = 1e-3


class ThinPlateSpline:
    """How far away each point of T frames came from.

    Args:
        source: (K, 2) float64, where the points came from.
        target: (T, K, 2) float64, where they are.
    """

    def __init__(self, source: torch.Tensor, target: torch.Tensor) -> None:
        frames, count, _ = target.shape
        kernel = _radial(torch.cdist(target, target).square())
        kernel = kernel + _STIFFNESS * torch.eye(count, dtype=kernel.dtype)
        affine = torch.cat([torch.ones(frames, count, 1, dtype=kernel.dtype), target], -1)
        top = torch.cat([kernel, affine], -1)
        bottom = torch.cat([affine.transpose(1, 2), torch.zeros(frames, 3, 3, dtype=kernel.dtype)], -1)
        displacement = F.pad(source - target, (0, 0, 0, 3))
        weights = torch.linalg.solve(torch.cat([top, bottom], 1), displacement)
        self._target, self._weights = target.float(), weights.float()

    def __call__(self, points: torch.Tensor) -> torch.Tensor:
        """(P, 2) or (T or 1, P, 2) float32 -> (T, P, 2), to be added to them."""
        target, weights = self._target, self._weights
        squared = (
            points.square().sum(-1, keepdim=True)
            + target.square().sum(-1).unsqueeze(1)
            - 2 * points @ target.transpose(1, 2)
        )
        count = target.shape[1]
        displacement = _radial(squared.clamp_min(0)) @ weights[:, :count]
        return displacement + weights[:, count : count + 1] + points @ weights[:, count + 1 :]


def _radial(squared: torch.Tensor) -> torch.Tensor:
    """r^2 log r, written on r^2; in place on a copy, for these tensors are large and memory is what they cost."""
    return squared.clamp_min(1e-12).log_().mul_(squared).mul_(0.5)
