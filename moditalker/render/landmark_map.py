"""Landmarks as pictures: what the networks see of a face's geometry, and the mask over the lower face."""

import cv2
import numpy as np

from moditalker.face.geometry import ALIGNED_SIZE
from moditalker.face.layout import BROWS, INNER_LIPS, JAW, LEFT_EYE, OUTER_LIPS, RIGHT_EYE

SHIFT = 4
"""Fractional bits that cv2 draws with, see ``fixed``."""
_LOWER_FACE = [2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 35, 33, 31]


def fixed(points: np.ndarray) -> np.ndarray:
    """(n, 2) pixels -> (n, 1, 2) int32 as cv2 draws them with ``SHIFT``."""
    return np.round(points * (1 << SHIFT)).astype(np.int32).reshape(-1, 1, 2)


def draw_landmarks(landmarks: np.ndarray, size: int = ALIGNED_SIZE) -> np.ndarray:
    """Draw landmarks in the aligned face, smooth at sub-pixel precision.

    Args:
        landmarks: (T, 68, 2) aligned space, pixels.
    Returns:
        (T, 3, size, size) uint8: outlines of jaw, brows and nose; eye openings filled; lips at 128 with the mouth's
        opening at 255.
    """
    planes = np.zeros((len(landmarks), 3, size, size), np.uint8)
    for plane, points in zip(planes, landmarks, strict=True):
        lines = [points[JAW], points[BROWS[:5]], points[BROWS[5:]], points[27:31], points[31:36]]
        cv2.polylines(plane[0], [fixed(line) for line in lines], False, 255, 1, cv2.LINE_AA, SHIFT)
        for eye in (RIGHT_EYE, LEFT_EYE):
            cv2.fillPoly(plane[1], [fixed(points[eye])], 255, cv2.LINE_AA, SHIFT)
        cv2.fillPoly(plane[2], [fixed(points[OUTER_LIPS])], 128, cv2.LINE_AA, SHIFT)
        cv2.fillPoly(plane[2], [fixed(points[INNER_LIPS])], 255, cv2.LINE_AA, SHIFT)
    return planes


def lower_face_mask(landmarks: np.ndarray, size: int = ALIGNED_SIZE) -> np.ndarray:
    """1 where the pose frames may be seen, 0 from the nose to the jaw, so that they cannot tell the mouth's shape.

    Args:
        landmarks: (T, 68, 2) aligned space, pixels.
    Returns:
        (T, 1, size, size) float32 in {0, 1}.
    """
    mask = np.ones((len(landmarks), 1, size, size), np.uint8)
    for plane, points in zip(mask, landmarks, strict=True):
        cv2.fillConvexPoly(plane[0], cv2.convexHull(fixed(points[_LOWER_FACE])), 0, cv2.LINE_8, SHIFT)
    return mask.astype(np.float32)


def inside_mouth(landmarks: np.ndarray, grown: bool, size: int = ALIGNED_SIZE) -> np.ndarray:
    """Where the mouth is open, with a soft border.

    Args:
        landmarks: (T, 68, 2) aligned space, pixels.
        grown: reach a pixel onto the lips, instead of staying a pixel away from them.
    Returns:
        (T, 1, size, size) float32, 0 to 1.
    """
    masks = np.zeros((len(landmarks), 1, size, size), np.float32)
    moved = cv2.dilate if grown else cv2.erode
    for mask, points in zip(masks[:, 0], landmarks, strict=True):
        cv2.fillPoly(mask, [fixed(points[INNER_LIPS])], 1.0, cv2.LINE_AA, SHIFT)
        mask[:] = cv2.GaussianBlur(moved(mask, np.ones((3, 3))), (0, 0), 1.0)
    return masks
