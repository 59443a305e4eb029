"""Silence in training windows."""

import numpy as np
import pytest

from moditalker.face.geometry import FaceFrame
from moditalker.face.layout import LIP_BRANCH, OTHER_BRANCH, mouth_opening
from moditalker.training.data.silent_clips import make_silent, most_closed


@pytest.fixture
def window(landmarks: np.ndarray, talking: "object") -> dict[str, np.ndarray]:
    residual, _ = FaceFrame(landmarks).analyse(talking(landmarks, 60))  # type: ignore[operator]
    return {"residual": residual, "speech": np.ones((120, 8), np.float32)}


def test_a_silent_stretch_closes_the_lips_and_leaves_the_rest_of_the_face(
    window: dict[str, np.ndarray], landmarks: np.ndarray
) -> None:
    closed = np.zeros((68, 3), np.float32)
    silence = np.zeros((3, 50, 8), np.float32)
    for seed in range(40):
        item = make_silent(window, closed, silence, np.random.default_rng(seed))
        quiet = (item["speech"].reshape(60, 2, 8) == 0).all((1, 2))
        assert quiet.any()
        # Well inside the silence the lips are the closed frame's; where there is speech they are what they were.
        inside = np.flatnonzero(quiet)[3:-3]
        assert np.abs(item["residual"][inside][:, LIP_BRANCH]).max(initial=0) < 1e-6
        assert np.array_equal(item["residual"][~quiet], window["residual"][~quiet])
        assert np.array_equal(item["residual"][:, OTHER_BRANCH], window["residual"][:, OTHER_BRANCH])
    assert window["speech"].all(), "the window that came in was changed"


def test_the_most_closed_frame_is_found_and_an_open_mouth_has_none(landmarks: np.ndarray) -> None:
    moved = np.repeat(landmarks[None], 5, 0)
    moved[3, 60:68, 1:] = landmarks[60:68, 1:].mean(0)
    assert most_closed(moved) == 3
    opened = moved.copy()
    opened[:, [65, 66, 67], 1] += 0.2 * np.linalg.norm(landmarks[36] - landmarks[45])
    assert mouth_opening(opened).min() > 0.1
    assert most_closed(opened) is None
