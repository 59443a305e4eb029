"""MediaPipe's graphs for faces and hands: their models travel inside the package, so they work offline."""

import contextlib
import os
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from moditalker.utils.native_noise import without_native_noise

Box = tuple[int, int, int, int]
"""Left, top, right, bottom in pixels."""


def mediapipe_solutions() -> Any:
    """``mediapipe.solutions``, imported when it is needed, for that is slow."""
    # MediaPipe greets every user with warnings about its own insides.
    os.environ.setdefault("GLOG_minloglevel", "2")
    warnings.filterwarnings("ignore", message="SymbolDatabase.GetPrototype", category=UserWarning)
    import mediapipe

    return mediapipe.solutions


def started(solution: Callable[..., Any], **options: Any) -> Any:
    """One of MediaPipe's solutions, its graph opened, and without what its C++ code says of itself meanwhile."""
    with without_native_noise():
        made = solution(**options)
        # Its nodes open in threads, and each speaks when it does.
        made._graph.wait_until_idle()
    return made


@contextlib.contextmanager
def face_mesh(**options: Any) -> Iterator[Any]:
    """MediaPipe's face mesh with attention on lips and eyes; ``options`` are those of its ``FaceMesh``."""
    kind = mediapipe_solutions().face_mesh.FaceMesh
    mesh = started(kind, refine_landmarks=True, min_detection_confidence=0.4, min_tracking_confidence=0.4, **options)
    try:
        yield mesh
    finally:
        mesh.close()


@contextlib.contextmanager
def face_detector(*, far: bool = False) -> Iterator[Any]:
    """A detector (BlazeFace) with scores and six points: the mesh's own, or the one for ``far`` faces."""
    kind = mediapipe_solutions().face_detection.FaceDetection
    detector = started(kind, model_selection=int(far), min_detection_confidence=0.4)
    try:
        yield detector
    finally:
        detector.close()


@contextlib.contextmanager
def hands(**options: Any) -> Iterator[Any]:
    """MediaPipe's hand landmarks; ``options`` are those of its ``Hands``."""
    graph = started(mediapipe_solutions().hands.Hands, **options)
    try:
        yield graph
    finally:
        graph.close()


def far_faces(image: np.ndarray) -> list[Box]:
    """Squares of twice the size around the faces in (H, W, 3) uint8 RGB, small ones too, inside the picture."""
    height, width = image.shape[:2]
    squares = []
    with face_detector(far=True) as detector:
        for detection in detector.process(np.ascontiguousarray(image)).detections or ():
            box = detection.location_data.relative_bounding_box
            centre = np.array([(box.xmin + box.width / 2) * width, (box.ymin + box.height / 2) * height])
            half = max(box.width * width, box.height * height, 16)
            left, top = np.clip(centre - half, 0, [width, height]).astype(int)
            right, bottom = np.clip(np.ceil(centre + half), 0, [width, height]).astype(int)
            if right - left >= 16 and bottom - top >= 16:
                squares.append((int(left), int(top), int(right), int(bottom)))
    return squares


def found_meshes(mesh: Any, image: np.ndarray) -> Iterator[np.ndarray]:
    """(478, 3) pixels of each face that a ``face_mesh`` finds in (H, W, 3) uint8 RGB."""
    height, width = image.shape[:2]
    result = mesh.process(np.ascontiguousarray(image))
    for face in result.multi_face_landmarks or ():
        yield np.array([(p.x * width, p.y * height, p.z * width) for p in face.landmark], np.float32)


# Lids from the one corner of an eye to the other, as the mesh leaves its eyes open.
_EYES = (
    ([33, 246, 161, 160, 159, 158, 157, 173, 133], [33, 7, 163, 144, 145, 153, 154, 155, 133]),
    ([362, 398, 384, 385, 386, 387, 388, 466, 263], [362, 382, 381, 380, 374, 373, 390, 249, 263]),
)


def mesh_triangles() -> np.ndarray:
    """(F, 3) int32 triangles of the face mesh in any direction, the eyes filled and the mouth open."""
    near: dict[int, set[int]] = {}
    for start, end in mediapipe_solutions().face_mesh_connections.FACEMESH_TESSELATION:
        near.setdefault(start, set()).add(end)
        near.setdefault(end, set()).add(start)
    found = {tuple(sorted((a, b, c))) for a in near for b in near[a] for c in near[a] & near[b]}
    for upper, lower in _EYES:
        for i in range(len(upper) - 1):
            found |= {(upper[i], lower[i], lower[i + 1]), (upper[i], lower[i + 1], upper[i + 1])}
    return np.array(sorted(t for t in found if len(set(t)) == 3), np.int32)


def found_hands(graph: Any, image: np.ndarray) -> Iterator[np.ndarray]:
    """(21, 3) pixels of each hand that ``hands`` finds in (H, W, 3) uint8 RGB."""
    height, width = image.shape[:2]
    for hand in graph.process(np.ascontiguousarray(image)).multi_hand_landmarks or ():
        yield np.array([(p.x * width, p.y * height, p.z * width) for p in hand.landmark], np.float32)
