"""One person's face in a video: followed in a window around it, lost, and found again by who it is.

A window keeps a small face large for the tracker and other faces out of it. Where the face is lost, and where a shot
begins, the whole frame is looked at, and of the faces in it the one whose embedding is nearest is taken.
"""

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np

from moditalker.face.layout import MEDIAPIPE_TO_68, interocular_distance
from moditalker.face.mediapipe_graphs import face_mesh, far_faces, found_meshes
from moditalker.face.tracker import add_faces_from, box_area
from moditalker.metrics.identity import IdentityEncoder
from moditalker.utils.errors import InputError

SAME_PERSON = 0.6
"""Distance of dlib's embeddings below which two faces are one person's."""
_WINDOW, _WINDOW_PIXELS = 2.2, 448
"""Side of the window in sizes of the face, and the most pixels that are shown to the tracker."""
_OFF_CENTRE, _OFF_SIZE = 0.12, 0.2
"""The window moves along when the face is so far from its middle, in sides, or so much larger or smaller."""
_SETTLING = 4
"""Looks at a window that moved before its face is believed."""
_LOOK_SIDE = 1280
_LOOKS = (0, 1, 3, 6, 12)
"""Frames after a face was lost at which the whole frame is looked at; then after every so many as the last says."""
_JUMP = 0.8
"""A face that moves farther from one frame to the next, in inter-ocular distances, is another one."""
_KNOWN = 8
"""Embeddings of the person that are kept."""


@dataclass(frozen=True)
class Seen:
    """What a frame shows of the person.

    Attributes:
        landmarks: (68, 3) float32 pixels; None where the person is not seen.
        reason: why not: "no face" or "another person"; else empty.
        found: whether the face was searched for in this frame, so that nothing joins it to the frame before.
    """

    landmarks: np.ndarray | None
    reason: str = ""
    found: bool = False


class Follower:
    """Follows one person through frames. A context manager.

    Args:
        number: which of the first frame's faces with any, counted from the left and from 1; None takes the largest.
        encoder: tells who somebody is.
        known: (128,) embeddings of the person who is looked for; ``number`` does not matter then.
    """

    def __init__(self, number: int | None, encoder: IdentityEncoder, known: Sequence[np.ndarray] = ()) -> None:
        self._number, self._encoder = number, encoder
        self._known = list(known)
        self._last: np.ndarray | None = None
        self._window: tuple[int, int, int] | None = None
        self._lost, self._reason = 0, "no face"
        self._stack = contextlib.ExitStack()
        self._video: Any = None
        self._still: Any = None
        self.faces = 0
        """Most faces that were seen in one look."""

    def __enter__(self) -> "Follower":
        self._video = self._stack.enter_context(face_mesh(static_image_mode=False, max_num_faces=1))
        self._still = self._stack.enter_context(face_mesh(static_image_mode=True, max_num_faces=10))
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def __call__(self, frame: np.ndarray, cut: bool) -> Seen:
        """Look at the next frame, (H, W, 3) uint8; ``cut`` says that a shot begins with it.

        Raises:
            InputError: the first frame with faces has fewer than the number that was asked for.
        """
        if cut:
            self._last, self._lost = None, 0
        if self._last is not None:
            landmarks = self._followed(frame)
            if landmarks is not None:
                self._last = landmarks
                return Seen(landmarks)
            self._last, self._lost = None, 0
        due = self._lost in _LOOKS or self._lost % _LOOKS[-1] == 0
        self._lost += 1
        if due:
            landmarks, self._reason = self._search(frame)
            if landmarks is not None:
                self._last = landmarks
                return Seen(landmarks, found=True)
        return Seen(None, self._reason)

    def _followed(self, frame: np.ndarray) -> np.ndarray | None:
        assert self._last is not None
        assert self._window is not None
        unit = float(interocular_distance(self._last))
        landmarks = self._in_window(frame, self._window)
        if landmarks is None or _centre_apart(landmarks, self._last) > _JUMP * unit:
            return None
        wanted = _window_around(landmarks)
        x, y, side = self._window
        moved = np.abs(np.array(wanted[:2]) + wanted[2] / 2 - (np.array([x, y]) + side / 2)).max() / side
        if moved > _OFF_CENTRE or abs(wanted[2] / side - 1) > _OFF_SIZE:
            self._window = wanted
            settled = self._settled(frame, wanted)
            return landmarks if settled is None else settled
        return landmarks

    def _settled(self, frame: np.ndarray, window: tuple[int, int, int]) -> np.ndarray | None:
        found = None
        for _ in range(_SETTLING):
            found = self._in_window(frame, window)
        return found

    def _in_window(self, frame: np.ndarray, window: tuple[int, int, int]) -> np.ndarray | None:
        x, y, side = window
        height, width = frame.shape[:2]
        x0, y0, x1, y1 = max(x, 0), max(y, 0), min(x + side, width), min(y + side, height)
        if min(x1 - x0, y1 - y0) < 16:
            return None
        part = frame[y0:y1, x0:x1]
        scale = min(1.0, _WINDOW_PIXELS / max(part.shape[:2]))
        if scale < 1:
            part = cv2.resize(part, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        mesh = next(iter(found_meshes(self._video, part)), None)
        if mesh is None:
            return None
        wide, tall = (x1 - x0) / part.shape[1], (y1 - y0) / part.shape[0]
        moved = mesh[MEDIAPIPE_TO_68] * np.array([wide, tall, wide]) + np.array([x0, y0, 0])
        return moved.astype(np.float32)

    def _search(self, frame: np.ndarray) -> tuple[np.ndarray | None, str]:
        """The person's landmarks in a whole frame, or why there are none."""
        faces = faces_in(self._still, frame)
        if not faces:
            return None, "no face"
        self.faces = max(self.faces, len(faces))
        embedded = self._encoder(np.broadcast_to(frame, (len(faces), *frame.shape)), np.stack(faces))
        if not self._known:
            index = self._first(faces)
        else:
            apart = [min(float(np.linalg.norm(one - known)) for known in self._known) for one in embedded]
            index = int(np.argmin(apart))
            if apart[index] > SAME_PERSON:
                return None, "another person"
        window = _window_around(faces[index])
        self._video.reset()
        landmarks = self._settled(frame, window)
        if landmarks is None or _centre_apart(landmarks, faces[index]) > _JUMP * float(
            interocular_distance(faces[index])
        ):
            return None, "no face"
        self._window = window
        self._known = [*self._known, embedded[index]][:_KNOWN]
        return landmarks, ""

    def _first(self, faces: list[np.ndarray]) -> int:
        if self._number is None:
            return int(np.argmax([box_area(face) for face in faces]))
        if self._number > len(faces):
            there = "is only one face" if len(faces) == 1 else f"are {len(faces)} faces"
            raise InputError(
                f"face is {self._number} and there {there} where the video first shows any, counted from the left: "
                "choose another, or leave it out."
            )
        return self._number - 1


def faces_in(still: Any, frame: np.ndarray) -> list[np.ndarray]:
    """All faces of a frame (H, W, 3) uint8, from left to right, (68, 3) pixels each; ``still`` is a mesh for stills."""
    scale = min(1.0, _LOOK_SIDE / max(frame.shape[:2]))
    small = cv2.resize(frame, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else frame
    meshes = list(found_meshes(still, small))
    add_faces_from(meshes, still, small, far_faces(small))
    return sorted((mesh[MEDIAPIPE_TO_68] / scale for mesh in meshes), key=lambda face: float(face[:, 0].mean()))


def _centre_apart(one: np.ndarray, other: np.ndarray) -> float:
    """How far the middles of two faces (68, 3) are apart, pixels."""
    return float(np.linalg.norm(one[:, :2].mean(0) - other[:, :2].mean(0)))


def _window_around(landmarks: np.ndarray) -> tuple[int, int, int]:
    """Left, top and side of the window around a face (68, 3), pixels; it may reach beyond the frame."""
    low, high = landmarks[:, :2].min(0), landmarks[:, :2].max(0)
    side = _WINDOW * float((high - low).max())
    x, y = (low + high) / 2 - side / 2
    return round(float(x)), round(float(y)), round(side)
