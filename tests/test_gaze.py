"""Eyes that wander: saccades with a seed of their own, and irises that slide inside the opening of the eyes."""

from dataclasses import replace

import numpy as np
import pytest

from moditalker.atom.motion import SHAPES
from moditalker.atom.saccades import FARTHEST, sample_saccades
from moditalker.face.irises import Irises, gaze_of, irises_of
from moditalker.face.layout import LEFT_EYE, MEDIAPIPE_TO_68, RIGHT_EYE
from moditalker.face.tracker import MediaPipeTracker
from moditalker.keys import Key
from moditalker.pipeline import MoDiTalkerPipeline
from moditalker.portrait import Portrait, looking
from moditalker.render.gaze import usable_irises, with_gaze
from moditalker.training.gaze_statistics import saccades_of

DEGREES = np.radians(np.array([[0, 0], [5, 0], [-5, 0], [0, 3], [0, -3]], np.float32))


@pytest.fixture(scope="module")
def mesh(astronaut: np.ndarray) -> np.ndarray:
    found, _ = MediaPipeTracker().detect_mesh(astronaut)
    return found


def test_eyes_rest_and_jump_as_often_and_as_far_as_in_clips() -> None:
    gaze = np.degrees(sample_saccades(25 * 600, 0))
    jumps = np.linalg.norm(np.diff(gaze, axis=0), axis=1)
    assert (jumps > 0).sum() / 600 == pytest.approx(1.3, rel=0.15)
    np.testing.assert_allclose(gaze.std(0), [2.3, 1.4], rtol=0.25)
    assert np.abs(gaze).max() <= FARTHEST
    assert not gaze[:3].any()


def test_a_seed_gives_the_same_gaze_and_another_one_another() -> None:
    assert np.array_equal(sample_saccades(100, 3), sample_saccades(300, 3)[:100])
    assert not np.array_equal(sample_saccades(100, 3), sample_saccades(100, 4))


def test_saccades_are_counted_and_tremble_is_not() -> None:
    gaze = np.zeros((50, 2))
    gaze[20:35, 0] = np.radians(5)
    gaze += np.radians(0.1) * np.random.default_rng(0).standard_normal(gaze.shape)
    turns, fixations = saccades_of(gaze, np.ones(50, bool))
    np.testing.assert_allclose(np.degrees(turns), [[5, 0], [-5, 0]], atol=0.3)
    assert fixations == pytest.approx([0.56], abs=0.05)
    assert saccades_of(gaze, np.zeros(50, bool)) == ([], [])


def test_irises_go_where_the_gaze_goes_and_only_eyes_change(astronaut: np.ndarray, mesh: np.ndarray) -> None:
    own, irises = mesh[MEDIAPIPE_TO_68], irises_of(mesh)
    assert usable_irises(irises, own)
    landmarks = np.repeat(own[None], len(DEGREES), 0)
    frames = np.repeat(astronaut[None], len(DEGREES), 0)
    (turned,) = with_gaze([frames.copy()], irises, own, zip(landmarks, DEGREES, strict=True))
    assert np.array_equal(turned[0], astronaut)
    changed = (turned[1:] != frames[1:]).any(-1).any(0)
    rows, columns = np.nonzero(changed)
    eyes = own[[*RIGHT_EYE, *LEFT_EYE], :2]
    moved = np.array([columns, rows]).T
    assert (moved.min(0) >= eyes.min(0) - 3).all()
    assert (moved.max(0) <= eyes.max(0) + 3).all()
    # The tracker, which knows nothing of it, reads the turn in the pictures; small irises read as turned less.
    read = []
    for frame in turned:
        again = MediaPipeTracker().settled_mesh(frame, own)
        assert again is not None
        read.append(gaze_of(again[None])[0])
    way = np.degrees(np.array(read) - read[0])
    assert way[1, 0] > 2
    assert way[2, 0] < -2
    assert way[3, 1] > way[4, 1]


def test_what_are_no_irises_is_told_apart(mesh: np.ndarray) -> None:
    own, irises = mesh[MEDIAPIPE_TO_68], irises_of(mesh)
    assert not usable_irises(Irises(irises.centres + np.array([40, 0]), irises.radii), own)
    assert not usable_irises(Irises(irises.centres, 0.1 * irises.radii), own)


def test_shut_eyes_stay_shut(astronaut: np.ndarray, mesh: np.ndarray) -> None:
    own, irises = mesh[MEDIAPIPE_TO_68], irises_of(mesh)
    shut = own.copy()
    for upper, lower in ((37, 41), (38, 40), (43, 47), (44, 46)):
        shut[upper] = shut[lower]
    (turned,) = with_gaze([astronaut[None].copy()], irises, own, [(shut, DEGREES[1])])
    assert (turned[0] != astronaut).any(-1).sum() < 30


@pytest.mark.slow
def test_the_gaze_has_a_seed_of_its_own_and_a_key_holds_it(
    pipeline: MoDiTalkerPipeline, portrait: Portrait, speech: np.ndarray
) -> None:
    def made(**options: object) -> object:
        return pipeline.motion(portrait, speech, atom_steps=2, guidance=1.0, seed=5, **options).motion

    plain, wandering = made(), made(gaze_scale=1.0)
    assert not plain.gaze.any()
    assert wandering.gaze.any()
    again, other = made(gaze_scale=1.0, gaze_seed=5), made(gaze_scale=1.0, gaze_seed=6)
    assert np.array_equal(again.gaze, wandering.gaze)
    assert not np.array_equal(other.gaze, wandering.gaze)
    for name in set(SHAPES) - {"gaze"}:
        assert np.array_equal(getattr(other, name), getattr(plain, name)), name
    keyed, held = made(gaze_scale=1.0, keys=[Key(0.5, "look-up")]), made(keys=[Key(0.5, "look-up")])
    where = held.gaze.any(1)
    assert np.array_equal(keyed.gaze[where], held.gaze[where])
    assert np.array_equal(keyed.gaze[~where], wandering.gaze[~where])


def test_a_portrait_without_irises_keeps_its_frames(portrait: Portrait) -> None:
    blank = replace(portrait, picture=np.zeros_like(portrait.picture))
    frames = np.repeat(portrait.picture[None], 2, 0)
    landmarks = np.repeat(portrait.frame.landmarks[None], 2, 0)
    (kept,) = looking(iter([frames.copy()]), blank, landmarks, DEGREES[1:3])
    assert np.array_equal(kept, frames)
