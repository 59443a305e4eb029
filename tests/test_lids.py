"""Lids that close: what a user sees of a blink."""

import numpy as np

from moditalker.face.geometry import FaceFrame
from moditalker.face.layout import BROWS, LIDS, eye_opening
from moditalker.face.tracker import MediaPipeTracker
from moditalker.render.compositor import Composer
from moditalker.render.lids import LidMotion
from moditalker.render.warp import MOVING_RADII, FrameWarp, face_centre


def closing(landmarks: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """(T, 68, 3): eyes closed by these shares, mostly by the upper lid."""
    moved = np.repeat(landmarks[None], len(shares), 0)
    for upper, lower in LIDS:
        gap = landmarks[lower] - landmarks[upper]
        moved[:, upper] += 0.8 * shares[:, None] * gap
        moved[:, lower] -= 0.2 * shares[:, None] * gap
    return moved


def drawn(picture: np.ndarray, landmarks: np.ndarray, moved: np.ndarray) -> np.ndarray:
    frame = FaceFrame(landmarks)
    reach = (1.2 * MOVING_RADII[0] * frame.unit, 1.2 * MOVING_RADII[1] * frame.unit)
    nothing = np.zeros((len(moved), 3, 128, 128), np.float32)
    field = FrameWarp(frame, frame.motion(moved))
    return Composer(picture, face_centre(frame), reach)(field, nothing)


def test_eyes_close_as_far_as_they_are_asked_to(astronaut: np.ndarray, landmarks: np.ndarray) -> None:
    shares = np.repeat([0.0, 0.5, 1.0], 6)
    frames = drawn(astronaut, landmarks, closing(landmarks, shares))
    seen = eye_opening(MediaPipeTracker().track(frames))[5::6]
    assert seen[0] > seen[1] > seen[2]
    assert seen[2] < 0.65 * seen[0], "a blink leaves the eyes open"


def test_brows_stay_where_they_are_in_a_blink(astronaut: np.ndarray, landmarks: np.ndarray) -> None:
    open_eyes, closed = drawn(astronaut, landmarks, closing(landmarks, np.array([0.0, 1.0]))).astype(float)
    low, high = landmarks[BROWS, :2].min(0).astype(int), landmarks[BROWS, :2].max(0).astype(int)
    brows = (slice(low[1] - 4, high[1]), slice(low[0], high[0]))
    assert np.abs(closed - open_eyes)[brows].mean() < 2
    eyes = landmarks[36:48, :2]
    inside = (slice(*eyes[:, 1][[1, 5]].astype(int)), slice(*eyes[:, 0][[0, 3]].astype(int)))
    assert np.abs(closed - open_eyes)[inside].mean() > 10


def test_between_lids_that_meet_nothing_is_left(landmarks: np.ndarray) -> None:
    moved = closing(landmarks, np.array([0.0, 1.0]))[..., :2]
    lids = LidMotion(landmarks[:, :2], moved)
    for upper, lower in LIDS:
        meeting = moved[1, upper]
        across = np.array([0.0, 0.5])
        above, below = lids(1, np.stack([meeting - across, meeting + across]))
        gap = np.linalg.norm(landmarks[lower, :2] - landmarks[upper, :2])
        assert np.linalg.norm(below - above) > 0.8 * gap, "what lay between the lids is still seen"
    # An open eye, and everything beyond it, stays as it is.
    around = landmarks[:, :2]
    np.testing.assert_allclose(lids(0, around), around, atol=1e-6)
    np.testing.assert_allclose(lids(1, around[BROWS]), around[BROWS], atol=1e-6)
