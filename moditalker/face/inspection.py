"""What is in a portrait, before anything long starts: the face, its landmarks, and what may go wrong with it."""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from moditalker.face.layout import interocular_distance
from moditalker.face.tracker import FaceTracker, yaw_degrees

SMALL_EYE_DISTANCE = 60.0
"""Pixels between the outer eye corners below which the result looks soft."""
TURNED_DEGREES = 20.0
"""Beyond this the warp of the portrait stretches visibly."""
_BOX = (64, 132, 255)
_POINT = (0, 230, 150)


@dataclass(frozen=True)
class Inspection:
    """What was found in a portrait.

    Attributes:
        landmarks: (68, 3) pixels.
        size: (width, height) of the picture in pixels.
        warnings: sentences for the user; empty when the portrait is as it should be.
    """

    landmarks: np.ndarray
    size: tuple[int, int]
    warnings: tuple[str, ...]

    @property
    def box(self) -> tuple[int, int, int, int]:
        """Left, top, right, bottom of the face in pixels, from brows to chin, inside the picture."""
        low, high = self.landmarks[:, :2].min(0), self.landmarks[:, :2].max(0)
        low, high = np.clip(low, 0, self.size), np.clip(high, 0, self.size)
        return round(float(low[0])), round(float(low[1])), round(float(high[0])), round(float(high[1]))

    def report(self) -> dict[str, Any]:
        """Everything as plain values: box, eye distance (pixels), turn (degrees), size, landmarks, warnings."""
        return {
            "size": list(self.size),
            "face_box": list(self.box),
            "eye_distance": round(float(interocular_distance(self.landmarks)), 1),
            "turned_degrees": round(yaw_degrees(self.landmarks), 1),
            "landmarks": np.round(self.landmarks, 1).tolist(),
            "warnings": list(self.warnings),
        }


def inspect_portrait(picture: np.ndarray, tracker: FaceTracker) -> Inspection:
    """Find the face in a picture and say what may go wrong with it.

    Args:
        picture: (H, W, 3) uint8.
        tracker: finds the face.
    Raises:
        InputError: there is no usable face.
    """
    landmarks, warnings = tracker.detect(picture)
    height, width = picture.shape[:2]
    eyes, turn = float(interocular_distance(landmarks)), abs(yaw_degrees(landmarks))
    if eyes < SMALL_EYE_DISTANCE:
        warnings.append(
            f"The face is small: {eyes:.0f} pixels between the eyes. A picture with {SMALL_EYE_DISTANCE:.0f} or more "
            "gives a sharper video."
        )
    if turn > TURNED_DEGREES:
        warnings.append(
            f"The face is turned about {turn:.0f} degrees to the side. A picture from the front gives a cleaner video."
        )
    outside = (landmarks[:, :2] < 0).any() or (landmarks[:, :2] > (width - 1, height - 1)).any()
    if outside:
        warnings.append("The face is cut off by the picture's edge. Leave some room around it.")
    return Inspection(landmarks, (width, height), tuple(warnings))


def draw_inspection(picture: np.ndarray, found: Inspection) -> np.ndarray:
    """A copy of (H, W, 3) uint8 with the face's box and its 68 points drawn on it."""
    drawn = picture.copy()
    unit = max(1, round(float(interocular_distance(found.landmarks)) / 40))
    left, top, right, bottom = found.box
    cv2.rectangle(drawn, (left, top), (right, bottom), _BOX, unit, cv2.LINE_AA)
    for x, y in found.landmarks[:, :2]:
        cv2.circle(drawn, (round(float(x)), round(float(y))), unit, _POINT, -1, cv2.LINE_AA)
    return drawn
