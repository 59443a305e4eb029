"""The full picture: what may change does, at its place, and everything else stays as it was."""

import cv2
import numpy as np
import pytest
from conftest import Talking

from moditalker.face.geometry import ALIGNED_SIZE, FaceFrame, aligning_matrix, transform_points
from moditalker.face.layout import OUTER_LIPS
from moditalker.render.compositor import Composer
from moditalker.render.warp import MOVING_RADII, FrameWarp, face_centre


@pytest.fixture(scope="module")
def small(landmarks: np.ndarray) -> np.ndarray:
    """The landmarks in the small picture."""
    return landmarks / 2


def composer_of(picture: np.ndarray, frame: FaceFrame) -> tuple[Composer, tuple[float, float]]:
    radii = (MOVING_RADII[0] * 1.2 * frame.unit, MOVING_RADII[1] * 1.2 * frame.unit)
    return Composer(picture, face_centre(frame), radii), radii


def warp_of(frame: FaceFrame, landmarks: np.ndarray) -> FrameWarp:
    return FrameWarp(frame, frame.motion(landmarks))


def no_delta(frames: int) -> np.ndarray:
    return np.zeros((frames, 3, ALIGNED_SIZE, ALIGNED_SIZE), np.float32)


def test_nothing_moves_when_the_landmarks_do_not(small_picture: np.ndarray, small: np.ndarray) -> None:
    frame = FaceFrame(small)
    still = np.repeat(small[None], 3, 0)
    composer, _ = composer_of(small_picture, frame)
    frames = composer(warp_of(frame, still), no_delta(3))
    assert frames.dtype == np.uint8
    np.testing.assert_array_equal(frames, np.repeat(small_picture[None], 3, 0))


def test_the_background_stays_exactly_as_it_was(astronaut: np.ndarray, landmarks: np.ndarray, talking: Talking) -> None:
    frame = FaceFrame(landmarks)
    moving = talking(landmarks, 12, sway=0.2)
    composer, radii = composer_of(astronaut, frame)
    delta = no_delta(12) + 40
    frames = composer(warp_of(frame, moving), delta)
    y, x = np.mgrid[:512, :512]
    centre = face_centre(frame)
    outside = ((x - centre[0]) / radii[0]) ** 2 + ((y - centre[1]) / radii[1]) ** 2 > 1
    assert outside.mean() > 0.3
    np.testing.assert_array_equal(frames[:, outside], np.repeat(astronaut[None, outside], 12, 0))
    face = cv2.fillConvexPoly(np.zeros((512, 512)), cv2.convexHull(landmarks[:, :2].astype(np.int32)), 1) > 0
    assert np.abs(frames[5, face].astype(int) - astronaut[face]).mean() > 20


def test_the_change_lands_on_the_mouth(small_picture: np.ndarray, small: np.ndarray, talking: Talking) -> None:
    frame = FaceFrame(small)
    moving = talking(small, 6, sway=0.2)
    matrices = aligning_matrix(moving)
    delta = no_delta(6)
    masks = []
    for change, matrix, points in zip(delta, matrices, moving, strict=True):
        aligned = transform_points(matrix, points)[OUTER_LIPS]
        mask = cv2.fillPoly(np.zeros((ALIGNED_SIZE, ALIGNED_SIZE)), [aligned.round().astype(np.int32)], 1)
        change[:] = -50 * mask
        masks.append(
            cv2.fillPoly(np.zeros(small_picture.shape[:2]), [points[OUTER_LIPS, :2].round().astype(np.int32)], 1)
        )
    composer, _ = composer_of(small_picture, frame)
    warp = warp_of(frame, moving)
    before = composer(warp, no_delta(6)).astype(int)
    after = composer(warp, delta).astype(int)
    kernel = np.ones((3, 3), np.uint8)
    for mask, change in zip(masks, after - before, strict=True):
        inside, near = cv2.erode(mask, kernel) > 0, cv2.dilate(mask, kernel, iterations=3) > 0
        assert inside.any()
        assert change[inside].mean() == pytest.approx(-50, abs=8)
        assert np.abs(change[~near]).max() <= 1


def test_no_edge_shows_where_the_change_ends(small_picture: np.ndarray, small: np.ndarray) -> None:
    frame = FaceFrame(small)
    grey = np.full_like(small_picture, 100)
    composer, _ = composer_of(grey, frame)
    still = small[None]
    result = composer(warp_of(frame, still), no_delta(1) + 100)[0].astype(int)
    assert result.max() == 200
    assert np.abs(np.diff(result, axis=0)).max() < 30
    assert np.abs(np.diff(result, axis=1)).max() < 30


def test_a_face_at_the_edge_of_the_picture_is_drawn_as_far_as_it_reaches(
    astronaut: np.ndarray, landmarks: np.ndarray, talking: Talking
) -> None:
    left, top = int(landmarks[:, 0].min()) + 10, int(landmarks[:, 1].min()) - 4
    cut = np.ascontiguousarray(astronaut[top:, left:])
    moved = (landmarks - [left, top, 0]).astype(np.float32)
    frame = FaceFrame(moved)
    moving = talking(moved, 4, sway=0.2)
    composer, _ = composer_of(cut, frame)
    frames = composer(warp_of(frame, moving), no_delta(4) + 10)
    assert frames.shape == (4, *cut.shape)
    x, y = moved[33, :2].round().astype(int)
    nose = (slice(y - 5, y + 5), slice(x - 5, x + 5))
    assert frames[0][nose].mean() == pytest.approx(cut[nose].mean() + 10, abs=3)


def test_values_stay_within_the_range_of_a_picture(small_picture: np.ndarray, small: np.ndarray) -> None:
    frame = FaceFrame(small)
    composer, _ = composer_of(small_picture, frame)
    x, y = small[33, :2].round().astype(int)
    for value, extreme in ((1000.0, 255), (-1000.0, 0)):
        result = composer(warp_of(frame, small[None]), no_delta(1) + value)[0]
        assert (result[y - 5 : y + 5, x - 5 : x + 5] == extreme).all()
