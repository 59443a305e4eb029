"""Emotions: how they are written, and what they do to a face that speaks."""

from pathlib import Path

import numpy as np
import pytest

from moditalker.atom.blendshapes import BlendshapeMap
from moditalker.atom.emotion import PROTOTYPES, UNITS, Expression, emotion_curves, express, expressions, mixed
from moditalker.atom.rest import close_lips
from moditalker.cli.main import main
from moditalker.emotions import EMOTIONS, parse_emotion
from moditalker.face.blendshapes import INDEX
from moditalker.face.geometry import FaceFrame
from moditalker.face.layout import LIDS, LOWER_INNER_LIP, STABLE, UPPER_INNER_LIP, eye_opening, mouth_opening
from moditalker.options import AnimateOptions
from moditalker.pipeline import MoDiTalkerPipeline
from moditalker.portrait import Portrait
from moditalker.utils.errors import InputError


def test_a_name_a_mixture_and_a_timeline_are_read() -> None:
    assert parse_emotion("neutral")[0].shares == {}
    assert parse_emotion("happy")[0].shares == {"happy": 1.0}
    assert parse_emotion("happy:0.5 + surprised:1.5")[0].shares == {"happy": 0.5, "surprised": 1.5}
    timeline = parse_emotion("0:neutral,2.5:happy:0.8")
    assert [(moment.start, moment.shares) for moment in timeline] == [(0, {}), (2.5, {"happy": 0.8})]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("merry", "must be one of neutral, happy"),
        ("", "must be one of neutral, happy"),
        ("happy:2", "between 0 and 1.5"),
        ("happy:-0.1", "between 0 and 1.5"),
        ("happy:much", "between 0 and 1.5"),
        ("happy,sad", "starts with its seconds"),
        ("2:happy,1:sad", "rise from 0"),
        ("-1:happy", "rise from 0"),
        ("nan:happy", "must be one of"),
    ],
)
def test_what_is_wrong_is_said(text: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        AnimateOptions(emotion=text)


def test_a_change_is_eased_and_begins_at_its_time() -> None:
    curve = emotion_curves(parse_emotion("0:happy:0.4,1:neutral,2:happy"), 100)["happy"]
    np.testing.assert_allclose(curve[:26], 0.4, atol=1e-6)
    np.testing.assert_allclose(curve[41:50], 0, atol=1e-6)
    np.testing.assert_allclose(curve[66:], 1, atol=1e-6)
    assert np.abs(np.diff(curve)).max() < 0.12, "no jump"


@pytest.fixture(scope="module")
def shape(landmarks: np.ndarray) -> np.ndarray:
    return FaceFrame(landmarks).shape


@pytest.fixture(scope="module")
def moved(blendshapes: BlendshapeMap, shape: np.ndarray) -> dict[str, Expression]:
    return expressions(blendshapes, shape)


@pytest.mark.parametrize("emotion", EMOTIONS)
def test_the_asked_action_units_are_there(
    emotion: str, moved: dict[str, Expression], blendshapes: BlendshapeMap, shape: np.ndarray
) -> None:
    own, shown = blendshapes.read(np.stack([shape, shape + moved[emotion].face + moved[emotion].jaw]))
    for unit, score in PROTOTYPES[emotion].items():
        for name in UNITS[unit]:
            before, after = own[INDEX[name]], shown[INDEX[name]]
            if score < 0.1:
                assert after < max(0.15, before - 0.1), name
            elif before < 0.5 * score and unit != 17:
                assert after > before, name
    assert np.abs(moved[emotion].face).max() < 0.3, "faces stay faces"
    assert not moved[emotion].face[STABLE].any(), "the head is not turned"


def test_emotions_differ_where_people_look(moved: dict[str, Expression], shape: np.ndarray) -> None:
    inner_brows, corners = [21, 22], [48, 54]

    def height(emotion: str, points: list[int]) -> float:
        return -float(moved[emotion].face[points, 1].mean())

    assert height("sad", inner_brows) > 0.02 > -0.01 > height("angry", inner_brows)
    assert height("sad", corners) < -0.01, "the astronaut smiles, and sad faces do not"
    assert height("angry", corners) < height("happy", corners) - 0.02, "a smile is seen"
    eyes = {name: float(eye_opening(shape + each.face)) for name, each in moved.items()}
    assert eyes["surprised"] > float(eye_opening(shape)) > eyes["angry"]


def test_lips_close_under_every_emotion(moved: dict[str, Expression], shape: np.ndarray) -> None:
    shut = close_lips(shape) - shape
    opened = shut.copy()
    opened[[*range(6, 11), 55, 56, 57, 58, 59, 65, 66, 67], 1] += 0.1
    speech = np.stack([shut, opened])
    for name in EMOTIONS:
        shown = mixed(moved, {name: np.ones(2, np.float32)})
        points = express(speech, shape, shown) + shape
        gaps = points[:, LOWER_INNER_LIP, 1] - points[:, UPPER_INNER_LIP, 1]
        assert np.abs(gaps[0]).max() < 1e-5, f"closed lips of a face that is {name}"
        assert gaps[1].min() > 0.09


@pytest.mark.slow
def test_neutral_changes_nothing_and_an_emotion_moves_the_face_alone(
    pipeline: MoDiTalkerPipeline, portrait: Portrait, speech: np.ndarray
) -> None:
    def motion(**options: object) -> np.ndarray:
        landmarks = pipeline.motion(portrait, speech[8000:24000], seed=1, atom_steps=2, **options).landmarks
        return portrait.frame.analyse(landmarks)

    (plain, pose), (neutral, _), (none, _) = motion(), motion(emotion="neutral"), motion(emotion="sad", emotion_scale=0)
    np.testing.assert_array_equal(plain, neutral)
    np.testing.assert_array_equal(plain, none)
    happy, same_pose = motion(emotion="angry")
    np.testing.assert_allclose(same_pose, pose, atol=1e-4)
    assert (happy - plain)[:, [21, 22], 1].mean() > 0.01, "brows come down"
    shape = portrait.frame.shape
    np.testing.assert_allclose(mouth_opening(happy + shape), mouth_opening(plain + shape), atol=0.03)
    later, _ = motion(emotion="0.5:angry")
    np.testing.assert_allclose(later[:12], plain[:12], atol=1e-4)
    assert np.abs(later[-1] - happy[-1]).max() < np.abs(later[-1] - plain[-1]).max()


def test_eyes_close_in_a_blink_whatever_the_lids_show(moved: dict[str, Expression], shape: np.ndarray) -> None:
    from moditalker.atom.blinks import close_eyes

    wide = mixed(moved, {"surprised": np.ones(1, np.float32)})
    still = np.zeros((1, 68, 3), np.float32)
    points = express(close_eyes(still, shape + wide.face, np.ones(1, np.float32)), shape, wide) + shape
    for upper, lower in LIDS:
        assert np.linalg.norm(points[0, upper, :2] - points[0, lower, :2]) < 1e-5


def test_weights_without_blendshapes_say_so(
    portrait_file: Path, brief_file: Path, weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = ["animate", str(portrait_file), str(brief_file), "-o", str(tmp_path / "out.mp4"), "--preset", str(weights)]
    assert main([*bad, "--emotion", "jolly"]) == 2
    assert "must be one of neutral, happy, sad" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_a_stream_shows_the_emotion_too(pipeline: MoDiTalkerPipeline, portrait: Portrait, speech: np.ndarray) -> None:
    def streamed(emotion: str) -> np.ndarray:
        made: list[np.ndarray] = []
        options = {"seed": 1, "mtov_steps": 0, "motion_steps": 2, "head_motion": "still", "on_landmarks": made.append}
        for _ in pipeline.stream(portrait, speech[8000:24000], emotion=emotion, **options):
            pass
        return portrait.frame.analyse(np.concatenate(made))[0]

    plain, angry = streamed("neutral"), streamed("0.4:angry")
    np.testing.assert_allclose(angry[:10], plain[:10], atol=1e-4)
    assert (angry - plain)[-1, [21, 22], 1].mean() > 0.01, "brows come down"
