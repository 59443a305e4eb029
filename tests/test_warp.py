"""The warp of the portrait by its landmarks."""

import numpy as np
import torch
from conftest import Talking

from moditalker.face.geometry import FaceFrame, aligned_face, aligning_matrix
from moditalker.render.grid import Grid, sample
from moditalker.render.warp import MOVING_RADII, FrameWarp, face_centre

MOUTH = np.arange(48, 68)


def warp_of(landmarks: np.ndarray, moved: np.ndarray) -> FrameWarp:
    frame = FaceFrame(landmarks)
    return FrameWarp(frame, frame.motion(moved))


def warp_aligned(portrait: torch.Tensor, matrix: np.ndarray, frame: FaceFrame, moved: np.ndarray) -> torch.Tensor:
    """(3, 128, 128) and (T, 68, 3) -> (T, 3, 128, 128)."""
    motion = frame.motion(moved)
    grid = Grid.aligned(matrix, motion.matrices, portrait.shape[-1])
    displacement = np.stack(list(FrameWarp(frame, motion).displacements(grid)))
    return sample(portrait[None], torch.from_numpy(displacement))


def aligned_portrait(picture: np.ndarray, landmarks: np.ndarray) -> tuple[torch.Tensor, np.ndarray]:
    """(3, 128, 128), 0 to 255, and the matrix to it."""
    matrix = aligning_matrix(landmarks)
    return torch.from_numpy(aligned_face(picture, matrix)).permute(2, 0, 1).float(), matrix


def test_the_warp_of_the_portraits_own_landmarks_changes_nothing(astronaut: np.ndarray, landmarks: np.ndarray) -> None:
    picture, matrix = aligned_portrait(astronaut, landmarks)
    still = np.repeat(landmarks[None], 2, 0)
    warped = warp_aligned(picture, matrix, FaceFrame(landmarks), still)
    assert (warped - picture).abs().max() < 0.1


def test_every_part_of_the_face_comes_from_where_it_was(landmarks: np.ndarray, talking: Talking) -> None:
    moving = talking(landmarks, 8, sway=0.15)
    origin = warp_of(landmarks, moving).spline(moving[..., :2])
    assert np.abs(np.asarray(origin) - landmarks[:, :2]).max() < 0.04 * FaceFrame(landmarks).unit


def test_a_head_that_shifts_and_turns_takes_its_picture_along(astronaut: np.ndarray, landmarks: np.ndarray) -> None:
    frame = FaceFrame(landmarks)
    pose = np.array([[0, 0, 0.1, 0.1, 0.05, 0.03]], np.float32)
    moved = frame.compose(np.zeros((1, 68, 3), np.float32), pose)
    picture, matrix = aligned_portrait(astronaut, landmarks)
    warped = warp_aligned(picture, matrix, frame, moved)[0]
    inner = (slice(None), slice(30, 110), slice(30, 98))
    assert (warped - picture)[inner].abs().mean() < 3
    assert np.abs(aligning_matrix(moved)[0] - matrix).max() > 1


def test_only_pixels_around_the_face_move(landmarks: np.ndarray, talking: Talking) -> None:
    frame = FaceFrame(landmarks)
    moving = talking(landmarks, 5, sway=0.2)
    warp = warp_of(landmarks, moving)
    angle = np.linspace(0, 2 * np.pi, 60)
    ring = np.stack([MOVING_RADII[0] * np.cos(angle), MOVING_RADII[1] * np.sin(angle)], -1) * frame.unit
    beyond = face_centre(frame) + np.concatenate([1.13 * ring, 1.5 * ring, 4 * ring])
    np.testing.assert_allclose(warp.spline(beyond), np.repeat(beyond[None], 5, 0), atol=1e-3)
    mouth = landmarks[None, [57, 66], :2] + [0, 3]
    assert np.abs(warp.spline(mouth[0])[5 // 2] - mouth).max() > 1


def test_neighbouring_pixels_stay_neighbours(landmarks: np.ndarray, talking: Talking) -> None:
    """Nothing folds over, not even between lips that close."""
    moving = talking(landmarks, 10, sway=0.15)
    centre, unit = face_centre(FaceFrame(landmarks)), FaceFrame(landmarks).unit
    axis = np.linspace(-2.9 * unit, 2.9 * unit, 120)
    grid = centre + np.stack(np.meshgrid(axis, axis), -1)
    origin = warp_of(landmarks, moving).spline(grid.reshape(-1, 2)).reshape(10, 120, 120, 2)
    across, down = np.diff(origin, axis=2)[:, :-1], np.diff(origin, axis=1)[:, :, :-1]
    area = across[..., 0] * down[..., 1] - across[..., 1] * down[..., 0]
    assert (area > 0).mean() > 0.999
