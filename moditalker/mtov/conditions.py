"""What MToV is given of each frame, made from the portrait and the landmarks alone: no driving video."""

import numpy as np
import torch

from moditalker.face.geometry import FaceFrame, transform_points
from moditalker.mtov.drawing import draw_landmarks, lower_face_mask
from moditalker.mtov.warp import WarpField, warp_aligned


def block_conditions(
    portrait: torch.Tensor,
    portrait_landmarks: np.ndarray,
    portrait_matrix: np.ndarray,
    landmarks: np.ndarray,
    matrices: np.ndarray,
) -> dict[str, torch.Tensor]:
    """What MToV is given of n frames.

    Args:
        portrait: (3, 128, 128) aligned, 0 to 255.
        portrait_landmarks: (68, 3) picture space.
        portrait_matrix: (2, 3) picture -> aligned.
        landmarks: (n, 68, 3) picture space of the portrait.
        matrices: (n, 2, 3) picture -> aligned, of each frame.
    Returns:
        ``warped`` (3, n, 128, 128), ``drawn`` (3, n, 128, 128) and ``visible`` (1, n, 128, 128), all uint8.
    """
    frame = FaceFrame(portrait_landmarks)
    _, pose = frame.analyse(landmarks)
    field = WarpField(frame, landmarks, pose)
    warped = warp_aligned(portrait, portrait_matrix, field, matrices)
    aligned = transform_points(matrices, landmarks)
    return {
        "warped": warped.round().clamp(0, 255).to(torch.uint8).transpose(0, 1),
        "drawn": torch.from_numpy(draw_landmarks(aligned)).transpose(0, 1),
        "visible": torch.from_numpy(lower_face_mask(aligned)).to(torch.uint8).transpose(0, 1),
    }
