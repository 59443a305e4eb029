"""A portrait whose mouth stands wide open: its warp never folds when the lips close."""

import numpy as np
import pytest

from moditalker.atom.rest import close_lips
from moditalker.face.geometry import FaceFrame, FaceMotion, aligning_matrix
from moditalker.render import warp as warp_module
from moditalker.render.grid import Grid
from moditalker.render.warp import FrameWarp

SIZE = 256


def gaping(landmarks: np.ndarray, opening: float) -> FaceFrame:
    """The face with its jaw lower by so many inter-ocular distances."""
    frame = FaceFrame(landmarks)
    lower = np.zeros((1, 68, 3), np.float32)
    lower[0, [*range(5, 12), *range(55, 60), 65, 66, 67], 1] = opening
    return FaceFrame(frame.compose(lower, np.zeros((1, 6), np.float32))[0])


def folded(frame: FaceFrame) -> int:
    """In how many pixels of an aligned face the warp turns over, once its lips are shut."""
    motion = shut(frame)
    matrix = aligning_matrix(frame.landmarks) * (SIZE / 128)
    grid = Grid.aligned(matrix, matrix[None], SIZE, cells=SIZE)
    warp = FrameWarp(frame, motion)
    place = grid.pixels + next(warp.displacements(grid))
    down, right = np.gradient(place, axis=(0, 1))
    return int((right[..., 0] * down[..., 1] < right[..., 1] * down[..., 0]).sum())


def shut(frame: FaceFrame) -> FaceMotion:
    """One frame of the face with closed lips."""
    residual = (close_lips(frame.shape) - frame.shape)[None]
    return frame.motion(frame.compose(residual, np.zeros((1, 6), np.float32)))


@pytest.mark.parametrize("opening", [0.1, 0.2, 0.3])
def test_lips_that_close_far_do_not_fold_the_face(
    landmarks: np.ndarray, opening: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = gaping(landmarks, opening)
    assert folded(frame) == 0
    monkeypatch.setattr(warp_module, "gapes", lambda _: False)
    assert opening < 0.2 or folded(frame) > 20, "one map would do, so this test sees nothing"


def test_a_cut_warp_is_seamless_beside_the_mouth(landmarks: np.ndarray) -> None:
    frame = gaping(landmarks, 0.3)
    motion, matrix = shut(frame), aligning_matrix(frame.landmarks)
    grid = Grid.aligned(matrix, matrix[None], 128)
    displacement = next(FrameWarp(frame, motion).displacements(grid))
    lips = motion.landmarks[0, :, :2] @ matrix[:, :2].T + matrix[:, 2]
    steps = np.abs(np.diff(displacement, axis=0)).max(-1)
    beside = np.ones(steps.shape, bool)
    x0, x1 = np.floor(lips[48, 0] - 4).astype(int), np.ceil(lips[54, 0] + 4).astype(int)
    beside[:, x0:x1] = False
    assert steps[beside].max() < 1.5
    middle = steps[:, (x0 + x1) // 2]
    assert middle.max() > 5, "nothing is cut between the lips"
