"""What is in a portrait, before anything long starts: the face, its landmarks, and what may go wrong with it."""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from moditalker.face.finding import FoundFace, find_face_in
from moditalker.face.layout import interocular_distance
from moditalker.face.mediapipe_graphs import Box
from moditalker.face.tracker import FaceTracker, yaw_degrees

SMALL_EYE_DISTANCE = 60.0
"""Pixels between the outer eye corners below which the result looks soft."""
TURNED_DEGREES = 20.0
"""Beyond this the warp of the portrait stretches visibly."""
_BOX, _OTHER_BOX = (64, 132, 255), (150, 150, 150)
_POINT = (0, 230, 150)


@dataclass(frozen=True)
class Inspection:
    """What was found in a portrait.

    Attributes:
        found: the upright picture, its faces, and the one that is to speak.
        warnings: sentences for the user; empty when the portrait is as it should be.
    """

    found: FoundFace
    warnings: tuple[str, ...]

    @property
    def box(self) -> Box:
        """Left, top, right, bottom of the face in pixels, from brows to chin, inside the picture."""
        return self.found.boxes[self.found.number - 1]

    def report(self) -> dict[str, Any]:
        """Everything as plain values, in pixels of the upright picture: see ``PortraitPanel.inspect``."""
        found = self.found
        return {
            "size": list(found.picture.shape[1::-1]),
            "turned_upright_degrees": 90 * found.turns,
            "face_box": list(self.box),
            "face": found.number,
            "faces": [{"face": number, "box": list(box)} for number, box in enumerate(found.boxes, 1)],
            "eye_distance": round(float(interocular_distance(found.landmarks)), 1),
            "turned_degrees": round(yaw_degrees(found.landmarks), 1),
            "landmarks": np.round(found.landmarks, 1).tolist(),
            "warnings": list(self.warnings),
        }


def inspect_portrait(picture: np.ndarray, tracker: FaceTracker, number: int | None = None) -> Inspection:
    """Find the face in a picture and say what may go wrong with it.

    Args:
        picture: (H, W, 3) uint8.
        tracker: finds the face.
        number: of the face, see ``find_face_in``.
    Raises:
        InputError: there is no usable face.
    """
    found = find_face_in(picture, tracker, number)
    landmarks, warnings = found.landmarks, list(found.warnings)
    height, width = found.picture.shape[:2]
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
    return Inspection(found, tuple(warnings))


def draw_inspection(inspection: Inspection) -> np.ndarray:
    """A copy of the upright picture, (H, W, 3) uint8, with the face's box and its 68 points drawn on it.

    Where there are several faces, all have boxes and numbers.
    """
    found = inspection.found
    drawn = found.picture.copy()
    unit = max(1, round(float(interocular_distance(found.landmarks)) / 40))
    for number, (left, top, right, bottom) in enumerate(found.boxes, 1):
        colour = _BOX if number == found.number else _OTHER_BOX
        cv2.rectangle(drawn, (left, top), (right, bottom), colour, unit, cv2.LINE_AA)
        if len(found.boxes) > 1:
            size = max(0.5, (bottom - top) / 100)
            place = (left, max(top - 2 * unit, round(22 * size)))
            cv2.putText(drawn, str(number), place, cv2.FONT_HERSHEY_DUPLEX, size, (0, 0, 0), 4 * unit, cv2.LINE_AA)
            cv2.putText(drawn, str(number), place, cv2.FONT_HERSHEY_DUPLEX, size, colour, 2 * unit, cv2.LINE_AA)
    for x, y in found.landmarks[:, :2]:
        cv2.circle(drawn, (round(float(x)), round(float(y))), unit, _POINT, -1, cv2.LINE_AA)
    return drawn


def face_at(boxes: tuple[Box, ...], x: float, y: float) -> int:
    """Number, counted from 1, of the box that lies nearest to a place of the picture, pixels."""
    centres = np.array([((left + right) / 2, (top + bottom) / 2) for left, top, right, bottom in boxes])
    return int(np.linalg.norm(centres - (x, y), axis=1).argmin()) + 1
