"""A motion as a file: kept to the last bit, changed by hand, drawn as it is; keys; parts with seeds of their own."""

import json
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from moditalker.atom.motion import Motion
from moditalker.atom.motion_file import read_motion, write_motion
from moditalker.cli.main import main
from moditalker.face.geometry import FaceFrame
from moditalker.face.layout import LEFT_EYE, LIDS, RIGHT_EYE, mouth_opening
from moditalker.keys import ACTIONS, Key, read_keys
from moditalker.pipeline import MoDiTalkerPipeline
from moditalker.portrait import Portrait
from moditalker.utils.errors import InputError

PARTS = [field.name for field in fields(Motion)]


@pytest.fixture(scope="module")
def drawn() -> Motion:
    rng = np.random.default_rng(0)
    sizes = {"lips": (37, 3), "expression": (31, 3), "blinks": (2,), "head": (6,), "gaze": (2,)}
    return Motion(**{name: (0.05 * rng.standard_normal((9, *size))).astype(np.float32) for name, size in sizes.items()})


def equal_parts(one: Motion, other: Motion) -> set[str]:
    return {name for name in PARTS if np.array_equal(getattr(one, name), getattr(other, name))}


def opening(motion: Motion, shape: np.ndarray) -> np.ndarray:
    return mouth_opening(motion.residual(shape) + shape)


@pytest.mark.parametrize("name", ["a.npz", "a.motion.json"])
def test_reading_gives_the_bits_that_were_written(drawn: Motion, tmp_path: Path, name: str) -> None:
    write_motion(tmp_path / "new" / name, drawn)
    read = read_motion(tmp_path / "new" / name)
    assert equal_parts(read, drawn) == set(PARTS)
    assert {getattr(read, part).dtype for part in PARTS} == {np.dtype(np.float32)}


def test_a_json_says_which_landmarks_it_moves(drawn: Motion, tmp_path: Path) -> None:
    write_motion(tmp_path / "a.motion.json", drawn)
    content = json.loads((tmp_path / "a.motion.json").read_text())
    assert sorted(content["points"]["lips"] + content["points"]["expression"]) == list(range(68))
    assert content["fps"] == 25


def test_each_eye_closes_by_itself(drawn: Motion, landmarks: np.ndarray) -> None:
    shape = FaceFrame(landmarks).shape
    still = Motion(**{name: np.zeros_like(getattr(drawn, name)) for name in PARTS})
    winking = replace(still, blinks=np.tile(np.array([1, 0], np.float32), (9, 1)))
    moved = np.abs(winking.residual(shape)).max((0, 2))
    assert moved[LEFT_EYE].max() > 0.02
    assert not moved[RIGHT_EYE].any()
    points = winking.residual(shape)[0] + shape
    for upper, lower in LIDS[2:]:
        np.testing.assert_allclose(points[upper], points[lower], atol=1e-5)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"version": 2}, "is not a motion"),
        ({"fps": 30}, "is not a motion"),
        ({"head": [[0.0] * 5] * 9}, "is not a motion"),
        ({"head": [[0.0] * 6] * 8}, "make them equal"),
        ({"blinks": [[0.0, 9.0]] * 9}, "a number in blinks"),
        ({"gaze": [[0.0, float("nan")]] * 9}, "a number in gaze"),
        ({"gaze": None}, "is not a motion"),
    ],
)
def test_a_file_that_is_no_motion_is_refused_in_one_sentence(
    drawn: Motion, tmp_path: Path, change: dict[str, object], said: str
) -> None:
    path = tmp_path / "a.motion.json"
    write_motion(path, drawn)
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(InputError, match=said):
        read_motion(path)


def test_what_is_no_archive_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.npz").write_bytes(b"PK\x03\x04nothing")
    with pytest.raises(InputError, match="is not a motion"):
        read_motion(tmp_path / "a.npz")
    with pytest.raises(InputError, match="does not exist"):
        read_motion(tmp_path / "b.npz")


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ([{"time": 1.2, "do": "fly"}], "Key 1: A key does one of close-mouth"),
        ([{"time": -1, "do": "nod"}], "The time of a key"),
        ([{"time": "1", "do": "nod"}], "The time of a key"),
        ([{"time": 1, "do": "nod", "strength": 2}], "The strength of a key"),
        ([{"time": 1, "do": "nod", "seconds": 0}], "The seconds of a key"),
        ([{"time": 1}], "Key 1 needs time and do"),
        ([{"time": 1, "do": "nod", "hard": 1}], "Key 1 needs time and do"),
        (["nod"], "Key 1 needs time and do"),
    ],
)
def test_a_key_that_cannot_be_is_named(keys: list[dict[str, object]], said: str) -> None:
    with pytest.raises(InputError, match=said):
        read_keys(keys)


@pytest.mark.slow
def test_keys_are_met_and_leave_other_parts_alone(
    pipeline: MoDiTalkerPipeline, portrait: Portrait, speech: np.ndarray
) -> None:
    def made(keys: list[dict[str, object]]) -> Motion:
        motion = pipeline.motion(portrait, speech[:24000], seed=4, atom_steps=3, keys=keys).motion
        assert motion is not None
        return motion

    shape, plain = portrait.frame.shape, made([])
    shut = made([{"time": 0.8, "do": "close-mouth"}])
    assert equal_parts(shut, plain) == set(PARTS) - {"lips"}
    at = int(opening(plain, shape).argmax())
    assert opening(made([{"time": at / 25, "do": "close-mouth"}]), shape)[at] < 0.02 < 0.04 < opening(plain, shape)[at]
    winked = made([{"time": 0.8, "do": "wink-left"}])
    assert winked.blinks[20, 0] > 0.9 > 0.3 > winked.blinks[20, 1]
    assert equal_parts(winked, plain) == set(PARTS) - {"blinks"}
    nodded = made([{"time": 0.8, "do": "nod", "strength": 1.5}])
    assert nodded.head[20, 0] > plain.head[20, 0] + 0.05
    assert equal_parts(nodded, plain) == set(PARTS) - {"head"}
    up = made([{"time": 0.8, "do": "look-up"}])
    assert up.head[20, 0] < plain.head[20, 0] - 0.03
    assert up.gaze[20, 1] < -0.1
    brows = made([{"time": 0.8, "do": "raise-brows"}])
    assert (brows.expression - plain.expression)[20, :10, 1].mean() < -0.02
    assert equal_parts(brows, plain) == set(PARTS) - {"expression"}


def test_every_action_is_met_by_something(pipeline: MoDiTalkerPipeline, portrait: Portrait, speech: np.ndarray) -> None:
    def made(keys: list[Key]) -> Motion:
        motion = pipeline.motion(portrait, speech[:16000], seed=4, atom_steps=1, keys=keys).motion
        assert motion is not None
        return motion

    plain = made([])
    for action in ACTIONS:
        assert equal_parts(made([Key(0.5, action)]), plain) != set(PARTS), action


def test_a_key_behind_the_end_is_refused(pipeline: MoDiTalkerPipeline, portrait: Portrait, speech: np.ndarray) -> None:
    with pytest.raises(InputError, match=r"The key nod is at 2 s, and the recording ends at 1\.00 s"):
        pipeline.motion(portrait, speech[:16000], atom_steps=1, keys=[{"time": 2, "do": "nod"}])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("control", "changed"),
    [
        ({"lip_seed": 9}, {"lips"}),
        ({"expression_seed": 9}, {"expression"}),
        ({"head_seed": 9}, {"head", "blinks"}),
        ({"expression_guidance": 3.0}, {"expression"}),
        ({"head_guidance": 2.0}, {"head", "blinks"}),
        ({"lip_scale": 0.5}, {"lips"}),
        ({"expression_scale": 0.5}, {"expression"}),
        ({"head_scale": 0.5}, {"head"}),
        ({"blink_scale": 0.5}, {"blinks"}),
    ],
)
def test_a_control_changes_its_own_part_alone(
    pipeline: MoDiTalkerPipeline,
    portrait: Portrait,
    speech: np.ndarray,
    control: dict[str, float],
    changed: set[str],
) -> None:
    def made(**options: float) -> Motion:
        motion = pipeline.motion(portrait, speech[:24000], seed=4, atom_steps=2, **options).motion
        assert motion is not None
        return motion

    assert set(PARTS) - equal_parts(made(**control), made()) == changed


@pytest.mark.slow
def test_a_kept_motion_is_drawn_as_it_is_and_a_changed_one_as_it_was_changed(
    pipeline: MoDiTalkerPipeline,
    weights: Path,
    portrait_file: Path,
    brief_file: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    given = [str(portrait_file), str(brief_file), "--preset", str(weights)]
    keys = tmp_path / "keys.json"
    keys.write_text('[{"time": 0.3, "do": "blink"}]')
    told = ["--seed", "3", "--atom-steps", "2", "--keys", str(keys)]
    assert main(["motion", *given, *told, "-o", str(tmp_path / "a.npz")]) == 0
    motion = read_motion(tmp_path / "a.npz")
    assert motion.blinks.max() > 0.9
    animate = ["animate", *given, "--mtov-steps", "0"]
    assert main([*animate, *told, "-o", str(tmp_path / "one.mp4"), "--save-landmarks", str(tmp_path / "one.npz")]) == 0
    write_motion(tmp_path / "b.motion.json", motion)
    kept = ["--motion", str(tmp_path / "b.motion.json"), "--seed", "3"]
    assert main([*animate, *kept, "-o", str(tmp_path / "two.mp4"), "--save-landmarks", str(tmp_path / "two.npz")]) == 0
    reports = [json.loads((tmp_path / f"{name}.json").read_text()) for name in ("one", "two")]
    assert reports[0]["frames_sha256"] == reports[1]["frames_sha256"]
    assert [report["parameters"]["motion"] for report in reports] == [False, True]
    assert reports[0]["parameters"]["keys"] == [{"time": 0.3, "do": "blink", "strength": 1.0, "seconds": None}]
    still = replace(motion, head=np.zeros_like(motion.head))
    made = pipeline(portrait_file, brief_file, motion=still[:5], mtov_steps=0)
    assert len(made.frames) == 5
    np.testing.assert_array_equal(made.landmarks, still[:5].landmarks(pipeline.encode_portrait(portrait_file).frame))
    capsys.readouterr()
    assert main([*animate, *kept, "-o", str(tmp_path / "b.motion.json")]) == 2
    assert "is the motion file itself" in capsys.readouterr().err
    assert main(["motion", *given, "--motion", str(tmp_path / "a.npz"), "-o", str(tmp_path / "a.csv")]) == 0
    assert len((tmp_path / "a.csv").read_text().splitlines()) == 1 + 29
