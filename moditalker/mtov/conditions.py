"""What MToV is given of each frame, made from the portrait and the landmarks alone: no driving video."""

import numpy as np
import torch

from moditalker.face.geometry import FaceFrame, FaceMotion, transform_points
from moditalker.mtov.flow import CELLS, FlowRefiner, loose_cells
from moditalker.render.grid import Grid, sample
from moditalker.render.landmark_map import draw_landmarks, lower_face_mask
from moditalker.render.mouth_interior import MouthInterior, growth
from moditalker.render.teeth import lip_lift
from moditalker.render.warp import FrameWarp

STEPS_A_PIXEL = 4
"""``displacement`` counts quarters of a pixel, so that it fits a byte."""
_PIXELS_A_UNIT = 8


def block_conditions(
    portrait: torch.Tensor,
    frame: FaceFrame,
    portrait_matrix: np.ndarray,
    motion: FaceMotion,
    refiner: FlowRefiner | None = None,
) -> dict[str, torch.Tensor]:
    """What MToV is given of n frames.

    Args:
        portrait: (3, 128, 128) aligned, 0 to 255.
        frame: the portrait's face-centric frame.
        portrait_matrix: (2, 3) picture -> aligned.
        motion: of the n frames, in the portrait's picture space.
        refiner: says where the spline should have taken its pixels from; None believes the spline.
    Returns:
        ``warped`` (3, n, 128, 128), the mouth's inside painted as ``MouthInterior`` does, ``landmark_map``
        (3, n, 128, 128) and ``visible`` (1, n, 128, 128), all uint8; ``displacement`` (2, n, 128, 128) int8: how far to
        the right and how far below each pixel stood in the portrait, in quarters of a pixel; ``loose`` (1, n, 32, 32)
        float32, see ``loose_cells``; ``shift`` (2, n, 32, 32) float32, what the refiner said of the warp, in pixels.
    """
    grid = Grid.aligned(portrait_matrix, motion.matrices, portrait.shape[-1])
    warp = FrameWarp(frame, motion)
    aligned = transform_points(motion.matrices, motion.landmarks)
    landmark_map, loose = torch.from_numpy(draw_landmarks(aligned)), torch.from_numpy(loose_cells(aligned))
    still = portrait.round().clamp(0, 255).to(torch.uint8).permute(1, 2, 0).numpy()
    grown = growth(frame.landmarks, motion.landmarks, portrait_matrix, motion.matrices)
    own = transform_points(portrait_matrix, frame.landmarks)
    interior = MouthInterior(still, own, aligned, grown, lip_lift(motion.residual))

    def pictured(displacement: torch.Tensor) -> torch.Tensor:
        warped = sample(portrait[None], displacement).round().clamp(0, 255).to(torch.uint8)
        warped = warped.permute(0, 2, 3, 1).contiguous()
        for index, picture in enumerate(warped.numpy()):
            interior.paint(picture, index)
        return warped.permute(0, 3, 1, 2)

    displacement = torch.from_numpy(np.stack(list(warp.displacements(grid))))
    warped, shift = pictured(displacement), torch.zeros(len(motion), 2, CELLS, CELLS)
    if refiner is not None:
        shift = refiner.refine(warped, landmark_map, displacement.permute(0, 3, 1, 2), loose)
        pairs = enumerate(zip(displacement.numpy(), shift.numpy(), strict=True))
        displacement = torch.from_numpy(np.stack([warp.refined(one, grid, index, by) for index, (one, by) in pairs]))
        warped = pictured(displacement)
    quarters = (STEPS_A_PIXEL * displacement).round().clamp(-127, 127).to(torch.int8)
    return {
        "warped": warped.transpose(0, 1),
        "landmark_map": landmark_map.transpose(0, 1),
        "displacement": quarters.permute(3, 0, 1, 2),
        "visible": torch.from_numpy(lower_face_mask(aligned)).to(torch.uint8).transpose(0, 1),
        "loose": loose.transpose(0, 1),
        "shift": shift.transpose(0, 1),
    }


def guides(landmark_map: torch.Tensor, displacement: torch.Tensor) -> torch.Tensor:
    """What the decoder is given beside the warp: where the face's parts are, and how far what it sees was pulled.

    Args:
        landmark_map: (..., 3, n, H, W) uint8, see ``block_conditions``.
        displacement: (..., 2, n, H, W) int8.
    Returns:
        (..., 5, n, H, W) float32, about [-2, 2].
    """
    return torch.cat([landmark_map.float() / 255, displacement.float() / (STEPS_A_PIXEL * _PIXELS_A_UNIT)], -4)
