"""Face trackers: pictures in, 68 three-dimensional landmarks out.

``MediaPipeTracker`` is the default: its model travels inside the package, so it works offline. ``FaceAlignmentTracker``
is the paper field's own, see ``face.face_alignment_tracker``.
"""

import logging
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol

import cv2
import numpy as np

from moditalker.face.layout import MEDIAPIPE_TO_68, interocular_distance
from moditalker.face.mediapipe_graphs import Box, face_mesh, far_faces, found_meshes
from moditalker.utils.errors import InputError

logger = logging.getLogger(__name__)

MIN_INTEROCULAR_PIXELS = 24.0
"""Below this the mouth is only a few pixels wide and nothing useful can be drawn."""
MAX_YAW_DEGREES = 40.0
"""Beyond this half of the mouth is hidden from the tracker."""

NO_FACE = (
    "No face was found in the portrait; use a picture that shows one face from the front, "
    "in good light and not too small."
)

FramesDone = Callable[[int], None]
"""Called with the number of frames that are tracked; what it raises ends the work."""


class FaceTracker(Protocol):
    """What the pipeline needs of a tracker."""

    def faces(self, image: np.ndarray) -> list[np.ndarray]:
        """All faces of a still at a first look, from left to right.

        Args:
            image: (H, W, 3) uint8 RGB.
        Returns:
            (68, 3) float32 of each, picture space in pixels; none where there is no face.
        """
        ...

    def settled(self, image: np.ndarray, face: np.ndarray) -> np.ndarray:
        """A closer look at one of ``faces``: (68, 3) -> (68, 3)."""
        ...

    def detect(self, image: np.ndarray) -> tuple[np.ndarray, list[str]]:
        """The largest face of a still.

        Args:
            image: (H, W, 3) uint8 RGB.
        Returns:
            (68, 3) float32 landmarks, picture space in pixels, and warnings for the user (several faces, say).
        Raises:
            InputError: there is no usable face.
        """
        ...

    def track(self, frames: Iterable[np.ndarray], progress: FramesDone | None = None) -> np.ndarray:
        """The face in each frame of a video: (T, 68, 3) float32, picture space in pixels.

        Frames without a face take the landmarks between their neighbours.

        Raises:
            InputError: no face in more than a fifth of the frames.
        """
        ...


def several(count: int) -> str:
    """The sentence about a picture with so many faces, of which nobody chose one."""
    return f"{count} faces were found in the portrait; the largest is animated."


def box_area(landmarks: np.ndarray) -> float:
    """Area of the box around (68, 3) landmarks, square pixels: of several faces the largest by it is taken."""
    return float(np.prod(np.ptp(landmarks[:, :2], axis=0)))


def yaw_degrees(landmarks: np.ndarray) -> float:
    """How far the face is turned sideways, by the depth of its eye corners; (68, 3) -> degrees, 0 is frontal."""
    across = landmarks[45] - landmarks[36]
    return float(np.degrees(np.arctan2(across[2], np.hypot(across[0], across[1]))))


def check_usable(landmarks: np.ndarray) -> None:
    """Raise an InputError when a face is too small or turned too far away."""
    eyes = float(interocular_distance(landmarks))
    if eyes < MIN_INTEROCULAR_PIXELS:
        raise InputError(
            f"The face is too small: its eyes are {eyes:.1f} pixels apart and at least {MIN_INTEROCULAR_PIXELS:.0f} "
            "are needed; use a larger picture or crop it closer to the face."
        )
    yaw = yaw_degrees(landmarks)
    if abs(yaw) > MAX_YAW_DEGREES:
        raise InputError(
            f"The face is turned about {abs(yaw):.0f} degrees to the side and at most {MAX_YAW_DEGREES:.0f} can be "
            "animated; use a picture in which both eyes and the whole mouth are visible."
        )


def fill_gaps(tracked: list[np.ndarray | None]) -> np.ndarray:
    """Interpolate frames without a face; (T) of (68, 3) or None -> (T, 68, 3).

    Raises:
        InputError: a face was found in fewer than four fifths of the frames.
    """
    found = [i for i, points in enumerate(tracked) if points is not None]
    if not found or len(found) < 0.8 * len(tracked):
        raise InputError(
            f"A face was found in only {len(found)} of {len(tracked)} frames; "
            "use a video that shows one face from the front throughout."
        )
    points = np.stack([p for p in tracked if p is not None]).reshape(len(found), -1)
    times = np.arange(len(tracked))
    filled = np.stack([np.interp(times, found, column) for column in points.T], -1)
    return filled.reshape(len(tracked), 68, 3).astype(np.float32)


_SETTLING = 8
"""How often MediaPipe looks at a first frame before it is believed."""


class MediaPipeTracker:
    """MediaPipe's face mesh with attention on lips and eyes (Apache-2.0), mapped to 68 points.

    Args:
        max_faces: how many faces of a still are looked at before the largest is taken.
    """

    def __init__(self, max_faces: int = 10) -> None:
        self.max_faces = max_faces

    def faces(self, image: np.ndarray) -> list[np.ndarray]:
        return [mesh[MEDIAPIPE_TO_68] for mesh in self._faces(image)]

    def settled(self, image: np.ndarray, face: np.ndarray) -> np.ndarray:
        mesh = self.settled_mesh(image, face)
        return face if mesh is None else mesh[MEDIAPIPE_TO_68]

    def detect(self, image: np.ndarray) -> tuple[np.ndarray, list[str]]:
        mesh, notes = self.detect_mesh(image)
        return mesh[MEDIAPIPE_TO_68], notes

    def detect_mesh(self, image: np.ndarray) -> tuple[np.ndarray, list[str]]:
        """As ``detect``, but all points of MediaPipe's mesh: (478, 3) float32, irises last.

        Raises:
            InputError: there is no usable face.
        """
        faces = self._faces(image)
        if not faces:
            raise InputError(NO_FACE)
        largest = max(faces, key=lambda face: box_area(face[MEDIAPIPE_TO_68]))
        check_usable(largest[MEDIAPIPE_TO_68])
        closer = self.settled_mesh(image, largest[MEDIAPIPE_TO_68])
        return largest if closer is None else closer, [several(len(faces))] if len(faces) > 1 else []

    def track(self, frames: Iterable[np.ndarray], progress: FramesDone | None = None) -> np.ndarray:
        tracked: list[np.ndarray | None] = []
        with face_mesh(static_image_mode=False, max_num_faces=1) as mesh:
            for index, frame in enumerate(frames):
                for _ in range(_SETTLING if index == 0 else 0):
                    mesh.process(np.ascontiguousarray(frame))
                found = next(iter(found_meshes(mesh, frame)), None)
                tracked.append(None if found is None else found[MEDIAPIPE_TO_68])
                if progress is not None:
                    progress(len(tracked))
        return fill_gaps(tracked)

    def _faces(self, image: np.ndarray) -> list[np.ndarray]:
        """All faces of a still, (478, 3) each, from left to right.

        What the mesh's own detector misses in a group is found by its sister for larger distances. Where there is no
        face, or more than one, parts of the picture are looked at, too: small ones are missed in the whole.
        """
        with face_mesh(static_image_mode=True, max_num_faces=self.max_faces) as mesh:
            faces = list(found_meshes(mesh, image))
            add_faces_from(faces, mesh, image, far_faces(image))
            if len(faces) != 1:
                add_faces_from(faces, mesh, image, _tiles(image))
        return sorted(faces, key=lambda points: float(points[:, 0].mean()))

    def settled_mesh(self, image: np.ndarray, face: np.ndarray) -> np.ndarray | None:
        """Look again at the neighbourhood of a face, (68, 3), as if it were a video that stands still; (478, 3).

        A first look can be far off (a closed mouth is read as half open); a tracker that starts from its own last
        answer comes to rest within a few frames. The neighbourhood alone gives lips and lids at full resolution.
        None where the face is not found there.
        """
        outline = face[:, :2]
        low, high = outline.min(0), outline.max(0)
        side = 1.2 * float((high - low).max())
        x0, y0 = np.maximum((low + high) / 2 - side, 0).astype(int)
        x1, y1 = np.minimum((low + high) / 2 + side, [image.shape[1], image.shape[0]]).astype(int)
        tile = np.ascontiguousarray(image[y0:y1, x0:x1])
        found: list[np.ndarray] = []
        with face_mesh(static_image_mode=False, max_num_faces=1) as mesh:
            for _ in range(_SETTLING + 1):
                found = list(found_meshes(mesh, tile))
        again = [points + np.array([x0, y0, 0], np.float32) for points in found]
        near = [points for points in again if np.abs(points[:, :2].mean(0) - outline.mean(0)).max() < 0.25 * side]
        return near[0] if near else None


def _tiles(image: np.ndarray) -> Iterator[Box]:
    """Overlapping squares of 0.6 and 0.35 of the picture."""
    height, width = image.shape[:2]
    for fraction in (0.6, 0.35):
        side = max(64, int(fraction * max(height, width)))
        tall, wide = min(side, height), min(side, width)
        for y in sorted({0, (height - tall) // 2, height - tall}):
            for x in sorted({(width - wide) // 2, 0, width - wide}):
                yield x, y, x + wide, y + tall


def add_faces_from(faces: list[np.ndarray], mesh: Any, image: np.ndarray, parts: Iterable[Box]) -> None:
    """Add the faces, (478, 3), that are found in parts of a picture, each once."""
    found = [
        (points + np.array([left, top, 0], np.float32), (left, top, right, bottom))
        for left, top, right, bottom in parts
        for points in found_meshes(mesh, image[top:bottom, left:right])
    ]
    # Of a face that a part cuts off, another part's is believed first.
    found.sort(key=lambda one: _is_cut(*one))
    for points, _ in found:
        if not any(_is_same(points, other) for other in faces):
            faces.append(points)


def _is_cut(points: np.ndarray, part: Box) -> bool:
    """Whether (478, 3) pixels of a face reach beyond the box that it was found in."""
    return bool((points[:, :2].min(0) < part[:2]).any() or (points[:, :2].max(0) > part[2:]).any())


def _is_same(points: np.ndarray, other: np.ndarray) -> bool:
    """Whether two findings (n, 3) are of one face: their centres lie within two fifths of the larger one's size."""
    apart = np.linalg.norm(points[:, :2].mean(0) - other[:, :2].mean(0))
    return bool(apart < 0.4 * max(np.ptp(points[:, :2], axis=0).max(), np.ptp(other[:, :2], axis=0).max()))


def make_tracker(name: str = "mediapipe") -> FaceTracker:
    """``mediapipe`` (default, offline) or ``face-alignment``.

    Raises:
        InputError: another name, or weights that cannot be fetched.
    """
    if name == "mediapipe":
        return MediaPipeTracker()
    if name == "face-alignment":
        from moditalker.face.face_alignment_tracker import FaceAlignmentTracker

        return FaceAlignmentTracker()
    raise InputError(f"There is no face tracker {name!r}; choose 'mediapipe' or 'face-alignment'.")


def draw_landmarks(image: np.ndarray, landmarks: np.ndarray, radius: int = 2) -> np.ndarray:
    """A copy of (H, W, 3) uint8 with the (68, 2 or 3) points drawn on it, for contact sheets."""
    drawn = image.copy()
    for x, y in landmarks[:, :2]:
        cv2.circle(drawn, (round(float(x)), round(float(y))), radius, (0, 255, 0), -1, cv2.LINE_AA)
    return drawn
