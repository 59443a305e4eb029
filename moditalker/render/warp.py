"""Thin-plate-spline warp of the portrait by its landmarks (F. L. Bookstein, "Principal warps", PAMI 1989).

A backward map is fitted from the landmarks of a frame to those of the portrait. Beside the 68 points it is held by a
ring on the hair and ears that moves rigidly with the head, and by a wider ring that never moves, so that the background
stays still. Over the eyes the lids slide, see ``render.lids``. The warp of a gaping mouth is cut between the lips, see
``render.lip_line``. A network may refine the rest, see ``mtov.flow``.
One ``FrameWarp`` serves any ``Grid``: the aligned face that the networks see, and the portrait's own pixels.
"""

from collections.abc import Iterator

import cv2
import numpy as np
import torch
from scipy.spatial.transform import Rotation

from moditalker.face.geometry import ALIGNED_SIZE, FaceFrame, FaceMotion, transform_points
from moditalker.face.layout import LOWER_INNER_LIP, STABLE, UPPER_INNER_LIP
from moditalker.render.grid import Grid, feather, looked_up
from moditalker.render.lids import LidMotion
from moditalker.render.lip_line import gapes, share_below, sides
from moditalker.render.spline import ThinPlateSpline

# Ellipses in inter-ocular distances around the centre between the eyes and the chin.
_HEAD_RADII = (1.25, 1.7)
_REST_RADII = (2.7, 3.1)
MOVING_RADII = (2.4, 2.8)
"""Inside this ellipse (x and y, in inter-ocular distances) pixels may move; it fades out towards ``_REST_RADII``."""
_FADE = 0.25
"""Over this part of the aligned face's side refinement fades out beyond that face."""
_SLIT = 0.02
"""Lips never come nearer to one another than this, inter-ocular distances."""
# Under each brow one point goes with the brow and the corners of the eye: the brow's lower edge, which lids must not
# drag along. Columns: brow, inner and outer corner, and how near to the inner one.
_UNDER_BROWS = (
    (18, 39, 36, 0.3),
    (19, 39, 36, 0.5),
    (20, 39, 36, 0.7),
    (23, 42, 45, 0.7),
    (24, 42, 45, 0.5),
    (25, 42, 45, 0.3),
)
_BROW_DEPTH = 0.3
"""How far down from the brow to the line between the corners that point lies."""


def face_centre(frame: FaceFrame) -> np.ndarray:
    """(2,) picture space: a third of the way from the brows to the chin, where the rings are centred."""
    brows, chin = frame.landmarks[19:25, :2].mean(0), frame.landmarks[8, :2]
    return brows + (chin - brows) / 3


class FrameWarp:
    """Where T frames take their pixels from in the portrait.

    Args:
        frame: the portrait's face-centric frame.
        motion: of the frames, in the portrait's picture space.
    """

    def __init__(self, frame: FaceFrame, motion: FaceMotion) -> None:
        self.matrices = motion.matrices
        """(T, 2, 3) picture space -> aligned face."""
        self._origin = torch.from_numpy(face_centre(frame))
        self._unit = frame.unit
        head, moved_head = _rigid_ring(frame, motion.pose)
        rest = self._ring(_REST_RADII, np.linspace(0, 2 * np.pi, 20, endpoint=False))
        held = frame.landmarks[:, :2]
        self._lids = LidMotion(held, motion.landmarks[..., :2])
        parted = _parted(self._lids.resting, frame.unit)
        source = np.concatenate([held, _under_brows(held), head, rest])
        fixed = np.broadcast_to(rest, (len(motion), *rest.shape))
        target = np.concatenate([parted, _under_brows(parted), moved_head, fixed], 1)
        places = self._normalise(torch.from_numpy(source))
        targets = self._normalise(torch.from_numpy(target.astype(np.float64)))
        self._lips = parted
        if gapes(frame.landmarks):
            others = np.ones(len(places) - len(held), bool)
            known = [np.concatenate([side, others]) for side in sides()]
            self._splines = [ThinPlateSpline(places[one], targets[:, one]) for one in known]
        else:
            self._splines = [ThinPlateSpline(places, targets)]

    def displacements(self, grid: Grid, shift: np.ndarray | None = None) -> Iterator[np.ndarray]:
        """How far to the right and below each pixel of the frames is taken from, spline, lids and refinement together.

        Args:
            grid: of the frames' pixels.
            shift: (T, 2, s, s), see ``refined``; None refines nothing.
        Yields:
            (height, width, 2) float32, pixels of the grid; one frame at a time, for large pictures take much memory.
        """
        inverses = np.stack([cv2.invertAffineTransform(matrix) for matrix in grid.matrices.astype(np.float64)])
        lattice = grid.lattice.reshape(-1, 2)
        points = transform_points(inverses, lattice)
        # Displacements and not places are interpolated: cv2.remap rounds to a 32nd of a cell.
        fields = [
            (transform_points(grid.portrait_matrix, self.spline(points, part)) - lattice).astype(np.float32)
            for part in range(len(self._splines))
        ]
        for index, coarse in enumerate(zip(*fields, strict=True)):
            displacement, *below = (looked_up(one.reshape(grid.lattice.shape), grid.on_lattice) for one in coarse)
            if below:
                lips = transform_points(grid.matrix(index), self._lips[index])
                share = share_below(lips, grid.pixels)[..., None]
                displacement = displacement + share * (below[0] - displacement)
            self._slide_lids(displacement, grid, index)
            yield displacement if shift is None else self.refined(displacement, grid, index, shift[index])

    def refined(self, displacement: np.ndarray, grid: Grid, index: int, shift: np.ndarray) -> np.ndarray:
        """A frame's displacement, looked up elsewhere, and the way there on top.

        Args:
            displacement: (height, width, 2) pixels of the grid.
            index: of the frame.
            shift: (2, s, s) pixels of the aligned face to the right and below, where each of its s x s cells is looked
                up; it fades out beyond that face.
        Returns:
            (height, width, 2)
        """
        if not shift.any():
            return displacement
        aligned = cv2.invertAffineTransform(self.matrices[index].astype(np.float64))
        matrix = grid.matrix(index) @ np.concatenate([aligned, [[0, 0, 1]]])  # aligned face -> grid
        cells = shift.shape[-1]
        side, margin = ALIGNED_SIZE / cells, round(cells * _FADE)
        first = np.array([(side - 1) / 2 - margin * side] * 2 + [1])
        padded = np.pad(shift.transpose(1, 2, 0), ((margin, margin), (margin, margin), (0, 0)), mode="edge")
        padded = (padded @ matrix[:, :2].T * feather(len(padded), margin)).astype(np.float32)
        place = np.column_stack([matrix[:, :2] * side, matrix @ first])
        fine = cv2.warpAffine(padded, place, (grid.width, grid.height), flags=cv2.INTER_LINEAR)
        return looked_up(displacement, cv2.split(grid.pixels + fine)) + fine

    def spline(self, points: np.ndarray, part: int = 0) -> np.ndarray:
        """Where in the portrait each point comes from, lids and refinement aside.

        Args:
            points: (P, 2) or (T or 1, P, 2) picture space, pixels.
            part: of a gaping mouth 0 is the map above the lip line and 1 the one below; else there is one.
        Returns:
            (T, P, 2) picture space of the portrait, pixels.
        """
        normal = self._normalise(torch.as_tensor(points, dtype=torch.float64)).float()
        radius = (normal / torch.tensor(MOVING_RADII)).norm(dim=-1, keepdim=True)
        inside = ((1.12 - radius) / 0.24).clamp(0, 1)
        displacement = self._splines[part](normal) * inside * inside * (3 - 2 * inside)
        return ((normal + displacement).double() * self._unit + self._origin).numpy()

    def _ring(self, radii: tuple[float, float], angles: np.ndarray) -> np.ndarray:
        return self._origin.numpy() + self._unit * np.stack([radii[0] * np.cos(angles), radii[1] * np.sin(angles)], -1)

    def _normalise(self, points: torch.Tensor) -> torch.Tensor:
        return (points - self._origin) / self._unit

    def _slide_lids(self, displacement: np.ndarray, grid: Grid, index: int) -> None:
        """Let the lids of a frame slide over the eyes; (height, width, 2) pixels of the grid, in place."""
        matrix, size = grid.matrix(index), (grid.width, grid.height)
        inverse = cv2.invertAffineTransform(matrix)
        for low, high in self._lids.boxes(index):
            corners = np.array([[x, y] for x in (low[0], high[0]) for y in (low[1], high[1])])
            placed = transform_points(matrix, corners)
            x0, y0 = np.clip(np.floor(placed.min(0)).astype(int), 0, size)
            x1, y1 = np.clip(np.ceil(placed.max(0)).astype(int) + 1, 0, size)
            if x1 <= x0 or y1 <= y0:
                continue
            here = grid.pixels[y0:y1, x0:x1]
            resting = self._lids(index, transform_points(inverse, here.reshape(-1, 2)))
            resting = transform_points(matrix, resting).reshape(here.shape)
            part = looked_up(displacement, cv2.split(resting.astype(np.float32)))
            displacement[y0:y1, x0:x1] = part + (resting - here)


def _under_brows(landmarks: np.ndarray) -> np.ndarray:
    """(..., 68, 2) pixels -> (..., 6, 2)."""
    points = []
    for brow, inner, outer, share in _UNDER_BROWS:
        line = share * landmarks[..., inner, :] + (1 - share) * landmarks[..., outer, :]
        points.append(landmarks[..., brow, :] + _BROW_DEPTH * (line - landmarks[..., brow, :]))
    return np.stack(points, -2)


def _parted(landmarks: np.ndarray, unit: float) -> np.ndarray:
    """Keep lips a slit apart: where two points meet that come from different places, the spline would swirl.

    Args:
        landmarks: (T, 68, 2) pixels.
        unit: inter-ocular distance, pixels.
    Returns:
        (T, 68, 2)
    """
    parted = landmarks.astype(np.float64)
    for upper, lower in zip(UPPER_INNER_LIP, LOWER_INNER_LIP, strict=True):
        missing = np.maximum(0, _SLIT * unit - (parted[:, lower, 1] - parted[:, upper, 1]))
        parted[:, upper, 1] -= missing / 2
        parted[:, lower, 1] += missing / 2
    return parted


def _rigid_ring(frame: FaceFrame, pose: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points on hair and ears: (9, 2) in the portrait and (T, 9, 2) moved with the head, picture space."""
    angles = np.linspace(-np.pi * 1.1, np.pi * 0.1, 9)
    flat = face_centre(frame) + frame.unit * np.stack(
        [_HEAD_RADII[0] * np.cos(angles), _HEAD_RADII[1] * np.sin(angles)], -1
    )
    depth = frame.landmarks[[0, 16], 2].mean()
    ring = (np.concatenate([flat, np.full((9, 1), depth)], -1) - frame.origin) / frame.unit
    centre = frame.shape[STABLE].mean(0)
    rotation = Rotation.from_rotvec(np.asarray(pose[:, :3], np.float64)).as_matrix()
    moved = np.einsum("tij,nj->tni", rotation, ring - centre) * np.exp(pose[:, None, 5:6])
    moved[..., :2] += pose[:, None, 3:5]
    return flat, (moved * frame.unit + frame.origin)[..., :2]
