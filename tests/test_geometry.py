"""Alignment, the face-centric frame, measures of a face, landmarks from elsewhere and on disk."""

from pathlib import Path

import numpy as np
import pytest
from conftest import Talking
from scipy.spatial.transform import Rotation

from moditalker.face.geometry import ALIGNED_SIZE, FaceFrame, aligned_face, aligning_matrix, transform_points, umeyama
from moditalker.face.landmark_file import read_landmarks, write_landmarks
from moditalker.face.layout import (
    EYE_LINE,
    LEFT_EYE,
    RIGHT_EYE,
    STABLE,
    eye_opening,
    interocular_distance,
    mouth_opening,
    mouth_width,
)
from moditalker.face.retarget import relative_pose, retarget
from moditalker.utils.errors import InputError


def moved(landmarks: np.ndarray, degrees: float, scale: float, shift: tuple[float, float]) -> np.ndarray:
    """Landmarks turned in the picture plane, scaled and shifted; (..., 68, 3) -> the same shape."""
    rotation = Rotation.from_rotvec([0, 0, np.radians(degrees)]).as_matrix()
    return scale * landmarks @ rotation.T + np.array([*shift, 0])


def random_poses(count: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    return (rng.normal(size=(count, 6)) * [0.3, 0.4, 0.3, 0.5, 0.5, 0.2]).astype(np.float32)


@pytest.mark.parametrize("dimensions", [2, 3])
def test_umeyama_recovers_a_known_similarity(dimensions: int) -> None:
    rng = np.random.default_rng(1)
    source = rng.normal(size=(5, 12, dimensions))
    if dimensions == 3:
        rotation = Rotation.random(5, rng=rng).as_matrix()
    else:
        angle = rng.uniform(-3, 3, 5)
        rotation = np.stack([np.cos(angle), -np.sin(angle), np.sin(angle), np.cos(angle)], -1).reshape(5, 2, 2)
    scale, translation = rng.uniform(0.2, 5, 5), rng.normal(size=(5, dimensions)) * 100
    target = scale[:, None, None] * source @ np.swapaxes(rotation, 1, 2) + translation[:, None]
    found_scale, found_rotation, found_translation = umeyama(source, target)
    np.testing.assert_allclose(found_scale, scale)
    np.testing.assert_allclose(found_rotation, rotation, atol=1e-9)
    np.testing.assert_allclose(found_translation, translation, atol=1e-7)


def test_umeyama_never_mirrors_a_face(landmarks: np.ndarray) -> None:
    _, rotation, _ = umeyama(landmarks * [-1, 1, 1], landmarks)
    assert np.linalg.det(rotation) == pytest.approx(1)


def test_the_portrait_itself_has_no_expression_and_no_pose(landmarks: np.ndarray) -> None:
    residual, pose = FaceFrame(landmarks).analyse(landmarks[None])
    assert np.abs(residual).max() < 1e-6
    assert np.abs(pose).max() < 1e-6


def test_expression_and_pose_come_back_from_the_landmarks_they_make(landmarks: np.ndarray) -> None:
    frame = FaceFrame(landmarks)
    residual = np.random.default_rng(2).normal(size=(50, 68, 3)).astype(np.float32) * 0.1
    residual[:, STABLE] = 0  # speech does not move them: that is how pose and expression are told apart
    poses = random_poses(50)
    found_residual, found_pose = frame.analyse(frame.compose(residual, poses))
    np.testing.assert_allclose(found_pose, poses, atol=1e-4)
    np.testing.assert_allclose(found_residual, residual, atol=1e-4)


def test_landmarks_come_back_from_their_expression_and_pose(landmarks: np.ndarray) -> None:
    frame = FaceFrame(landmarks)
    rng = np.random.default_rng(3)
    tracked = np.stack(
        [moved(landmarks, *rng.uniform([-30, 0.7], [30, 1.4]), rng.uniform(-50, 50, 2)) for _ in range(50)]
    )
    tracked += rng.normal(size=tracked.shape)
    again = frame.compose(*frame.analyse(tracked))
    assert np.abs(again - tracked)[..., :2].max() < 1e-3


def test_a_turned_head_is_pose_and_not_expression(landmarks: np.ndarray) -> None:
    residual, pose = FaceFrame(landmarks).analyse(moved(landmarks, 20, 1.1, (30, -10))[None])
    assert np.abs(residual).max() < 1e-5
    assert pose[0, 2] == pytest.approx(np.radians(20), abs=1e-4)
    assert pose[0, 5] == pytest.approx(np.log(1.1), abs=1e-4)


@pytest.mark.parametrize(("degrees", "scale"), [(0, 1.0), (25, 1.0), (-40, 0.4), (10, 3.0)])
def test_aligned_eyes_lie_at_the_same_place_whatever_rotation_and_scale(
    landmarks: np.ndarray, degrees: float, scale: float
) -> None:
    other = moved(landmarks, degrees, scale, (100, 20))
    eyes = transform_points(aligning_matrix(other), other)[EYE_LINE]
    usual = transform_points(aligning_matrix(landmarks), landmarks)[EYE_LINE]
    np.testing.assert_allclose(eyes, usual, atol=1e-2)
    assert interocular_distance(transform_points(aligning_matrix(other), other)) == pytest.approx(56, abs=3)


def test_aligned_face_shows_the_pixels_that_lie_at_the_landmarks(astronaut: np.ndarray, landmarks: np.ndarray) -> None:
    marked = np.zeros_like(astronaut)
    x, y = landmarks[8, :2].round().astype(int)
    marked[y - 3 : y + 4, x - 3 : x + 4] = 255
    matrix = aligning_matrix(landmarks)
    view = aligned_face(marked, matrix)
    assert view.shape == (ALIGNED_SIZE, ALIGNED_SIZE, 3)
    rows, columns = np.nonzero(view[..., 0] > 127)
    np.testing.assert_allclose([columns.mean(), rows.mean()], transform_points(matrix, landmarks[8:9])[0], atol=1)


def test_measures_of_a_known_shape() -> None:
    face = np.zeros((68, 3))
    face[36], face[45] = [0, 0, 0], [10, 0, 0]
    face[48], face[54] = [2, 8, 0], [7, 8, 0]
    face[[61, 62, 63]] = [[4, 8, 0], [5, 8, 0], [6, 8, 0]]
    face[[67, 66, 65]] = [[4, 9, 0], [5, 10, 0], [6, 9, 0]]
    for upper, lower in ((37, 41), (38, 40)):
        face[upper], face[lower] = [upper, 0, 0], [upper, 2, 0]
    assert interocular_distance(face) == 10
    assert mouth_width(face) == pytest.approx(0.5)
    assert mouth_opening(face) == pytest.approx((1 + 2 + 1) / 3 / 10)
    assert eye_opening(face) == pytest.approx((2 + 2 + 0 + 0) / 4 / 10)


def test_measures_do_not_depend_on_how_large_the_face_is(landmarks: np.ndarray) -> None:
    other = moved(landmarks, 30, 2.5, (7, 9))
    for measure in (mouth_opening, mouth_width, eye_opening):
        assert measure(other) == pytest.approx(measure(landmarks), rel=1e-5)


def test_landmarks_of_the_portraits_own_video_are_left_alone(landmarks: np.ndarray, talking: Talking) -> None:
    own = talking(landmarks, 30, sway=0.2)
    np.testing.assert_array_equal(retarget(FaceFrame(landmarks), own), own)


def test_motion_is_carried_to_a_face_of_another_size_and_place(landmarks: np.ndarray, talking: Talking) -> None:
    driver = talking(landmarks, 40, sway=0.2)
    other = moved(landmarks, 12, 0.6, (140, 60))
    other[:, 0] = other[:, 0] * 1.1  # a broader face
    other[RIGHT_EYE] += [0, 0.5, 0]
    other[LEFT_EYE] += [0, 0.5, 0]
    result = retarget(FaceFrame(other), driver)
    assert np.corrcoef(mouth_opening(result), mouth_opening(driver))[0, 1] > 0.99
    np.testing.assert_allclose(result.mean(0)[STABLE, :2], other[STABLE, :2], atol=0.2 * interocular_distance(other))
    assert interocular_distance(result[0]) == pytest.approx(interocular_distance(other), rel=0.05)
    np.testing.assert_allclose(relative_pose(result)[:, :3], relative_pose(driver)[:, :3], atol=0.05)


def test_a_landmark_file_gives_back_what_was_written(landmarks: np.ndarray, talking: Talking, tmp_path: Path) -> None:
    written = talking(landmarks, 7)
    path = tmp_path / "new folder" / "motion.npz"
    write_landmarks(path, written)
    np.testing.assert_array_equal(read_landmarks(path), written)


@pytest.mark.parametrize("fps", [12.5, 30.0, 50.0])
def test_landmarks_of_another_rate_keep_their_timing(
    landmarks: np.ndarray, talking: Talking, tmp_path: Path, fps: float
) -> None:
    seconds = 2
    time = np.arange(round(seconds * fps)) / fps
    moving = np.repeat(landmarks[None], len(time), 0)
    moving[:, 8, 1] = 100 + 10 * time  # the chin falls by 10 pixels a second
    np.savez(tmp_path / "other.npz", landmarks=moving, fps=fps)
    read = read_landmarks(tmp_path / "other.npz")
    assert len(read) == 50
    inside = np.arange(50) / 25 <= time[-1]
    np.testing.assert_allclose(read[inside, 8, 1], 100 + 10 * np.arange(50)[inside] / 25, atol=1e-3)


def test_a_place_that_cannot_be_written_to_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        write_landmarks(tmp_path / "file" / "motion.npz", np.ones((3, 68, 3), np.float32))


def test_a_slice_of_a_motion_is_the_motion_of_a_slice(landmarks: np.ndarray, talking: Talking) -> None:
    moving, frame = talking(landmarks, 12, sway=0.1), FaceFrame(landmarks)
    motion = frame.motion(moving)
    np.testing.assert_allclose(motion.matrices, aligning_matrix(moving), atol=1e-4)
    np.testing.assert_allclose(motion[3:7].residual, frame.motion(moving[3:7]).residual, atol=1e-5)
