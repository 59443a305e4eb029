"""Between a face's points and ARKit's 52 blendshapes, both ways; learnt by ``train blendshapes``.

*Reading* is a small network from 68 landmarks of any face to blendshapes. *Moving* is linear in the logits of
blendshapes: what one unit of each adds to the points of MediaPipe's mesh, in the face's own lengths. The 68 landmarks
are points of that mesh. A score says hardly anything where it is near 0 or 1, and its logit goes on as the face moves.
"""

import numpy as np
import torch
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from torch import nn

from moditalker.face.blendshapes import BLENDSHAPES, EYE_LOOKS
from moditalker.face.geometry import umeyama
from moditalker.face.layout import MEDIAPIPE_TO_68, POINTS, STABLE

MESH_POINTS = 478
"""Of MediaPipe's face mesh, irises last."""
_CLEAREST = 12.0
"""Standard deviations from the mean beyond which a coordinate counts as that far."""
_LEAST = 1e-4
"""Scores below this are the same to all who use them."""


class BlendshapeMap(ModelMixin, ConfigMixin):
    """Reads blendshapes from landmarks, and says how blendshapes move a face.

    Args:
        width: of the reading network's two hidden layers.
    """

    template: torch.Tensor
    mean: torch.Tensor
    scale: torch.Tensor
    basis: torch.Tensor
    morphs: torch.Tensor
    usual: torch.Tensor

    @register_to_config
    def __init__(self, width: int = 128) -> None:
        super().__init__()
        # (68, 3) the mean face, inter-ocular distances; every face is laid on its stable points before it is read.
        self.register_buffer("template", torch.zeros(POINTS, 3))
        self.register_buffer("mean", torch.zeros(3 * POINTS))
        self.register_buffer("scale", torch.ones(3 * POINTS))
        # What one unit of each blendshape's logit adds, inter-ocular distances, in the template's directions; and what
        # one unit of the blendshape itself adds, where something is to be linear in it.
        self.register_buffer("basis", torch.zeros(len(BLENDSHAPES), MESH_POINTS, 3))
        self.register_buffer("morphs", torch.zeros(len(BLENDSHAPES), MESH_POINTS, 3))
        # Deviation of each logit within a clip of somebody who talks.
        self.register_buffer("usual", torch.ones(len(BLENDSHAPES)))
        self.reader = nn.Sequential(
            nn.Linear(3 * POINTS, width),
            nn.GELU(),
            nn.Linear(width, width),
            nn.GELU(),
            nn.Linear(width, len(BLENDSHAPES)),
        )

    def forward(self, points: torch.Tensor) -> torch.Tensor:
        """(N, 68, 3) laid on the template -> (N, 52) logits of blendshapes."""
        far = ((points.flatten(1) - self.mean) / self.scale).clamp(-_CLEAREST, _CLEAREST)
        return self.reader(far)

    @torch.inference_mode()
    def read(self, points: np.ndarray) -> np.ndarray:
        """Blendshapes of faces.

        Args:
            points: (T, 68, 3) any unit; turned and moved as they may be.
        Returns:
            (T, 52) float32, 0 to 1, in the order of ``BLENDSHAPES``. Where the eyes look cannot be seen in 68
            landmarks: the eight ``eyeLook`` are 0.
        """
        laid = torch.from_numpy(laid_on(points, self.template.float().cpu().numpy()))
        read = torch.sigmoid(self(laid.to(self.device, self.dtype)).float()).cpu().numpy()
        read[:, EYE_LOOKS] = 0
        return read

    def displacement(self, logits: np.ndarray, shape: np.ndarray) -> np.ndarray:
        """How changes of the blendshapes' logits move a face's landmarks.

        Args:
            logits: (..., 52).
            shape: (68, 3) the face, in its face-centric frame.
        Returns:
            (..., 68, 3) float32, in the face's own lengths and directions.
        """
        basis = self.basis.float().cpu().numpy()[:, MEDIAPIPE_TO_68]
        return np.tensordot(logits, self.turned_to(shape, basis), 1).astype(np.float32)

    def turned_to(self, shape: np.ndarray, moves: np.ndarray) -> np.ndarray:
        """Displacements (..., N, 3) in the template's directions and lengths, in those of a face (68, 3)."""
        template = self.template.float().cpu().numpy()
        scale, rotation, _ = umeyama(template[STABLE], shape[STABLE])
        return (scale * moves @ rotation.T).astype(np.float32)


def logit(scores: np.ndarray) -> np.ndarray:
    """ln(p / (1 - p)) of scores, 0 to 1, held within what is told apart: -9.2 to 9.2."""
    held = np.clip(scores, _LEAST, 1 - _LEAST)
    return np.log(held / (1 - held))


def laid_on(points: np.ndarray, template: np.ndarray) -> np.ndarray:
    """Lay faces on a template by their stable points, with one turn, shift and scale each (Umeyama 1991).

    Args:
        points: (T, N, 3), any unit; the first 68 of them are the landmarks.
        template: (68, 3).
    Returns:
        (T, N, 3) float32 in the template's unit.
    """
    scale, rotation, translation = umeyama(points[:, STABLE], template[STABLE])
    turned = scale[:, None, None] * np.einsum("tij,tnj->tni", rotation, points.astype(np.float64))
    return (turned + translation[:, None]).astype(np.float32)
