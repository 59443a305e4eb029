"""The face of a portrait that is to speak: the picture turned upright, all faces in it, and the chosen one."""

from dataclasses import dataclass

import numpy as np

from moditalker.face.condition import shown_of
from moditalker.face.mediapipe_graphs import Box
from moditalker.face.tracker import NO_FACE, FaceTracker, box_area, check_usable
from moditalker.face.upright import in_words, quarter_turns
from moditalker.utils.errors import InputError


@dataclass(frozen=True)
class FoundFace:
    """A portrait and its face.

    Attributes:
        picture: (H, W, 3) uint8, upright.
        turns: quarter turns anticlockwise that brought it upright, 0 to 3.
        landmarks: (68, 3) float32 of the face that is to speak, pixels of ``picture``.
        boxes: of all faces from brows to chin, from left to right.
        number: of the face that is to speak among them, counted from 1.
        warnings: sentences for the user.
    """

    picture: np.ndarray
    turns: int
    landmarks: np.ndarray
    boxes: tuple[Box, ...]
    number: int
    warnings: tuple[str, ...]


def find_face_in(picture: np.ndarray, tracker: FaceTracker, number: int | None = None) -> FoundFace:
    """Turn a picture upright and find the face in it that is to speak.

    Args:
        picture: (H, W, 3) uint8.
        number: of the face, counted from the left and from 1; None takes the largest.
    Raises:
        InputError: no face, none of that number, or one that cannot be used.
    """
    picture, turns, faces = upright_faces(picture, tracker)
    index = _chosen(faces, number)
    check_usable(faces[index])
    landmarks = tracker.settled(picture, faces[index])
    size = picture.shape[1::-1]
    warnings = []
    if turns:
        warnings.append(f"The portrait {in_words(turns)}")
    if len(faces) > 1 and number is None:
        warnings.append(
            f"{len(faces)} faces were found in the portrait; the largest is animated, which is number {index + 1} from "
            "the left; choose another by its number (face)."
        )
    warnings += shown_of(picture, landmarks)
    boxes = [box_of(points, size) for points in faces]
    boxes[index] = box_of(landmarks, size)
    return FoundFace(picture, turns, landmarks, tuple(boxes), index + 1, tuple(warnings))


def upright_faces(picture: np.ndarray, tracker: FaceTracker) -> tuple[np.ndarray, int, list[np.ndarray]]:
    """Turn a picture upright and find all faces in it.

    Args:
        picture: (H, W, 3) uint8.
        tracker: finds the faces.
    Returns:
        The picture, the quarter turns anticlockwise that brought it upright, and (68, 3) of each face, from left to
        right, pixels.
    Raises:
        InputError: there is no face.
    """
    faces = tracker.faces(picture)
    turns = quarter_turns(picture, faces)
    if turns:
        picture = np.ascontiguousarray(np.rot90(picture, turns))
        faces = tracker.faces(picture)
    if not faces:
        raise InputError(NO_FACE)
    return picture, turns, faces


def box_of(landmarks: np.ndarray, size: tuple[int, ...]) -> Box:
    """The box around (68, 3) landmarks inside a picture of (width, height), from brows to chin."""
    low, high = (np.clip(edge, 0, size) for edge in (landmarks[:, :2].min(0), landmarks[:, :2].max(0)))
    return round(float(low[0])), round(float(low[1])), round(float(high[0])), round(float(high[1]))


def _chosen(faces: list[np.ndarray], number: int | None) -> int:
    """Index of the face of a number, or of the largest."""
    if number is None:
        return int(np.argmax([box_area(face) for face in faces]))
    if number > len(faces):
        there = "is only one face" if len(faces) == 1 else f"are {len(faces)} faces"
        raise InputError(f"face is {number} and there {there} in the portrait, counted from the left: leave it out.")
    return number - 1
