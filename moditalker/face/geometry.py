"""Rigid geometry of the face: the face-centric frame, head pose, and the aligned 128x128 view.

The closed-form alignment is S. Umeyama, "Least-squares estimation of transformation parameters between two point
patterns", PAMI 1991.
"""

from dataclasses import dataclass, fields

import cv2
import numpy as np
from scipy.spatial.transform import Rotation

from moditalker.face.layout import EYE_LINE, STABLE, interocular_distance

ALIGNED_SIZE = 128
"""Side of the aligned face in pixels."""
# Where the eye line lies in the aligned face, as fractions of its side. Outer eye corners are 0.44 of a side apart: as
# near as brows, an open jaw and both cheeks allow. Order of the points: EYE_LINE.
_EYE_LINE_TEMPLATE = np.array([[0.28, 0.33], [0.436, 0.332], [0.564, 0.332], [0.72, 0.33], [0.5, 0.301]], np.float32)


def umeyama(source: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Similarity (scale, rotation, translation) that takes ``source`` to ``target`` with least squared error.

    Args:
        source, target: (..., N, D) points, D = 2 or 3; leading axes broadcast.
    Returns:
        scale (...), rotation (..., D, D), translation (..., D): target ~ scale * source @ rotation.T + translation.
    """
    source, target = np.broadcast_arrays(np.asarray(source, np.float64), np.asarray(target, np.float64))
    mean_source, mean_target = source.mean(-2, keepdims=True), target.mean(-2, keepdims=True)
    centred_source, centred_target = source - mean_source, target - mean_target
    covariance = np.einsum("...ni,...nj->...ij", centred_target, centred_source) / source.shape[-2]
    u, singular, vt = np.linalg.svd(covariance)
    sign = np.ones_like(singular)
    sign[..., -1] = np.sign(np.linalg.det(u) * np.linalg.det(vt))
    rotation = (u * sign[..., None, :]) @ vt
    scale = (singular * sign).sum(-1) / (centred_source**2).sum((-2, -1)) * source.shape[-2]
    translation = mean_target[..., 0, :] - scale[..., None] * np.einsum(
        "...ij,...j->...i", rotation, mean_source[..., 0, :]
    )
    return scale, rotation, translation


@dataclass(frozen=True)
class FaceMotion:
    """Landmarks of T frames, with all that is worked out from them: once for a video, then sliced.

    Attributes:
        landmarks: (T, 68, 3) picture space, pixels.
        residual, pose: (T, 68, 3) and (T, 6), see ``FaceFrame.analyse``.
        matrices: (T, 2, 3) picture space -> aligned face, of each frame.
    """

    landmarks: np.ndarray
    residual: np.ndarray
    pose: np.ndarray
    matrices: np.ndarray

    def __len__(self) -> int:
        return len(self.landmarks)

    def __getitem__(self, frames: slice | np.ndarray) -> "FaceMotion":
        """Some of the frames, as numpy indexes them."""
        return FaceMotion(*(getattr(self, field.name)[frames] for field in fields(self)))

    def then(self, other: "FaceMotion") -> "FaceMotion":
        """These frames, and those of another motion of the same face after them."""
        both = ((getattr(self, field.name), getattr(other, field.name)) for field in fields(self))
        return FaceMotion(*(np.concatenate(pair) for pair in both))


class FaceFrame:
    """The face-centric coordinates of one portrait (or of one reference frame of a clip).

    The origin is the centre of the portrait's stable points, the unit its inter-ocular distance.

    Args:
        landmarks: (68, 3) picture space, pixels.
    """

    def __init__(self, landmarks: np.ndarray) -> None:
        self.landmarks = np.asarray(landmarks, np.float64)
        self.unit = float(interocular_distance(self.landmarks))
        self.origin = self.landmarks[STABLE].mean(0)
        self.shape = ((self.landmarks - self.origin) / self.unit).astype(np.float32)
        """(68, 3) the portrait itself, in inter-ocular distances: AToM's ``identity``."""

    def analyse(self, landmarks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Split tracked landmarks into expression and head pose.

        Args:
            landmarks: (T, 68, 3) picture space, pixels.
        Returns:
            residual (T, 68, 3): aligned landmarks minus the portrait's, inter-ocular distances;
            pose (T, 6): rotation vector (radians), x and y translation (inter-ocular distances), log scale; zero for
            the portrait itself.
        """
        points = (np.asarray(landmarks, np.float64) - self.origin) / self.unit
        scale, rotation, translation = umeyama(points[:, STABLE], self.shape[STABLE])
        aligned = scale[:, None, None] * np.einsum("tij,tnj->tni", rotation, points) + translation[:, None]
        vector = Rotation.from_matrix(np.swapaxes(rotation, -1, -2)).as_rotvec()
        centre = points[:, STABLE].mean(1)
        pose = np.concatenate([vector, centre[:, :2], -np.log(scale)[:, None]], -1)
        return (aligned - self.shape).astype(np.float32), pose.astype(np.float32)

    def compose(self, residual: np.ndarray, pose: np.ndarray) -> np.ndarray:
        """The inverse of ``analyse``: (T, 68, 3) residual and (T, 6) pose -> (T, 68, 3) picture space, pixels."""
        shape = (self.shape + residual).astype(np.float64)
        centre = self.shape[STABLE].mean(0)
        rotation = Rotation.from_rotvec(np.asarray(pose[:, :3], np.float64)).as_matrix()
        turned = np.einsum("tij,tnj->tni", rotation, shape - centre) * np.exp(pose[:, None, 5:6])
        turned[..., :2] += pose[:, None, 3:5]
        return (turned * self.unit + self.origin).astype(np.float32)

    def motion(self, landmarks: np.ndarray, matrices: np.ndarray | None = None) -> FaceMotion:
        """``analyse`` of (T, 68, 3) picture space, pixels; ``matrices`` are those of ``aligning_matrix`` by default."""
        residual, pose = self.analyse(landmarks)
        return FaceMotion(landmarks, residual, pose, aligning_matrix(landmarks) if matrices is None else matrices)

    def posed(self, residual: np.ndarray, pose: np.ndarray) -> FaceMotion:
        """``compose`` of (T, 68, 3) residual and (T, 6) pose."""
        landmarks = self.compose(residual, pose)
        return FaceMotion(landmarks, residual, pose, aligning_matrix(landmarks))


def aligning_matrix(landmarks: np.ndarray, size: int = ALIGNED_SIZE) -> np.ndarray:
    """The 2-D similarity that takes picture space to the aligned face.

    Args:
        landmarks: (..., 68, 2 or 3) picture space, pixels.
        size: side of the aligned face in pixels.
    Returns:
        (..., 2, 3) float32, as cv2.warpAffine takes it.
    """
    scale, rotation, translation = umeyama(landmarks[..., EYE_LINE, :2], _EYE_LINE_TEMPLATE * size)
    matrix = np.concatenate([scale[..., None, None] * rotation, translation[..., None]], -1)
    return matrix.astype(np.float32)


def transform_points(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Apply (..., 2, 3) to the first two coordinates of (..., N, 2 or 3); returns (..., N, 2)."""
    return np.einsum("...ij,...nj->...ni", matrix[..., :2], points[..., :2]) + matrix[..., None, :, 2]


def aligned_face(image: np.ndarray, matrix: np.ndarray, size: int = ALIGNED_SIZE) -> np.ndarray:
    """Cut the aligned face out of a picture, smoothed first where it is scaled down so that nothing aliases.

    Args:
        image: (H, W, 3) uint8.
        matrix: (2, 3) from ``aligning_matrix``.
    Returns:
        (size, size, 3) uint8; outside the picture the border is repeated.
    """
    shrink = 1.0 / max(float(np.sqrt(abs(np.linalg.det(matrix[:, :2])))), 1e-6)
    if shrink > 1.2:
        sigma = 0.4 * np.sqrt(shrink**2 - 1.0)
        image = cv2.GaussianBlur(image, (0, 0), sigma)
    return cv2.warpAffine(image, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
