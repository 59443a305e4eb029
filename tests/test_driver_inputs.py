"""Driving videos as people have them, see docs/inputs.md: every kind works, or gets a sentence."""

from pathlib import Path

import numpy as np
import pytest

from moditalker.constants import FPS
from moditalker.face.driven_pose import driven_pose
from moditalker.face.geometry import ALIGNED_SIZE, FaceFrame
from moditalker.face.picture import load_portrait
from moditalker.face.tracker import MediaPipeTracker
from moditalker.portrait import moving_radii
from moditalker.render.compositor import Composer
from moditalker.render.warp import FrameWarp, face_centre
from moditalker.utils.errors import InputError
from moditalker.video.write import VideoWriter

EXAMPLES = Path(__file__).parents[1] / "assets" / "examples"
FRAMES = 40

pytestmark = pytest.mark.slow


def nodding(name: str) -> np.ndarray:
    """(40, 260, 260, 3): the head of an example's portrait turns once and nods twice."""
    picture = load_portrait(EXAMPLES / name / "portrait.jpg")
    points, _ = MediaPipeTracker().detect(picture)
    x, y = (points[30, :2] - 130).astype(int)
    x, y = max(x, 0), max(y, 0)
    picture, points = picture[y : y + 260, x : x + 260], points - np.array([x, y, 0], np.float32)
    frame = FaceFrame(points)
    time = np.arange(FRAMES) / FRAMES * 2 * np.pi
    pose = np.zeros((FRAMES, 6), np.float32)
    pose[:, 0], pose[:, 1] = 0.12 * np.sin(2 * time), 0.25 * np.sin(time)
    radii = moving_radii(frame)
    composer = Composer(picture, face_centre(frame), (float(radii[0]), float(radii[1])))
    motion = frame.posed(np.zeros((FRAMES, 68, 3), np.float32), pose)
    return composer(FrameWarp(frame, motion), np.zeros((FRAMES, 3, ALIGNED_SIZE, ALIGNED_SIZE), np.float32))


@pytest.fixture(scope="module")
def astronaut_nods() -> np.ndarray:
    return nodding("1-astronaut")


@pytest.fixture(scope="module")
def admiral_nods() -> np.ndarray:
    return nodding("2-admiral")


def written(frames: np.ndarray, path: Path) -> Path:
    with VideoWriter(path, (frames.shape[2], frames.shape[1]), FPS, None) as writer:
        for frame in frames:
            writer.write(np.ascontiguousarray(frame))
    return path


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_driving_video_that_lies_on_its_side_moves_the_head_as_the_upright_one(
    astronaut_nods: np.ndarray, tmp_path: Path, turns: int
) -> None:
    told: list[str] = []
    upright = driven_pose(written(astronaut_nods, tmp_path / "upright.mp4"), FRAMES, told.append)
    assert told == []
    lying = written(np.rot90(astronaut_nods, turns, axes=(1, 2)), tmp_path / "lying.mp4")
    pose = driven_pose(lying, FRAMES, told.append)
    for axis in (0, 1):
        assert np.corrcoef(upright[:, axis], pose[:, axis])[0, 1] > 0.95
    (sentence,) = told
    assert sentence.startswith("The driving video ")
    assert "turned upright" in sentence


def test_a_driving_video_with_two_heads_is_refused(
    astronaut_nods: np.ndarray, admiral_nods: np.ndarray, tmp_path: Path
) -> None:
    both = np.concatenate([astronaut_nods, admiral_nods], 2)
    with pytest.raises(InputError, match="more than one head"):
        driven_pose(written(both, tmp_path / "two.mp4"), FRAMES, print)


def test_of_a_driving_video_that_cuts_to_another_person_the_longest_take_is_followed(
    astronaut_nods: np.ndarray, admiral_nods: np.ndarray, tmp_path: Path
) -> None:
    told: list[str] = []
    alone = driven_pose(written(admiral_nods, tmp_path / "alone.mp4"), FRAMES, told.append)
    assert told == []
    cut = np.concatenate([astronaut_nods[:25], admiral_nods])
    pose = driven_pose(written(cut, tmp_path / "cut.mp4"), FRAMES, told.append)
    (sentence,) = told
    assert "from 1.0 to 2.6 s" in sentence
    for axis in (0, 1):
        assert np.corrcoef(alone[5:, axis], pose[5:, axis])[0, 1] > 0.95


def test_a_cut_to_the_same_person_is_followed(astronaut_nods: np.ndarray, tmp_path: Path) -> None:
    told: list[str] = []
    jump = np.concatenate([astronaut_nods[:20], np.roll(astronaut_nods[5:25], (10, 25), (1, 2))])
    assert driven_pose(written(jump, tmp_path / "jump.mp4"), 40, told.append).shape == (40, 6)
    assert told == []
