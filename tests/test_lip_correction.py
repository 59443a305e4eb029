"""Lips are drawn as far apart as was meant, whatever mouth the portrait shows."""

import logging
from collections.abc import Callable

import numpy as np
import pytest
from conftest import Talking

from moditalker import pipeline as pipeline_module
from moditalker.face.geometry import FaceFrame, FaceMotion
from moditalker.face.layout import OUTER_LIPS, interocular_distance, mouth_opening, mouth_width
from moditalker.face.tracker import MediaPipeTracker
from moditalker.pipeline import MoDiTalkerPipeline
from moditalker.portrait import Portrait, head_of
from moditalker.render.lip_correction import (
    EASE,
    LEAST,
    STRETCH,
    corrected_in_stretches,
    correction,
    lip_corrected,
    parted,
    reshaping,
    stretches,
)
from moditalker.utils.errors import InputError


def speaking(frames: int) -> np.ndarray:
    """(frames,) openings of a mouth that says something, inter-ocular distances."""
    time = np.arange(frames) / 25
    return 0.12 - 0.1 * np.cos(2 * np.pi * 2 * time) * np.cos(2 * np.pi * 0.3 * time)


def test_lips_part_by_what_is_asked_and_keep_their_corners(landmarks: np.ndarray, talking: Talking) -> None:
    frame = FaceFrame(landmarks)
    points = frame.analyse(talking(landmarks, 10))[0] + frame.shape
    wider = parted(points, np.full(10, 0.05))
    assert np.allclose(mouth_opening(wider) - mouth_opening(points), 0.05, atol=0.01)
    assert np.allclose(mouth_width(wider), mouth_width(points), atol=1e-5)
    assert (wider[:, OUTER_LIPS[9], 1] > points[:, OUTER_LIPS[9], 1]).all()  # the lower lip's edge goes along


@pytest.mark.parametrize(
    ("shows", "left"),
    [
        (lambda x: x, 0.7),
        (lambda x: np.maximum(x - 0.05, 0) + 0.2 * x, 0.7),  # shut lips that stay shut
        # Teeth that are read as an opening; between the two sides of a jump one look cannot tell which is nearer.
        (lambda x: np.where(x < 0.03, x, np.maximum(x, 0.08)), 0.85),
        (lambda x: 0.7 * x, 0.55),
    ],
    ids=["as asked", "stays shut", "stays open", "too little"],
)
def test_what_is_seen_is_what_was_meant(shows: Callable[[np.ndarray], np.ndarray], left: float) -> None:
    meant = np.linspace(0.01, 0.24, 100)
    asked = correction(shows(meant), meant)
    assert (asked >= 0).all()
    before, after = np.abs(shows(meant) - meant), np.abs(shows(asked) - meant)
    assert after.mean() <= max(left * before.mean(), 0.002)
    assert np.abs(np.diff(asked)).max() < 0.02  # no lip jumps where the one that was meant did not


def test_a_trembling_tracker_does_not_make_lips_tremble() -> None:
    meant, noise = speaking(400), np.random.default_rng(0).normal(0, 0.01, 400)
    trembles = np.diff(correction(meant + noise, meant) - meant, 2).std()
    assert trembles < 0.4 * np.diff(noise, 2).std()


def test_a_mouth_that_is_drawn_too_wide_is_asked_to_be_narrower(landmarks: np.ndarray, talking: Talking) -> None:
    frame = FaceFrame(landmarks)
    meant = frame.motion(talking(landmarks, 60, sway=0.1))
    pursed = np.arange(60) >= 30

    def read(target: FaceMotion) -> np.ndarray:
        """What a tracker reads of a mouth that cannot be pursed."""
        points = target.residual + frame.shape
        middle = points[:, 48:68, :1].mean(1, keepdims=True)
        points[pursed, 48:68, :1] = (middle + 1.2 * (points[:, 48:68, :1] - middle))[pursed]
        return points - frame.shape

    def error(target: FaceMotion) -> np.ndarray:
        return np.abs(mouth_width(read(target) + frame.shape) - mouth_width(meant.residual + frame.shape))

    target = lip_corrected(frame, meant, read)
    assert error(target)[32:].mean() < 0.6 * error(meant)[32:].mean()
    assert error(target)[:28].max() < 0.003
    assert np.allclose(mouth_opening(target.landmarks), mouth_opening(meant.landmarks), atol=0.01)


def test_a_mouth_is_reshaped_by_little_and_nothing_else_is(landmarks: np.ndarray, talking: Talking) -> None:
    frame = FaceFrame(landmarks)
    meant = frame.analyse(talking(landmarks, 10))[0] + frame.shape
    moved = reshaping(meant + np.random.default_rng(0).normal(0, 1, meant.shape).astype(np.float32), meant)
    assert not moved[:, :48].any()
    assert not moved[..., 2].any()
    assert 0 < np.abs(moved).max() < 0.1


def test_a_turned_head_is_asked_for_more_where_it_is_turned_only(landmarks: np.ndarray, talking: Talking) -> None:
    frame = FaceFrame(landmarks)
    meant = frame.motion(talking(landmarks, 60, sway=0.1))
    turned = np.arange(60) >= 30

    def read(target: FaceMotion) -> np.ndarray:
        return parted(target.residual + frame.shape, np.where(turned, -0.03, 0)) - frame.shape

    more = mouth_opening(lip_corrected(frame, meant, read).landmarks) - mouth_opening(meant.landmarks)
    assert more[32:].mean() > 0.015
    assert np.abs(more[:28]).max() < 0.003


def test_a_portrait_that_hardly_opens_is_asked_for_more(landmarks: np.ndarray, talking: Talking) -> None:
    frame = FaceFrame(landmarks)
    meant = frame.motion(talking(landmarks, 40, sway=0.1))
    trials: list[FaceMotion] = []

    def shut(target: FaceMotion) -> np.ndarray:
        """What a tracker reads of a mouth whose first 0.04 are not to be seen."""
        trials.append(target)
        points = target.residual + frame.shape
        return parted(points, -np.minimum(mouth_opening(points), 0.04)) - frame.shape

    target = lip_corrected(frame, meant, shut)
    assert trials == [meant]
    more = mouth_opening(target.landmarks) - mouth_opening(meant.landmarks)
    spoken = mouth_opening(meant.landmarks) > 0.05
    assert more[spoken].mean() > 0.02
    elsewhere = slice(17, 48)  # brows, nose and eyes
    assert np.allclose(target.landmarks[:, elsewhere], meant.landmarks[:, elsewhere], atol=1e-3 * frame.unit)


def test_a_mouth_that_stays_as_it_is_is_not_tried(landmarks: np.ndarray) -> None:
    frame = FaceFrame(landmarks)
    still = frame.motion(np.repeat(landmarks[None], 20, 0))

    def never(_: FaceMotion) -> np.ndarray:
        raise AssertionError("tried")

    assert np.ptp(mouth_opening(still.landmarks)) < LEAST
    assert lip_corrected(frame, still, never) is still


def test_only_lips_that_may_move_are_tried_and_never_many_frames_at_once() -> None:
    spoken = np.zeros(1000, bool)
    spoken[100:500] = True
    found = stretches(spoken)
    assert [frame for start, stop, _ in found for frame in range(start, stop)] == list(range(1000))
    assert [(start, stop) for start, stop, tried in found if not tried] == [(0, 100), (500, 1000)]
    assert max(stop - start for start, stop, tried in found if tried) <= STRETCH
    assert stretches(np.ones(STRETCH, bool)) == [(0, STRETCH, True)]


def test_long_motion_is_corrected_as_in_one_go_and_one_stretch_at_a_time(
    landmarks: np.ndarray, talking: Talking
) -> None:
    frame = FaceFrame(landmarks)
    meant = frame.motion(talking(landmarks, 2 * STRETCH, sway=0.1))
    trials: list[int] = []

    def read(target: FaceMotion) -> np.ndarray:
        return parted(target.residual + frame.shape, np.full(len(target), -0.04)) - frame.shape

    def correct(piece: FaceMotion, least: float) -> FaceMotion:
        trials.append(len(piece))
        return lip_corrected(frame, piece, read, least)

    pieces = corrected_in_stretches(frame, meant, np.ones(len(meant), bool), correct)
    first = next(pieces)
    assert trials == [STRETCH + EASE]  # the second stretch waits until it is asked for
    whole = lip_corrected(frame, meant, read)
    assert np.abs(np.concatenate([first.residual, *(one.residual for one in pieces)]) - whole.residual).max() < 1e-4


def test_a_correction_comes_and_goes_beside_shut_lips(landmarks: np.ndarray, talking: Talking) -> None:
    frame = FaceFrame(landmarks)
    meant = frame.motion(talking(landmarks, 100, sway=0.1))
    spoken = np.zeros(100, bool)
    spoken[30:70] = True

    def correct(piece: FaceMotion, least: float) -> FaceMotion:
        by = np.full(len(piece), 0.1 if least else 0.02)
        return frame.posed(parted(piece.residual + frame.shape, by) - frame.shape, piece.pose)

    drawn = np.concatenate([one.residual for one in corrected_in_stretches(frame, meant, spoken, correct)])
    more = mouth_opening(drawn + frame.shape) - mouth_opening(meant.residual + frame.shape)
    assert np.allclose(more[~spoken], 0.02, atol=0.005)  # what a trial of shut lips told
    assert more[40:60].min() > 0.09
    assert np.abs(np.diff(more)).max() < 0.2 * more.max()


@pytest.mark.slow
def test_the_trial_is_told_of_and_takes_no_noise_from_the_video(
    pipeline: MoDiTalkerPipeline, portrait: Portrait, talking: Talking, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = talking(portrait.frame.landmarks, 20)
    told: list[tuple[str, int, int]] = []

    def frames() -> np.ndarray:
        chunks = pipeline.render(portrait, asked, own=True, seed=0, progress=lambda *news: told.append(news))
        return np.concatenate(list(chunks))

    def only_tried(
        _: FaceFrame, motion: FaceMotion, read: Callable[[FaceMotion], np.ndarray], least: float
    ) -> FaceMotion:
        assert read(motion).shape == motion.residual.shape
        return motion

    monkeypatch.setattr(pipeline_module, "lip_corrected", only_tried)
    tried = frames()
    assert list(dict.fromkeys(stage for stage, _, _ in told)) == ["lip_correction", "video"]
    assert ("lip_correction", 20, 20) in told
    assert told[-1] == ("video", 20, 20)
    monkeypatch.setattr(pipeline_module, "lip_corrected", lambda _, motion, *__: motion)
    np.testing.assert_array_equal(tried, frames())


def test_a_trial_is_small_however_large_the_picture_is(
    pipeline: MoDiTalkerPipeline, astronaut: np.ndarray, landmarks: np.ndarray
) -> None:
    large = pipeline.encode_portrait(np.repeat(np.repeat(astronaut, 3, 0), 3, 1))
    head = head_of(large)
    assert max(head.picture.shape) <= 256
    eyes = float(interocular_distance(head.frame.landmarks))
    assert eyes > 0.2 * head.picture.shape[1]
    found, _ = MediaPipeTracker().detect(head.picture)
    assert np.abs(found - head.frame.landmarks)[:, :2].mean() < 0.04 * eyes


def test_where_nothing_can_be_read_the_landmarks_are_drawn_as_they_are(
    pipeline: MoDiTalkerPipeline,
    portrait: Portrait,
    talking: Talking,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def blind(_: MediaPipeTracker, frames: object) -> np.ndarray:
        raise InputError("A face was found in only 0 of 20 frames.")

    monkeypatch.setattr(MediaPipeTracker, "track", blind)
    asked = talking(portrait.frame.landmarks, 20)
    with caplog.at_level(logging.INFO):
        frames = np.concatenate(list(pipeline.render(portrait, asked, own=True, seed=0)))
    assert len(frames) == 20
    assert "not corrected" in caplog.text
