"""What MToV is given of each frame, made from the portrait and the landmarks alone: no driving video."""

import numpy as np
import torch

from moditalker.face.geometry import FaceFrame, transform_points
from moditalker.mtov.flow import CELLS, FlowRefiner, loose_cells, shifted_flow
from moditalker.render.landmark_map import draw_landmarks, lower_face_mask
from moditalker.render.mouth_interior import MouthInterior, growth
from moditalker.render.teeth import lip_lift
from moditalker.render.warp import WarpField, aligned_flow, displacement, sample

STEPS_A_PIXEL = 4
"""``moved`` counts quarters of a pixel, so that it fits a byte."""
_PIXELS_A_UNIT = 8


def block_conditions(
    portrait: torch.Tensor,
    portrait_landmarks: np.ndarray,
    portrait_matrix: np.ndarray,
    landmarks: np.ndarray,
    matrices: np.ndarray,
    refiner: FlowRefiner | None = None,
) -> dict[str, torch.Tensor]:
    """What MToV is given of n frames.

    Args:
        portrait: (3, 128, 128) aligned, 0 to 255.
        portrait_landmarks: (68, 3) picture space.
        portrait_matrix: (2, 3) picture -> aligned.
        landmarks: (n, 68, 3) picture space of the portrait.
        matrices: (n, 2, 3) picture -> aligned, of each frame.
        refiner: says where the spline should have taken its pixels from; None believes the spline.
    Returns:
        ``warped`` (3, n, 128, 128), the mouth's inside painted as ``MouthInterior`` does, ``drawn`` (3, n, 128, 128)
        and ``visible`` (1, n, 128, 128), all uint8, ``moved`` (2, n, 128, 128) int8: how far to the right and how
        far below each pixel stood in the portrait, in quarters of a pixel; ``loose`` (1, n, 32, 32) float32, see
        ``loose_cells``; ``shift`` (2, n, 32, 32) float32, what the refiner said of the spline's warp, in pixels.
    """
    frame = FaceFrame(portrait_landmarks)
    residual, pose = frame.analyse(landmarks)
    field = WarpField(frame, landmarks, pose)
    flow = aligned_flow(portrait_matrix, field, matrices, portrait.shape[-1])
    aligned = transform_points(matrices, landmarks)
    drawn, loose = torch.from_numpy(draw_landmarks(aligned)), torch.from_numpy(loose_cells(aligned))
    still = portrait.round().clamp(0, 255).to(torch.uint8).permute(1, 2, 0).numpy()
    grown = growth(portrait_landmarks, landmarks, portrait_matrix, matrices)
    own = transform_points(portrait_matrix, portrait_landmarks)
    interior = MouthInterior(still, own, aligned, grown, lip_lift(residual))

    def pictured(flow: torch.Tensor) -> torch.Tensor:
        warped = sample(portrait[None], flow).round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).contiguous()
        for index, picture in enumerate(warped.numpy()):
            interior.paint(picture, index)
        return warped.permute(0, 3, 1, 2)

    warped, shift = pictured(flow), torch.zeros(len(landmarks), 2, CELLS, CELLS)
    if refiner is not None:
        shift = refiner.refine(warped, drawn, displacement(flow).permute(0, 3, 1, 2), loose)
        flow = shifted_flow(flow, shift)
        warped = pictured(flow)
    return {
        "warped": warped.transpose(0, 1),
        "drawn": drawn.transpose(0, 1),
        "moved": (STEPS_A_PIXEL * displacement(flow)).round().clamp(-127, 127).to(torch.int8).permute(3, 0, 1, 2),
        "visible": torch.from_numpy(lower_face_mask(aligned)).to(torch.uint8).transpose(0, 1),
        "loose": loose.transpose(0, 1),
        "shift": shift.transpose(0, 1),
    }


def guides(drawn: torch.Tensor, moved: torch.Tensor) -> torch.Tensor:
    """What the decoder is told beside the warp: where the face's parts are, and how far what it sees was pulled.

    Args:
        drawn: (..., 3, n, H, W) uint8, see ``block_conditions``.
        moved: (..., 2, n, H, W) int8.
    Returns:
        (..., 5, n, H, W) float32, about [-2, 2].
    """
    return torch.cat([drawn.float() / 255, moved.float() / (STEPS_A_PIXEL * _PIXELS_A_UNIT)], -4)
