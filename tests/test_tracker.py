"""Finding the face: in a still, in a video, and the cases that cannot be used."""

import socket
import time
from typing import NoReturn

import numpy as np
import pytest
from PIL import Image
from scipy.spatial.transform import Rotation

from moditalker.face.layout import INNER_LIPS, JAW, LEFT_EYE, NOSE, OUTER_LIPS, RIGHT_EYE, interocular_distance
from moditalker.face.tracker import MediaPipeTracker, check_usable, fill_gaps, make_tracker, yaw_degrees
from moditalker.utils.errors import InputError


def resized(picture: np.ndarray, side: int) -> np.ndarray:
    return np.asarray(Image.fromarray(picture).resize((side, side), Image.Resampling.LANCZOS))


def test_a_portrait_gets_68_points_that_make_a_face(astronaut: np.ndarray) -> None:
    points, warnings = MediaPipeTracker().detect(astronaut)
    assert points.shape == (68, 3)
    assert warnings == []
    assert (points[:, :2] >= 0).all()
    assert (points[:, :2] < 512).all()
    centre = {
        "right eye": points[RIGHT_EYE, :2].mean(0),
        "left eye": points[LEFT_EYE, :2].mean(0),
        "nose": points[NOSE, :2].mean(0),
        "mouth": points[OUTER_LIPS, :2].mean(0),
        "jaw": points[JAW, :2].mean(0),
    }
    eyes = interocular_distance(points)
    assert centre["right eye"][0] < centre["nose"][0] < centre["left eye"][0]
    assert abs(centre["right eye"][1] - centre["left eye"][1]) < 0.1 * eyes
    assert centre["left eye"][1] < centre["nose"][1] < centre["mouth"][1] < points[8, 1]
    inside = points[INNER_LIPS, :2]
    assert (inside.min(0) >= points[OUTER_LIPS, :2].min(0)).all()
    assert (inside.max(0) <= points[OUTER_LIPS, :2].max(0)).all()
    # In this picture the eyes are known to lie here.
    np.testing.assert_allclose(centre["right eye"], [206, 102], atol=8)
    np.testing.assert_allclose(centre["left eye"], [247, 104], atol=8)


def test_the_points_follow_the_picture(astronaut: np.ndarray, landmarks: np.ndarray) -> None:
    shifted = np.roll(astronaut, (20, 40), (0, 1))
    found, _ = MediaPipeTracker().detect(shifted)
    apart = found[:, :2] - landmarks[:, :2] - [40, 20]
    assert np.abs(apart).max() < 0.05 * interocular_distance(landmarks)


def test_of_several_faces_the_largest_is_taken_and_said(astronaut: np.ndarray) -> None:
    head = astronaut[:230, 120:350]
    wide = np.full((230, 410, 3), 255, np.uint8)
    wide[:180, :180] = resized(head, 180)
    wide[:, 180:] = head
    points, warnings = MediaPipeTracker().detect(wide)
    assert points[:, 0].min() > 180
    assert len(warnings) == 1
    assert warnings[0].startswith("2 faces")
    assert "largest" in warnings[0]


def test_a_picture_without_a_face_is_refused() -> None:
    y, x = np.mgrid[:256, :256]
    picture = np.stack([x, y, 255 - x], -1).astype(np.uint8)
    with pytest.raises(InputError, match="No face was found"):
        MediaPipeTracker().detect(picture)


def test_a_face_too_small_is_refused(astronaut: np.ndarray) -> None:
    with pytest.raises(InputError, match="too small: its eyes are 1\\d[.]\\d pixels apart"):
        MediaPipeTracker().detect(resized(astronaut, 140))


def test_a_small_face_in_a_large_picture_is_found(astronaut: np.ndarray) -> None:
    picture = np.full((1024, 1024, 3), 200, np.uint8)
    picture[600:900, 600:900] = resized(astronaut, 300)
    points, _ = MediaPipeTracker().detect(picture)
    assert interocular_distance(points) == pytest.approx(60.7 * 300 / 512, rel=0.1)
    assert (points[:, :2] > 600).all()


@pytest.mark.parametrize("degrees", [-75, -55, 55, 75])
def test_a_face_turned_to_the_side_is_refused(landmarks: np.ndarray, degrees: float) -> None:
    turned = (landmarks - landmarks.mean(0)) @ Rotation.from_euler("y", degrees, degrees=True).as_matrix().T
    turned *= 4  # so that it is not refused for its size
    with pytest.raises(InputError, match="turned about"):
        check_usable(turned)


@pytest.mark.parametrize("degrees", [-25, 0, 25])
def test_a_face_turned_a_little_is_taken(landmarks: np.ndarray, degrees: float) -> None:
    turned = (landmarks - landmarks.mean(0)) @ Rotation.from_euler("y", degrees, degrees=True).as_matrix().T
    check_usable(turned)
    assert abs(yaw_degrees(turned)) == pytest.approx(abs(degrees), abs=8)


def test_frames_without_a_face_take_what_lies_between_their_neighbours() -> None:
    def points(value: float) -> np.ndarray:
        return np.full((68, 3), value, np.float32)

    filled = fill_gaps([None, *map(points, [1, 2, 3, 4, 5, 6]), None, points(8), points(9), points(10)])
    assert filled.shape == (11, 68, 3)
    np.testing.assert_allclose(filled[:, 5, 1], [1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10])


@pytest.mark.parametrize("found", [0, 7])
def test_a_video_that_hardly_shows_a_face_is_refused(found: int) -> None:
    face = np.ones((68, 3), np.float32)
    with pytest.raises(InputError, match=f"only {found} of 10 frames"):
        fill_gaps([face] * found + [None] * (10 - found))


def test_a_video_is_tracked_frame_by_frame(astronaut: np.ndarray, landmarks: np.ndarray) -> None:
    frames = [np.roll(astronaut, 2 * index, 1) for index in range(12)]
    blank = np.zeros_like(astronaut)
    counted: list[int] = []
    tracked = MediaPipeTracker().track([*frames[:6], blank, *frames[7:]], counted.append)
    assert counted == list(range(1, 13))
    assert tracked.shape == (12, 68, 3)
    travelled = tracked[:, :, 0].mean(1) - landmarks[:, 0].mean()
    np.testing.assert_allclose(travelled, 2 * np.arange(12), atol=3)


def test_face_alignment_without_network_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    def no_network(*_: object, **__: object) -> NoReturn:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", no_network)
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    before = time.monotonic()
    with pytest.raises(InputError, match="could not fetch its weights.*mediapipe"):
        make_tracker("face-alignment")
    assert time.monotonic() - before < 20


def test_an_unknown_tracker_is_refused() -> None:
    with pytest.raises(InputError, match="'dlib'.*'mediapipe' or 'face-alignment'"):
        make_tracker("dlib")
