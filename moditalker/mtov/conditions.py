"""What MToV is given of each frame, made from the portrait and the landmarks alone: no driving video."""

import numpy as np
import torch

from moditalker.face.geometry import FaceFrame, transform_points
from moditalker.mtov.drawing import draw_landmarks, lower_face_mask
from moditalker.mtov.interior import MouthInterior, lip_colour
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
        ``warped`` (3, n, 128, 128), the mouth's inside painted as ``MouthInterior`` does, ``drawn`` (3, n, 128, 128)
        and ``visible`` (1, n, 128, 128), all uint8.
    """
    frame = FaceFrame(portrait_landmarks)
    _, pose = frame.analyse(landmarks)
    field = WarpField(frame, landmarks, pose)
    warped = warp_aligned(portrait, portrait_matrix, field, matrices)
    pictures = warped.round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).contiguous()
    aligned = transform_points(matrices, landmarks)
    still = portrait.round().clamp(0, 255).to(torch.uint8).permute(1, 2, 0).numpy()
    lips = lip_colour(still, transform_points(portrait_matrix, portrait_landmarks))
    scale = float(np.sqrt(abs(np.linalg.det(portrait_matrix[:, :2]))))
    interior = MouthInterior(portrait_landmarks, landmarks)
    for index, picture in enumerate(pictures.numpy()):
        interior.paint(picture, index, aligned, lips, scale)
    return {
        "warped": pictures.permute(3, 0, 1, 2),
        "drawn": torch.from_numpy(draw_landmarks(aligned)).transpose(0, 1),
        "visible": torch.from_numpy(lower_face_mask(aligned)).to(torch.uint8).transpose(0, 1),
    }
