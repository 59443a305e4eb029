"""Thin-plate-spline warp of the portrait by its landmarks (F. L. Bookstein, "Principal warps", PAMI 1989).

A backward map is fitted from the landmarks of a frame to those of the portrait. Beside the 68 points it is held by a
ring on the hair and ears that moves rigidly with the head, and by a wider ring that never moves, so that the background
stays still.
"""

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from scipy.spatial.transform import Rotation

from moditalker.face.geometry import FaceFrame, transform_points
from moditalker.face.layout import INNER_LIPS, STABLE
from moditalker.render.lids import LidMotion

# Ellipses in inter-ocular distances around the centre between the eyes and the chin.
_HEAD_RADII = (1.25, 1.7)
_REST_RADII = (2.7, 3.1)
MOVING_RADII = (2.4, 2.8)
"""Inside this ellipse (x and y, in inter-ocular distances) pixels may move; it fades out towards ``_REST_RADII``."""
_STIFFNESS = 1e-3
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


class WarpField:
    """The backward map of T frames, ready to be evaluated anywhere; the lids' part of it is in ``lids``.

    Args:
        frame: the portrait's face-centric frame.
        landmarks: (T, 68, 3) picture space of the portrait, pixels.
        pose: (T, 6) head pose, see ``FaceFrame.analyse``.
    """

    def __init__(self, frame: FaceFrame, landmarks: np.ndarray, pose: np.ndarray) -> None:
        self.origin = torch.from_numpy(face_centre(frame))
        self.unit = frame.unit
        head, head_moved = _rigid_ring(frame, pose)
        rest = self._ring(_REST_RADII, np.linspace(0, 2 * np.pi, 20, endpoint=False))
        frames = len(landmarks)
        held = frame.landmarks[:, :2]
        self.lids = LidMotion(held, landmarks[..., :2])
        parted = _parted(self.lids.resting, frame.unit)
        source = np.concatenate([held, _under_brows(held), head, rest])
        fixed = np.broadcast_to(rest, (frames, *rest.shape))
        target = np.concatenate([parted, _under_brows(parted), head_moved, fixed], 1)
        self._source = self._normalise(torch.from_numpy(source))
        self._target = self._normalise(torch.from_numpy(target.astype(np.float64)))
        self._weights = self._solve()

    def _ring(self, radii: tuple[float, float], angles: np.ndarray) -> np.ndarray:
        return self.origin.numpy() + self.unit * np.stack([radii[0] * np.cos(angles), radii[1] * np.sin(angles)], -1)

    def _normalise(self, points: torch.Tensor) -> torch.Tensor:
        return (points - self.origin) / self.unit

    def _solve(self) -> torch.Tensor:
        """(T, K + 3, 2) spline weights followed by the affine part, of the displacement target -> source."""
        target = self._target
        frames, count, _ = target.shape
        kernel = _radial(torch.cdist(target, target).square())
        kernel = kernel + _STIFFNESS * torch.eye(count, dtype=kernel.dtype)
        affine = torch.cat([torch.ones(frames, count, 1, dtype=kernel.dtype), target], -1)
        top = torch.cat([kernel, affine], -1)
        bottom = torch.cat([affine.transpose(1, 2), torch.zeros(frames, 3, 3, dtype=kernel.dtype)], -1)
        displacement = F.pad(self._source - target, (0, 0, 0, 3))
        return torch.linalg.solve(torch.cat([top, bottom], 1), displacement)

    def __call__(self, points: np.ndarray | torch.Tensor) -> np.ndarray:
        """Where in the portrait each point of the frames comes from.

        Args:
            points: (P, 2) or (T, P, 2) picture space, pixels.
        Returns:
            (T, P, 2) picture space of the portrait, pixels.
        """
        points = torch.as_tensor(points, dtype=torch.float64)
        normal = self._normalise(points).float()
        if normal.dim() == 2:
            normal = normal.expand(len(self._target), -1, -1)
        target, weights = self._target.float(), self._weights.float()
        squared = (
            normal.square().sum(-1, keepdim=True)
            + target.square().sum(-1).unsqueeze(1)
            - 2 * normal @ target.transpose(1, 2)
        )
        count = target.shape[1]
        moved = _radial(squared.clamp_min(0)) @ weights[:, :count]
        moved = moved + weights[:, count : count + 1] + normal @ weights[:, count + 1 :]
        radius = (normal / torch.tensor(MOVING_RADII)).norm(dim=-1, keepdim=True)
        inside = ((1.12 - radius) / 0.24).clamp(0, 1)
        moved = moved * inside * inside * (3 - 2 * inside)
        return ((normal + moved).double() * self.unit + self.origin).numpy()


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
    inner = INNER_LIPS
    for upper, lower in ((inner[1], inner[7]), (inner[2], inner[6]), (inner[3], inner[5])):
        missing = np.maximum(0, _SLIT * unit - (parted[:, lower, 1] - parted[:, upper, 1]))
        parted[:, upper, 1] -= missing / 2
        parted[:, lower, 1] += missing / 2
    return parted


def _radial(squared: torch.Tensor) -> torch.Tensor:
    """r^2 log r, written on r^2; in place on a copy, for these tensors are large and memory is what they cost."""
    return squared.clamp_min(1e-12).log_().mul_(squared).mul_(0.5)


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


def pixel_grid(width: int, height: int, columns: int, rows: int) -> np.ndarray:
    """(rows * columns, 2) pixel centres spread evenly over a picture of width x height."""
    x = (np.arange(columns) + 0.5) * (width / columns) - 0.5
    y = (np.arange(rows) + 0.5) * (height / rows) - 0.5
    return np.stack(np.meshgrid(x, y), -1).reshape(-1, 2)


def sample(image: torch.Tensor, coordinates: torch.Tensor, mode: str = "bilinear") -> torch.Tensor:
    """Look-up between pixels, the border repeated.

    Args:
        image: (1 or T, C, H, W).
        coordinates: (T, h, w, 2) x and y in pixels of ``image``.
        mode: ``bilinear`` or ``bicubic``.
    Returns:
        (T, C, h, w)
    """
    height, width = image.shape[-2:]
    scale = torch.tensor([2.0 / width, 2.0 / height], device=coordinates.device)
    grid = (coordinates + 0.5) * scale - 1
    image = image.expand(len(coordinates), -1, -1, -1)
    return F.grid_sample(image, grid, mode=mode, padding_mode="border", align_corners=False)


def aligned_flow(
    portrait_matrix: np.ndarray, field: WarpField, matrices: np.ndarray, size: int, resolution: int = 64
) -> torch.Tensor:
    """Where in the aligned portrait each pixel of the aligned view of every frame comes from.

    Args:
        portrait_matrix: (2, 3) picture -> aligned, of the portrait.
        field: backward map of the T frames.
        matrices: (T, 2, 3) picture -> aligned, of each frame.
        size: S, side of the aligned face, pixels.
        resolution: the map is evaluated on so many points a side and interpolated.
    Returns:
        (T, S, S, 2) float32, x and y in pixels, as ``sample`` takes them.
    """
    grid = torch.from_numpy(pixel_grid(size, size, resolution, resolution))
    linear = torch.from_numpy(np.linalg.inv(matrices[:, :, :2].astype(np.float64)))
    shift = torch.from_numpy(matrices[:, :, 2].astype(np.float64))
    in_frame = (grid - shift[:, None]) @ linear.transpose(1, 2)
    in_portrait = torch.from_numpy(field(in_frame))
    back = torch.from_numpy(portrait_matrix.astype(np.float64))
    aligned = (in_portrait @ back[:, :2].T + back[:, 2]).float()
    flow = aligned.reshape(len(matrices), resolution, resolution, 2).permute(0, 3, 1, 2)
    flow = F.interpolate(flow, size=(size, size), mode="bilinear", align_corners=False)
    # Interpolation clamps at the border; extend the last cell's slope instead of repeating its value.
    flow = (flow + _border_correction(flow, size, resolution)).permute(0, 2, 3, 1)
    _slide_lids(flow, field, matrices)
    return flow


def warp_aligned(
    portrait: torch.Tensor, portrait_matrix: np.ndarray, field: WarpField, matrices: np.ndarray
) -> torch.Tensor:
    """Warp the aligned portrait, (3, S, S) of any value range, by ``aligned_flow``: (T, 3, S, S)."""
    return sample(portrait[None], aligned_flow(portrait_matrix, field, matrices, portrait.shape[-1]))


def displacement(flow: torch.Tensor) -> torch.Tensor:
    """How far each pixel of a flow came; (T, S, S, 2) -> (T, S, S, 2) pixels."""
    return flow - pixel_places(flow.shape[1]).to(flow)


def pixel_places(size: int) -> torch.Tensor:
    """(size, size, 2) float32, x and y of each pixel: the flow that moves nothing."""
    place = torch.arange(size, dtype=torch.float32)
    return torch.stack(torch.meshgrid(place, place, indexing="xy"), -1)


def _slide_lids(flow: torch.Tensor, field: WarpField, matrices: np.ndarray) -> None:
    """Let the lids slide over the eyes, in place; (T, S, S, 2) of the aligned face and its (T, 2, 3) matrices."""
    size = flow.shape[1]
    for index, matrix in enumerate(matrices):
        for low, high in field.lids.boxes(index):
            corners = np.array([[x, y] for x in (low[0], high[0]) for y in (low[1], high[1])])
            placed = transform_points(matrix, corners)
            x0, y0 = np.clip(np.floor(placed.min(0)).astype(int), 0, size)
            x1, y1 = np.clip(np.ceil(placed.max(0)).astype(int) + 1, 0, size)
            if x1 <= x0 or y1 <= y0:
                continue
            grid = np.stack(np.meshgrid(np.arange(x0, x1), np.arange(y0, y1)), -1).reshape(-1, 2)
            inverse = cv2.invertAffineTransform(matrix)
            resting = transform_points(matrix, field.lids(index, transform_points(inverse, grid)))
            wanted = torch.from_numpy(resting.astype(np.float32)).reshape(1, y1 - y0, x1 - x0, 2)
            part = sample(flow[index].permute(2, 0, 1)[None], wanted)[0]
            flow[index, y0:y1, x0:x1] = part.permute(1, 2, 0)


def _border_correction(flow: torch.Tensor, size: int, resolution: int) -> torch.Tensor:
    """What ``interpolate`` loses in the outermost half cell: there it repeats the value where the map goes on."""
    cell = size / resolution
    position = torch.arange(size, dtype=flow.dtype)
    low, high = (cell - 1) / 2, size - 1 - (cell - 1) / 2
    over = (position - low).clamp_max(0) + (position - high).clamp_min(0)
    correction = torch.zeros_like(flow)
    correction[:, 0] = over[None, None, :]
    correction[:, 1] = over[None, :, None]
    return correction
