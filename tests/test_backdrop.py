"""What is behind a person stays where it is, and the person goes whole."""

import numpy as np
import pytest
from conftest import Talking

from moditalker.face.geometry import ALIGNED_SIZE, FaceFrame
from moditalker.face.person import PersonSegmenter
from moditalker.pipeline import MoDiTalkerPipeline
from moditalker.portrait import Portrait, moving_radii
from moditalker.render.background import Backdrop, find_backdrop
from moditalker.render.compositor import Composer
from moditalker.render.warp import FrameWarp, face_centre


def apart(picture: np.ndarray, landmarks: np.ndarray) -> Backdrop | None:
    return find_backdrop(picture, landmarks, np.zeros(2), np.array(picture.shape[1::-1]))


def before(astronaut: np.ndarray, wall: np.ndarray) -> np.ndarray:
    """(512, 512, 3) uint8: the astronaut before another wall."""
    share = np.clip((PersonSegmenter()(astronaut) - 0.1) / 0.4, 0, 1)[..., None]
    return np.asarray((share * astronaut + (1 - share) * wall).round().astype(np.uint8))


def drawn(
    picture: np.ndarray, landmarks: np.ndarray, moving: np.ndarray, *, backdrop: bool, delta: float = 0.0
) -> np.ndarray:
    """(T, H, W, 3) uint8: the landmarks' motion, with the same change everywhere."""
    frame = FaceFrame(landmarks)
    width, height = moving_radii(frame)
    composer = Composer(picture, face_centre(frame), (width, height), apart(picture, landmarks) if backdrop else None)
    change = np.full((len(moving), 3, ALIGNED_SIZE, ALIGNED_SIZE), delta, np.float32)
    return composer(FrameWarp(frame, frame.motion(moving)), change)


@pytest.fixture(scope="module")
def nodding(landmarks: np.ndarray) -> np.ndarray:
    """(6, 68, 3): the head turns, tilts and goes aside."""
    pose = np.zeros((6, 6), np.float32)
    pose[:, 1] = 0.15 * np.sin(np.arange(6))
    pose[:, 2] = 0.1 * np.cos(np.arange(6))
    pose[:, 3] = np.linspace(0, 0.3, 6)
    return FaceFrame(landmarks).compose(np.zeros((6, 68, 3), np.float32), pose)


@pytest.fixture(scope="module")
def behind(astronaut: np.ndarray) -> np.ndarray:
    """(512, 512) bool, where the astronaut surely is not, nor comes."""
    y, x = np.mgrid[:512, :512]
    reached = ((x - 240) / 110) ** 2 + ((y - 120) / 130) ** 2 < 1
    return (PersonSegmenter()(astronaut) < 0.02) & ~reached & (y < 250)


def test_a_person_is_told_from_what_is_behind(astronaut: np.ndarray, landmarks: np.ndarray) -> None:
    certain = PersonSegmenter()(astronaut)
    assert certain.shape == (512, 512)
    assert certain.dtype == np.float32
    chin, brow = landmarks[8].astype(int), landmarks[19].astype(int)
    assert certain[brow[1] : chin[1], landmarks[30].astype(int)[0]].min() > 0.9
    assert certain[60:120, 20:60].max() < 0.1


def test_put_together_unmoved_it_is_the_portrait(astronaut: np.ndarray, landmarks: np.ndarray) -> None:
    still = np.repeat(landmarks[None], 2, 0)
    np.testing.assert_array_equal(drawn(astronaut, landmarks, still, backdrop=True), np.repeat(astronaut[None], 2, 0))


def test_what_is_behind_stays_while_the_head_moves(
    astronaut: np.ndarray, landmarks: np.ndarray, nodding: np.ndarray, behind: np.ndarray
) -> None:
    stripes = np.broadcast_to(128 + 60 * np.sin(np.arange(512) / 4)[None, :, None], (512, 512, 3))
    striped = before(astronaut, stripes)
    layered, dragged = (drawn(striped, landmarks, nodding, backdrop=each).astype(int) for each in (True, False))
    off = [(np.abs(frames[:, behind] - striped[behind]).max(-1) > 8).mean() for frames in (layered, dragged)]
    assert off[1] > 0.1, "the head hardly moves, so this shows nothing"
    assert off[0] < 0.01
    face = tuple(landmarks[30, 1::-1].astype(int))
    np.testing.assert_array_equal(layered[(slice(None), *face)], dragged[(slice(None), *face)])


def test_where_the_person_went_away_nothing_of_the_person_is_left(astronaut: np.ndarray, landmarks: np.ndarray) -> None:
    green = np.array([0, 200, 0])
    cut = before(astronaut, green)
    pose = np.zeros((1, 6), np.float32)
    pose[:, 3] = 0.5
    moving = FaceFrame(landmarks).compose(np.zeros((1, 68, 3), np.float32), pose)
    frame = drawn(cut, landmarks, moving, backdrop=True)[0].astype(int)
    left = int(landmarks[0, 0])
    row = frame[int(landmarks[2, 1]), : left - 20]
    assert np.abs(row - green).max() < 60


def test_what_is_drawn_is_drawn_on_the_person_only(
    astronaut: np.ndarray, landmarks: np.ndarray, talking: Talking, behind: np.ndarray
) -> None:
    moving = talking(landmarks, 4)
    plain, bright = (drawn(astronaut, landmarks, moving, backdrop=True, delta=d).astype(int) for d in (0.0, 40.0))
    assert (bright - plain)[:, behind].max() == 0
    cheek = landmarks[[2, 31]].mean(0).astype(int)
    assert (bright - plain)[:, cheek[1], cheek[0]].mean() > 30


def test_without_a_person_nothing_is_taken_apart(landmarks: np.ndarray) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (512, 512, 3), np.uint8)
    assert apart(noise, landmarks) is None


def test_where_nothing_is_seen_behind_nothing_is_taken_apart(astronaut: np.ndarray, landmarks: np.ndarray) -> None:
    low, high = landmarks[17:, :2].min(0).astype(int), landmarks[17:, :2].max(0).astype(int)
    close = np.ascontiguousarray(astronaut[low[1] : high[1], low[0] : high[0]])
    assert apart(close, landmarks - [*low, 0]) is None


def test_the_pipeline_keeps_what_is_behind_where_it_is(
    pipeline: MoDiTalkerPipeline, portrait: Portrait, nodding: np.ndarray, behind: np.ndarray
) -> None:
    frames = np.concatenate(list(pipeline.render(portrait, nodding / 2, own=True, seed=0, mtov_steps=1)))
    here = behind[::2, ::2]
    off = np.abs(frames[:, here].astype(int) - portrait.picture[here]).max(-1)
    assert off.mean() < 1
