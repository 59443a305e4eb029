"""Face trackers: pictures in, 68 three-dimensional landmarks out.

``MediaPipeTracker`` is the default: its model travels inside the package, so it works offline. ``FaceAlignmentTracker``
is the paper field's own (Bulat and Tzimiropoulos, ICCV 2017); it fetches weights at its first use.
"""

import contextlib
import logging
import os
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol

import cv2
import numpy as np

from moditalker.face.layout import MEDIAPIPE_TO_68, interocular_distance
from moditalker.utils.errors import InputError

logger = logging.getLogger(__name__)

MIN_INTEROCULAR_PIXELS = 24.0
"""Below this the mouth is only a few pixels wide and nothing useful can be drawn."""
MAX_YAW_DEGREES = 40.0
"""Beyond this half of the mouth is hidden from the tracker."""

FramesDone = Callable[[int], None]
"""Called with the number of frames that are tracked; what it raises ends the work."""


class FaceTracker(Protocol):
    """What the pipeline needs of a tracker."""

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


def yaw_degrees(landmarks: np.ndarray) -> float:
    """How far the face is turned sideways, by the depth of its eye corners; (68, 3) -> degrees, 0 is frontal."""
    across = landmarks[45] - landmarks[36]
    return float(np.degrees(np.arctan2(across[2], np.hypot(across[0], across[1]))))


def check_usable(landmarks: np.ndarray) -> None:
    """Raise an InputError when a face is too small or turned too far away."""
    eyes = float(interocular_distance(landmarks))
    if eyes < MIN_INTEROCULAR_PIXELS:
        raise InputError(
            f"The face is too small: its eyes are {eyes:.0f} pixels apart and at least {MIN_INTEROCULAR_PIXELS:.0f} "
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


def mediapipe_solutions() -> Any:
    """``mediapipe.solutions``, imported when it is needed, for that is slow."""
    # MediaPipe greets every user with warnings about its own insides.
    os.environ.setdefault("GLOG_minloglevel", "2")
    warnings.filterwarnings("ignore", message="SymbolDatabase.GetPrototype", category=UserWarning)
    import mediapipe

    return mediapipe.solutions


_SETTLING = 8
"""How often MediaPipe looks at a first frame before it is believed."""


class MediaPipeTracker:
    """MediaPipe's face mesh with attention on lips and eyes (Apache-2.0), mapped to 68 points.

    Args:
        max_faces: how many faces of a still are looked at before the largest is taken.
    """

    def __init__(self, max_faces: int = 5) -> None:
        self.max_faces = max_faces

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
            raise InputError(
                "No face was found in the portrait; use a picture that shows one face from the front, "
                "in good light and not too small."
            )
        largest = max(faces, key=lambda face: float(np.prod(np.ptp(face[MEDIAPIPE_TO_68, :2], axis=0))))
        check_usable(largest[MEDIAPIPE_TO_68])
        largest = self._settled(image, largest)
        several = f"{len(faces)} faces were found in the portrait; the largest is animated."
        return largest, [several] if len(faces) > 1 else []

    def track(self, frames: Iterable[np.ndarray], progress: FramesDone | None = None) -> np.ndarray:
        tracked: list[np.ndarray | None] = []
        with self._mesh(static_image_mode=False, max_num_faces=1) as mesh:
            for index, frame in enumerate(frames):
                for _ in range(_SETTLING if index == 0 else 0):
                    mesh.process(np.ascontiguousarray(frame))
                found = next(iter(_meshes(mesh, frame)), None)
                tracked.append(None if found is None else found[MEDIAPIPE_TO_68])
                if progress is not None:
                    progress(len(tracked))
        return fill_gaps(tracked)

    def _faces(self, image: np.ndarray) -> list[np.ndarray]:
        """All faces of a still; small ones are found by looking again at an enlarged centre and at the quarters."""
        with self._mesh(static_image_mode=True, max_num_faces=self.max_faces) as mesh:
            faces = list(_meshes(mesh, image))
            if faces:
                return faces
            for tile, offset in _tiles(image):
                found = [face + offset for face in _meshes(mesh, tile)]
                if found:
                    return found
        return []

    def _settled(self, image: np.ndarray, face: np.ndarray) -> np.ndarray:
        """Look again at a face's own neighbourhood, as if it were a video that stands still.

        A first look can be far off (a closed mouth is read as half open); a tracker that starts from its own last
        answer comes to rest within a few frames. The neighbourhood alone gives lips and lids at full resolution.
        """
        outline = face[MEDIAPIPE_TO_68, :2]
        low, high = outline.min(0), outline.max(0)
        side = 1.2 * float((high - low).max())
        x0, y0 = np.maximum((low + high) / 2 - side, 0).astype(int)
        x1, y1 = np.minimum((low + high) / 2 + side, [image.shape[1], image.shape[0]]).astype(int)
        tile = np.ascontiguousarray(image[y0:y1, x0:x1])
        found: list[np.ndarray] = []
        with self._mesh(static_image_mode=False, max_num_faces=1) as mesh:
            for _ in range(_SETTLING + 1):
                found = list(_meshes(mesh, tile))
        again = [points + np.array([x0, y0, 0], np.float32) for points in found]
        near = [points for points in again if np.abs(points[:, :2].mean(0) - face[:, :2].mean(0)).max() < 0.25 * side]
        return near[0] if near else face

    @staticmethod
    @contextlib.contextmanager
    def _mesh(**options: Any) -> Iterator[Any]:
        mesh = mediapipe_solutions().face_mesh.FaceMesh(
            refine_landmarks=True, min_detection_confidence=0.4, min_tracking_confidence=0.4, **options
        )
        try:
            yield mesh
        finally:
            mesh.close()


def _meshes(mesh: Any, image: np.ndarray) -> Iterator[np.ndarray]:
    """(478, 3) of each face, pixels."""
    height, width = image.shape[:2]
    result = mesh.process(np.ascontiguousarray(image))
    for face in result.multi_face_landmarks or ():
        yield np.array([(p.x * width, p.y * height, p.z * width) for p in face.landmark], np.float32)


def _tiles(image: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Overlapping square tiles of half and a third of the picture: MediaPipe's detector misses small faces."""
    height, width = image.shape[:2]
    for fraction in (0.6, 0.35):
        side = max(64, int(fraction * max(height, width)))
        tall, wide = min(side, height), min(side, width)
        for y in sorted({0, (height - tall) // 2, height - tall}):
            for x in sorted({(width - wide) // 2, 0, width - wide}):
                yield np.ascontiguousarray(image[y : y + tall, x : x + wide]), np.array([x, y, 0], np.float32)


class FaceAlignmentTracker:
    """The ``face-alignment`` package's 3-D landmarks; slower on a CPU, and it downloads its weights once."""

    def __init__(self, device: str = "cpu") -> None:
        import face_alignment

        try:
            self._aligner = face_alignment.FaceAlignment(
                face_alignment.LandmarksType.THREE_D, device=device, compile=False
            )
        except OSError as error:
            raise InputError(
                "The face-alignment tracker could not fetch its weights; connect to the internet once, "
                "or use the tracker 'mediapipe', which needs none."
            ) from error

    def detect(self, image: np.ndarray) -> tuple[np.ndarray, list[str]]:
        faces = self._aligner.get_landmarks(image) or []
        if not faces:
            raise InputError("No face was found in the portrait; use a picture that shows one face from the front.")
        largest = max(faces, key=lambda face: float(np.prod(np.ptp(face[:, :2], axis=0)))).astype(np.float32)
        check_usable(largest)
        several = f"{len(faces)} faces were found in the portrait; the largest is animated."
        return largest, [several] if len(faces) > 1 else []

    def track(self, frames: Iterable[np.ndarray], progress: FramesDone | None = None) -> np.ndarray:
        tracked: list[np.ndarray | None] = []
        for frame in frames:
            faces = self._aligner.get_landmarks(frame) or []
            tracked.append(faces[0].astype(np.float32) if faces else None)
            if progress is not None:
                progress(len(tracked))
        return fill_gaps(tracked)


def make_tracker(name: str = "mediapipe") -> FaceTracker:
    """``mediapipe`` (default, offline) or ``face-alignment``.

    Raises:
        InputError: another name, or weights that cannot be fetched.
    """
    if name == "mediapipe":
        return MediaPipeTracker()
    if name == "face-alignment":
        return FaceAlignmentTracker()
    raise InputError(f"There is no face tracker {name!r}; choose 'mediapipe' or 'face-alignment'.")


def draw_landmarks(image: np.ndarray, landmarks: np.ndarray, radius: int = 2) -> np.ndarray:
    """A copy of (H, W, 3) uint8 with the (68, 2 or 3) points drawn on it, for contact sheets."""
    drawn = image.copy()
    for x, y in landmarks[:, :2]:
        cv2.circle(drawn, (round(float(x)), round(float(y))), radius, (0, 255, 0), -1, cv2.LINE_AA)
    return drawn
