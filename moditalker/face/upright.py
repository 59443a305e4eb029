"""Which way up a picture is, by the face in it.

MediaPipe's detector finds a face up to about 75 degrees from upright. Beyond that it still answers, with a mouth in the
forehead. So a picture is looked at in its four quarter turns, and the turn with the most plausible face is taken.
"""

from typing import Any

import cv2
import numpy as np

from moditalker.face.geometry import umeyama
from moditalker.face.layout import MEDIAPIPE_TO_68, MIRRORED, interocular_distance
from moditalker.face.mediapipe_graphs import face_detector, face_mesh, found_meshes

_SIDE = 640
"""Longest side of what is looked at, pixels: the detector sees 128."""
_GOOD = 0.8
"""A face this plausible needs no second look."""
_BETTER = 0.1
"""A turned face must be so much more plausible than the face as it came. Of 25 portraits turned by up to 30 degrees
none was better by more than 0.06; turned by 105 to 255 degrees all were by at least 0.14."""
_BELIEVED = 0.5
"""Where no face is found as the picture came, a turned one must be at least so plausible."""
_APART, _UNEVEN = 0.5, 3.0
"""What the distance of the two models' points, and a face's unevenness, take from its score."""
_EYES, _TIP, _LIPS = ((33, 133), (362, 263)), 1, (13, 14)
"""Points of MediaPipe's mesh that its detector gives, too: corners of the eyes, tip of the nose, inner lips."""
_NEIGHBOURHOOD = 5.0
"""Side of the square that is looked at around a face, in sizes of that face."""


def quarter_turns(picture: np.ndarray, faces: list[np.ndarray]) -> int:
    """How many quarter turns anticlockwise, as of ``np.rot90``, bring a picture upright.

    Args:
        picture: (H, W, 3) uint8.
        faces: (68, 3) pixels each, as a tracker found them in the picture as it is; the largest decides.
    Returns:
        0 to 3; 0 where nothing speaks for a turn.
    """
    region = _reduced(picture if not faces else _neighbourhood(picture, max(faces, key=_size)))
    with face_detector() as detector, face_mesh(static_image_mode=True, max_num_faces=5) as mesh:

        def plausible(turns: int) -> float:
            return _plausibility(np.ascontiguousarray(np.rot90(region, turns)), detector, mesh)

        as_it_is = plausible(0)
        if as_it_is >= _GOOD:
            return 0
        turned = [plausible(turns) for turns in (1, 2, 3)]
    best = int(np.argmax(turned))
    needed = _BELIEVED if not faces else max(as_it_is, 0) + _BETTER
    return best + 1 if turned[best] >= needed else 0


def in_words(turns: int) -> str:
    """The sentence that says what was done to a portrait, or to a video, after quarter turns; empty after none."""
    lay = {1: "lies on its side", 2: "stands on its head", 3: "lies on its side"}
    return "" if turns == 0 else f"{lay[turns]} and was turned upright by {180 if turns == 2 else 90} degrees."


def _size(face: np.ndarray) -> float:
    return float(np.ptp(face[:, :2], axis=0).max())


def _neighbourhood(picture: np.ndarray, face: np.ndarray) -> np.ndarray:
    """The square around a face, (68, 3) pixels, as far as it lies in the picture."""
    centre, half = face[:, :2].mean(0), _NEIGHBOURHOOD / 2 * _size(face)
    x0, y0 = np.maximum(centre - half, 0).astype(int)
    x1, y1 = np.minimum(np.ceil(centre + half), picture.shape[1::-1]).astype(int)
    return picture[y0:y1, x0:x1] if x1 - x0 >= 16 and y1 - y0 >= 16 else picture


def _reduced(picture: np.ndarray) -> np.ndarray:
    scale = _SIDE / max(picture.shape[:2])
    if scale >= 1:
        return picture
    return np.asarray(cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA))


def _plausibility(picture: np.ndarray, detector: Any, mesh: Any) -> float:
    """How sure it is that the largest face in a picture is an upright one: about 1 for a good one; -1 without any.

    The detector's score, less what its points and the mesh's differ, less how uneven the mesh's two halves are.
    """
    meshes = list(found_meshes(mesh, picture))
    if not meshes:
        return -1.0
    face = max(meshes, key=_size)
    height, width = picture.shape[:2]
    own = np.stack([*(face[list(eye), :2].mean(0) for eye in _EYES), face[_TIP, :2], face[list(_LIPS), :2].mean(0)])
    points = face[MEDIAPIPE_TO_68]
    unit = float(interocular_distance(points))
    best, apart = 0.0, 1.0
    for detection in detector.process(picture).detections or ():
        keys = detection.location_data.relative_keypoints[:4]
        there = np.array([(key.x * width, key.y * height) for key in keys])
        if np.linalg.norm(there.mean(0) - own.mean(0)) < unit and detection.score[0] > best:
            best, apart = detection.score[0], float(np.linalg.norm(there - own, axis=1).mean()) / unit
    return best - _APART * apart - _UNEVEN * _unevenness(points / unit)


def _unevenness(points: np.ndarray) -> float:
    """Mean distance of a face, (68, 3) inter-ocular distances, from its own mirror image laid on it."""
    image = points[MIRRORED] * [-1, 1, 1]
    scale, rotation, shift = umeyama(image, points)
    return float(np.linalg.norm(scale * image @ rotation.T + shift - points, axis=-1).mean())
