"""The paper field's own tracker (Bulat and Tzimiropoulos, ICCV 2017); it fetches weights at its first use."""

from collections.abc import Iterable

import numpy as np

from moditalker.face.tracker import NO_FACE, FramesDone, box_area, check_usable, fill_gaps, several
from moditalker.utils.errors import InputError


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

    def faces(self, image: np.ndarray) -> list[np.ndarray]:
        found = [face.astype(np.float32) for face in self._aligner.get_landmarks(image) or []]
        return sorted(found, key=lambda points: float(points[:, 0].mean()))

    def settled(self, image: np.ndarray, face: np.ndarray) -> np.ndarray:
        return face

    def detect(self, image: np.ndarray) -> tuple[np.ndarray, list[str]]:
        faces = self.faces(image)
        if not faces:
            raise InputError(NO_FACE)
        largest = max(faces, key=box_area)
        check_usable(largest)
        return largest, [several(len(faces))] if len(faces) > 1 else []

    def track(self, frames: Iterable[np.ndarray], progress: FramesDone | None = None) -> np.ndarray:
        tracked: list[np.ndarray | None] = []
        for frame in frames:
            faces = self._aligner.get_landmarks(frame) or []
            tracked.append(faces[0].astype(np.float32) if faces else None)
            if progress is not None:
                progress(len(tracked))
        return fill_gaps(tracked)
