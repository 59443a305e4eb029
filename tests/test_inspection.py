"""What a visitor is told of a portrait before anything long starts."""

import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from moditalker.face.inspection import draw_inspection, inspect_portrait
from moditalker.face.tracker import MediaPipeTracker
from moditalker.ui.animate.portrait_panel import PortraitPanel
from moditalker.utils.errors import InputError


class Finds:
    """A tracker that finds what it is told to."""

    def __init__(self, landmarks: np.ndarray) -> None:
        self._landmarks = landmarks

    def faces(self, image: np.ndarray) -> list[np.ndarray]:
        return [self._landmarks]

    def settled(self, image: np.ndarray, face: np.ndarray) -> np.ndarray:
        return face

    def detect(self, image: np.ndarray) -> tuple[np.ndarray, list[str]]:
        raise NotImplementedError

    def track(self, frames: object, progress: object = None) -> np.ndarray:
        raise NotImplementedError


def turned(landmarks: np.ndarray, degrees: float) -> np.ndarray:
    """Landmarks rotated about the vertical axis through their centre."""
    angle, centre = np.radians(degrees), landmarks.mean(0)
    rotation = np.array(
        [[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]], dtype=np.float32
    )
    return (landmarks - centre) @ rotation.T + centre


def test_a_good_portrait_gets_a_box_around_its_face_alone(astronaut: np.ndarray, landmarks: np.ndarray) -> None:
    found = inspect_portrait(astronaut, Finds(landmarks))
    left, top, right, bottom = found.box
    assert left < landmarks[36, 0] < landmarks[45, 0] < right
    assert top < landmarks[27, 1] < landmarks[8, 1] <= bottom + 1
    assert found.warnings == ()
    assert len(found.report()["landmarks"]) == 68


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda points: points * 0.6, "small"),
        (lambda points: turned(points, 30), "turned"),
    ],
)
def test_what_may_go_wrong_is_said(astronaut: np.ndarray, landmarks: np.ndarray, change: object, word: str) -> None:
    found = inspect_portrait(astronaut, Finds(change(landmarks)))  # type: ignore[operator]
    assert [word in warning for warning in found.warnings] == [True]


def test_a_face_that_the_edge_cuts_off_is_said(astronaut: np.ndarray, landmarks: np.ndarray) -> None:
    found = inspect_portrait(astronaut[:, 220:], Finds(landmarks - np.float32([220, 0, 0])))
    assert ["cut off" in warning for warning in found.warnings] == [True]


def test_no_face_is_refused(astronaut: np.ndarray) -> None:
    with pytest.raises(InputError, match="No face"):
        inspect_portrait(np.full((320, 320, 3), 128, np.uint8), MediaPipeTracker())


def test_box_and_landmarks_are_drawn_on_a_copy(astronaut: np.ndarray, landmarks: np.ndarray) -> None:
    found = inspect_portrait(astronaut, Finds(landmarks))
    drawn = draw_inspection(found)
    changed = (drawn != astronaut).any(-1)
    left, top, right, _ = found.box
    assert changed[top, left:right].mean() > 0.9, "the box's upper edge"
    rows, columns = np.nonzero(changed)
    assert rows.min() >= top - 3
    assert columns.max() <= right + 3


@pytest.mark.parametrize("side", [512, 3500])
def test_a_portrait_is_looked_at_within_a_second(astronaut: np.ndarray, tmp_path: Path, side: int) -> None:
    """CPU seconds, so that a busy machine decides nothing; a phone's picture has 12 million pixels."""
    path = tmp_path / "portrait.jpg"
    Image.fromarray(astronaut).resize((side, side)).save(path, quality=92)
    panel = PortraitPanel()
    panel.inspect(str(path))  # a server loads the tracker at its start
    started = time.process_time()
    _, found = panel.inspect(str(path))
    assert time.process_time() - started < 1.0
    assert found["warnings"] == []


def test_a_picture_without_a_face_is_refused_within_a_second() -> None:
    """It is looked at many times, in parts: a face may be small."""
    tracker, wall = MediaPipeTracker(), np.full((1024, 1024, 3), 128, np.uint8)
    started = time.process_time()
    with pytest.raises(InputError, match="No face"):
        inspect_portrait(wall, tracker)
    assert time.process_time() - started < 1.0
