"""Silence in training windows, and the measures that the model card prints."""

import json
from pathlib import Path

import numpy as np
import pytest

from moditalker.face.geometry import FaceFrame
from moditalker.face.layout import LIP_BRANCH, OTHER_BRANCH, mouth_opening
from moditalker.training.card import write_card
from moditalker.training.measure import best_lag, correlation
from moditalker.training.silence import make_silent, most_closed


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


@pytest.mark.parametrize("late", [-4, -1, 0, 3, 5])
def test_the_lag_says_by_how_many_frames_the_video_is_late(late: int) -> None:
    real = np.cumsum(np.random.default_rng(0).standard_normal(200))
    assert best_lag(np.roll(real, late), real) == late


def test_a_curve_that_does_not_move_correlates_with_nothing() -> None:
    assert correlation(np.ones(50), np.arange(50.0)) == 0
    assert correlation(np.arange(50.0), np.arange(50.0)) == pytest.approx(1)


def test_the_card_says_what_was_trained_and_measured(tmp_path: Path) -> None:
    run = {
        "parameters": 6_258_524,
        "learning_rate": 6e-4,
        "seed": 0,
        "device": "cpu",
        "machine": "x86_64",
        "torch": "2.13.0",
        "notes": {"batch": 1024},
        "last": {"minutes": 45.1, "step": 5659, "validation": {"loss": 0.3005}},
    }
    (tmp_path / "training.json").write_text(json.dumps({"atom": run}))
    measures = tmp_path / "in.json"
    measures.write_text(json.dumps({"clips": 9, "atom_steps": 25, "atom, guidance 1": {"opening_correlation": 0.5}}))
    card = write_card(tmp_path, measures).read_text()
    assert "| atom | 6.3 M | 45 | 5659 | 0.0006 | 1024 | 0 | 0.3005 |" in card
    assert "opening_correlation 0.5" in card
    assert json.loads((tmp_path / "measures.json").read_text())["clips"] == 9
