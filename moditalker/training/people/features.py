"""What is measured on a drawn face: mouth, eyes, teeth and where the head looks."""

import cv2
import numpy as np

from moditalker.face.layout import BROWS, INNER_LIPS, eye_opening, interocular_distance, mouth_opening, mouth_width
from moditalker.face.tracker import yaw_degrees

FEATURES = ("opening", "width", "smile", "lips", "teeth", "eyes", "brows", "yaw", "pitch")
_FEWEST_PIXELS = 20
"""Inside of a mouth that can show teeth at all."""


def measure(picture: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """Features of one face, in the order of ``FEATURES``.

    Args:
        picture: (H, W, 3) uint8 RGB.
        landmarks: (68, 3) pixels.
    Returns:
        (9,) float64. Lengths are in inter-ocular distances: opening and width of the mouth; smile, by how much its
        corners lie above the middle of the lips; lips, how high both are together; eyes, how far they are open; brows,
        how high they are above the eyes. Teeth are the part of the inside of the mouth that is bright and has little
        colour, times the opening. Yaw and pitch are degrees; a pitch has a person's own zero, for noses differ.
    """
    points = landmarks.astype(np.float64)
    nose = points[33] - points[27]
    pitch = float(np.degrees(np.arctan2(nose[2], np.hypot(nose[0], nose[1]))))
    opening = float(mouth_opening(points))
    unit = float(interocular_distance(points))
    across = points[45] - points[36]
    down = np.array([-across[1], across[0]]) / np.hypot(across[0], across[1])
    height = points[:, :2] @ down / unit
    return np.array(
        [
            opening,
            float(mouth_width(points)),
            height[[51, 57]].mean() - height[[48, 54]].mean(),
            float(np.linalg.norm(points[51] - points[57])) / unit - opening,
            opening * _bright(picture, points),
            float(eye_opening(points)),
            height[[36, 39, 42, 45]].mean() - height[BROWS].mean(),
            yaw_degrees(points),
            pitch,
        ]
    )


def _bright(picture: np.ndarray, points: np.ndarray) -> float:
    inside = np.zeros(picture.shape[:2], np.uint8)
    cv2.fillPoly(inside, [np.rint(points[INNER_LIPS, :2]).astype(np.int32)], 1)
    pixels = picture[inside > 0].astype(np.float64)
    if len(pixels) < _FEWEST_PIXELS:
        return 0.0
    light, dark = pixels.max(1), pixels.min(1)
    # Teeth are as bright as the face's own bright skin, and greyer than lips.
    low, high = points[[27, 0, 16], :2].min(0).astype(int), points[[8, 0, 16], :2].max(0).astype(int)
    skin = float(np.percentile(picture[max(low[1], 0) : high[1], max(low[0], 0) : high[0]].max(2), 75))
    return float(((light > 0.6 * skin) & (dark > 0.62 * light)).mean())
