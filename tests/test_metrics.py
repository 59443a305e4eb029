"""The judge's measures on curves and pictures whose answer is known."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from moditalker.constants import SAMPLES_A_FRAME
from moditalker.face.geometry import FaceFrame
from moditalker.metrics.curves import correlation, deviation_ratio, slope
from moditalker.metrics.flicker import flicker
from moditalker.metrics.lag import best_lag, correlation_by_lag
from moditalker.metrics.landmark_distance import mouth_landmark_distance
from moditalker.metrics.landmark_fidelity import landmark_fidelity
from moditalker.metrics.lpips import Lpips
from moditalker.metrics.psnr import MAX_DB, psnr
from moditalker.metrics.ssim import ssim, ssim_map
from moditalker.metrics.talking_video import TalkingVideo, spread, steadied

Talking = Callable[..., np.ndarray]


@pytest.fixture(scope="module")
def face(small_picture: np.ndarray) -> np.ndarray:
    """(1, 128, 128, 3) uint8 around the astronaut's head."""
    return small_picture[None, 10:138, 50:178]


def blurred(face: np.ndarray, sigma: float) -> np.ndarray:
    return cv2.GaussianBlur(face[0], (0, 0), sigma)[None]


@pytest.mark.parametrize("late", [-4, -1, 0, 3, 5])
def test_the_lag_says_by_how_many_frames_the_video_is_late(late: int) -> None:
    real = np.cumsum(np.random.default_rng(0).standard_normal(200))
    assert best_lag(np.roll(real, late), real) == late
    assert correlation_by_lag(np.roll(real, late), real).max() == pytest.approx(1)


def test_a_curve_that_does_not_move_correlates_with_nothing() -> None:
    assert correlation(np.ones(50), np.arange(50.0)) == 0
    assert correlation(np.arange(50.0), np.arange(50.0)) == pytest.approx(1)
    assert correlation(np.arange(50.0), -np.arange(50.0)) == pytest.approx(-1)


def test_a_mouth_that_opens_half_as_far_deviates_half_as_much() -> None:
    real = np.random.default_rng(0).standard_normal(50)
    assert deviation_ratio(0.5 * real + 3, real) == pytest.approx(0.5)
    assert slope(real, 0.5 * real + 3) == pytest.approx(0.5)


def test_the_mouth_distance_is_in_percent_of_the_eyes_and_knows_no_head_motion(
    landmarks: np.ndarray, talking: Talking
) -> None:
    real = talking(landmarks, 20)
    assert mouth_landmark_distance(talking(landmarks, 20, sway=0.2), real) == pytest.approx(0, abs=1e-3)
    lower = real.copy()
    lower[:, 48:68, 1] += 0.05 * FaceFrame(real[0]).unit
    assert mouth_landmark_distance(lower, real) == pytest.approx(5, rel=1e-3)
    assert mouth_landmark_distance(2 * lower + 7, 2 * real + 7) == pytest.approx(5, rel=1e-3)


def test_psnr_of_a_known_error_and_where_it_looks(face: np.ndarray) -> None:
    dim = np.clip(face, 10, 245)
    brighter = dim + np.uint8(10)
    assert psnr(brighter, dim) == pytest.approx(20 * np.log10(255 / 10), abs=1e-4)
    assert psnr(dim, dim) == MAX_DB
    left = np.zeros(dim.shape[:3], bool)
    left[:, :, :64] = True
    half = np.where(left[..., None], dim, brighter)
    assert psnr(half, dim, left) == MAX_DB
    assert psnr(half, dim, ~left) == pytest.approx(20 * np.log10(255 / 10), abs=1e-4)


def test_ssim_falls_with_blur_and_only_where_it_is_blurred(face: np.ndarray) -> None:
    assert ssim(ssim_map(face, face)) == pytest.approx(1)
    scores = [ssim(ssim_map(blurred(face, sigma), face)) for sigma in (1, 2, 4)]
    assert 1 > scores[0] > scores[1] > scores[2] > 0
    half = face.copy()
    half[:, :, 64:] = blurred(face, 3)[:, :, 64:]
    left = np.zeros(face.shape[:3], bool)
    left[:, :, :54] = True  # the window reaches a few pixels further
    similarity = ssim_map(half, face)
    assert ssim(similarity, left) == pytest.approx(1)
    assert ssim(similarity, ~left) < 0.97


def test_lpips_sees_blur_and_hardly_a_shift_of_one_pixel(face: np.ndarray) -> None:
    lpips = Lpips()
    assert lpips.face(face, face) == pytest.approx(0, abs=1e-7)
    assert lpips.mouth(face, face) == pytest.approx(0, abs=1e-7)
    slight, strong = lpips.face(blurred(face, 1), face), lpips.face(blurred(face, 3), face)
    assert 0 < slight < strong
    assert lpips.face(np.roll(face, 1, 2), face) < 0.3 * strong
    upper = face.copy()
    upper[:, :40] = blurred(face, 3)[:, :40]
    assert lpips.mouth(upper, face) == pytest.approx(0, abs=1e-7), "the forehead is not the mouth"
    assert lpips.face(upper, face) > 0


def test_lpips_of_many_frames_is_their_mean(face: np.ndarray) -> None:
    lpips = Lpips()
    many = np.concatenate([np.repeat(face, 6, 0), np.repeat(blurred(face, 2), 6, 0)])
    alone = lpips.face(blurred(face, 2), face)
    assert lpips.face(many, np.repeat(face, 12, 0)) == pytest.approx(alone / 2, rel=1e-4)


def test_flicker_is_in_what_trembles_and_not_in_what_drifts() -> None:
    time = np.arange(10)[:, None, None, None]
    drifting = np.broadcast_to(20 + 10 * time, (10, 8, 8, 3)).astype(np.uint8)
    assert flicker(drifting) == 0
    trembling = np.broadcast_to(100 + 3 * (time % 2), (10, 8, 8, 3)).astype(np.uint8)
    assert flicker(trembling) == pytest.approx(12 / 2)


def test_a_mouth_that_follows_half_way_is_told_from_one_that_does_not_follow(
    landmarks: np.ndarray, talking: Talking
) -> None:
    asked = talking(landmarks, 40)
    closed = np.repeat(asked[:1], 40, 0)
    half = landmark_fidelity(asked, (asked + closed) / 2)
    assert half is not None
    assert half.correlation == pytest.approx(1, abs=0.01)
    assert half.slope == pytest.approx(0.5, abs=0.05)
    leaking = landmark_fidelity(asked, closed)
    assert leaking is not None
    assert leaking.correlation == 0
    assert leaking.slope == pytest.approx(0, abs=1e-6)
    assert landmark_fidelity(closed, asked) is None, "nothing was asked for"


def test_a_part_of_a_video_keeps_its_sound_and_can_have_it_late(landmarks: np.ndarray) -> None:
    frames = np.arange(10, dtype=np.uint8).reshape(10, 1, 1, 1)
    sound = np.repeat(np.arange(10, dtype=np.float32), SAMPLES_A_FRAME)
    video = TalkingVideo(frames, np.repeat(landmarks[None], 10, 0), sound)
    part = video.part(2, 6)
    assert part.frames.ravel().tolist() == [2, 3, 4, 5]
    assert part.audio[::SAMPLES_A_FRAME].tolist() == [2, 3, 4, 5]
    assert len(part.landmarks) == 4
    assert video.part(2, 6, late=2).audio[::SAMPLES_A_FRAME].tolist() == [0, 1, 2, 3]
    assert video.part(2, 6, late=-3).audio[::SAMPLES_A_FRAME].tolist() == [5, 6, 7, 8]


def test_the_frames_that_are_looked_at_are_spread_over_the_whole_clip() -> None:
    assert spread(30, 4).tolist() == [0, 10, 19, 29]
    assert spread(3, 8).tolist() == [0, 1, 2]


def test_steadying_takes_the_tremble_and_leaves_the_motion(landmarks: np.ndarray) -> None:
    path = np.repeat(landmarks[None].astype(np.float32), 60, 0)
    path[..., 0] += np.arange(60, dtype=np.float32)[:, None]
    trembling = path.copy()
    trembling[::2, :, 1] += 1
    inner = slice(10, -10)
    assert np.abs(steadied(path) - path)[inner].max() < 0.01
    assert np.ptp(steadied(trembling)[inner, 30, 1]) < 0.05
