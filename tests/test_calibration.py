"""Lips are drawn as far apart as was meant, whatever mouth the portrait shows."""

import logging
from collections.abc import Callable

import numpy as np
import pytest
from conftest import Talking

from moditalker.calibration import LEAST, PROBES, calibrated, correction, parted
from moditalker.errors import InputError
from moditalker.face.geometry import FaceFrame
from moditalker.face.layout import OUTER_LIPS, mouth_opening, mouth_width
from moditalker.face.tracker import MediaPipeTracker
from moditalker.pipeline import MoDiTalkerPipeline
from moditalker.portrait import Portrait

OPENINGS = np.linspace(0, 0.3, PROBES)


def test_lips_part_by_what_is_asked_and_keep_their_corners(landmarks: np.ndarray, talking: Talking) -> None:
    frame = FaceFrame(landmarks)
    points = frame.analyse(talking(landmarks, 10))[0] + frame.shape
    wider = parted(points, np.full(10, 0.05))
    assert np.allclose(mouth_opening(wider) - mouth_opening(points), 0.05, atol=0.01)
    assert np.allclose(mouth_width(wider), mouth_width(points), atol=1e-5)
    assert (wider[:, OUTER_LIPS[9], 1] > points[:, OUTER_LIPS[9], 1]).all()  # the lower lip's edge goes along


@pytest.mark.parametrize(
    "shows",
    [
        lambda x: x,
        lambda x: np.maximum(x - 0.05, 0) + 0.2 * x,  # shut lips that stay shut
        lambda x: np.where(x < 0.03, x, np.maximum(x, 0.08)),  # teeth that are read as an opening
        lambda x: 0.7 * x,
    ],
    ids=["as asked", "stays shut", "stays open", "too little"],
)
def test_what_is_seen_is_what_was_meant(shows: Callable[[np.ndarray], np.ndarray]) -> None:
    meant = np.linspace(0.01, 0.24, 100)
    asked = correction(OPENINGS, shows(OPENINGS), meant)
    assert (asked >= 0).all()
    before, after = np.abs(shows(meant) - meant), np.abs(shows(asked) - meant)
    assert after.mean() <= max(0.7 * before.mean(), 0.002)
    assert np.abs(np.diff(asked)).max() < 0.02  # no lip jumps where the one that was meant did not


def test_noise_is_not_taken_for_a_curve() -> None:
    noise = np.random.default_rng(0).normal(0, 0.005, PROBES)
    meant = np.linspace(0, 0.3, 200)
    assert np.abs(correction(OPENINGS, OPENINGS + noise, meant) - meant).mean() < 0.006


def test_a_portrait_that_hardly_opens_is_asked_for_more(landmarks: np.ndarray, talking: Talking) -> None:
    frame, meant = FaceFrame(landmarks), talking(landmarks, 40, sway=0.1)

    def shut(asked: np.ndarray) -> np.ndarray:
        """What a tracker reads of a mouth whose first 0.04 are not to be seen."""
        assert len(asked) == PROBES
        residual, pose = frame.analyse(asked)
        points = residual + frame.shape
        return frame.compose(parted(points, -np.minimum(mouth_opening(points), 0.04)) - frame.shape, pose)

    asked = calibrated(frame, meant, shut)
    more = mouth_opening(asked) - mouth_opening(meant)
    spoken = mouth_opening(meant) > 0.05
    assert more[spoken].mean() > 0.02
    elsewhere = slice(17, 48)  # brows, nose and eyes
    assert np.allclose(asked[:, elsewhere], meant[:, elsewhere], atol=1e-3 * frame.unit)


def test_a_mouth_that_stays_as_it_is_is_not_tried(landmarks: np.ndarray) -> None:
    still = np.repeat(landmarks[None], 20, 0)

    def never(_: np.ndarray) -> np.ndarray:
        raise AssertionError("tried")

    assert np.ptp(mouth_opening(still)) < LEAST
    assert calibrated(FaceFrame(landmarks), still, never) is still


def test_where_nothing_can_be_read_the_landmarks_are_drawn_as_they_are(
    pipeline: MoDiTalkerPipeline,
    portrait: Portrait,
    talking: Talking,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def blind(*_: object) -> np.ndarray:
        raise InputError("A face was found in only 0 of 16 frames.")

    monkeypatch.setattr(MediaPipeTracker, "track", blind)
    asked = talking(portrait.frame.landmarks, 20)
    with caplog.at_level(logging.INFO):
        frames = np.concatenate(list(pipeline.render(portrait, asked, own=True, seed=0)))
    assert len(frames) == 20
    assert "not calibrated" in caplog.text
