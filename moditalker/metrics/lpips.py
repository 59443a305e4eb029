"""LPIPS: R. Zhang et al., "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric", CVPR 2018, with the
shift-tolerant AlexNet of A. Ghildyal and F. Liu (ECCV 2022), as published. A shift of a pixel, which nobody sees,
hardly counts; the numbers are not those of the original AlexNet's."""

import numpy as np
import torch

from moditalker.metrics.face_crops import MOUTH_CENTRE, perceptual_crops
from moditalker.metrics.perceptual import PerceptualLoss


class Lpips:
    """Perceptual distance of aligned faces.

    Raises:
        InputError: the package with the weights is not installed.
    """

    def __init__(self) -> None:
        self._network = PerceptualLoss(as_published=True)

    @torch.inference_mode()
    def face(self, generated: np.ndarray, real: np.ndarray) -> float:
        """Mean over frames of the whole aligned face; (n, 128, 128, 3) uint8 twice -> 0 for identical ones."""
        first, second = (_video(frames)[0].transpose(0, 1) for frames in (generated, real))
        return self._mean(first, second)

    @torch.inference_mode()
    def mouth(self, generated: np.ndarray, real: np.ndarray) -> float:
        """Mean over frames of the 64x64 pixels around the mouth; (n, 128, 128, 3) uint8 twice."""
        first, second = (perceptual_crops(_video(frames), MOUTH_CENTRE, (0, 0)) for frames in (generated, real))
        return self._mean(first, second)

    def _mean(self, first: torch.Tensor, second: torch.Tensor) -> float:
        pairs = zip(first.split(8), second.split(8), strict=True)
        return float(torch.cat([self._network(one, other) for one, other in pairs]).mean())


def _video(frames: np.ndarray) -> torch.Tensor:
    """(n, H, W, 3) uint8 -> (1, 3, n, H, W) in [-1, 1]."""
    return torch.from_numpy(frames).permute(3, 0, 1, 2)[None].float() / 127.5 - 1
