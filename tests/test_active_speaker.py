"""Whoever speaks is followed: who that is, for how long, and whose lips a dub then changes."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from moditalker.audio.load import load_audio
from moditalker.cli.main import main as cli
from moditalker.constants import SAMPLES_A_FRAME
from moditalker.dub.people import ACTIVE
from moditalker.dub.speaking import SHORTEST_SECONDS, followed
from moditalker.pipeline import MoDiTalkerPipeline
from moditalker.ui.dub.dub_request import SPEAKING, DubRequest
from moditalker.utils.errors import InputError
from moditalker.video.read import read_video
from moditalker.video.write import VideoWriter

EXAMPLES = Path(__file__).parents[1] / "assets" / "examples"
EACH, SIDE = 40, 256
"""Frames for which each of the two speaks, and the side of either picture."""


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two people side by side; the left one speaks and then stands still, then the right one speaks."""
    films, sounds = [], []
    for name in ("1-astronaut", "2-admiral"):
        path = EXAMPLES / name / "video.mp4"
        frames = [frame for frame, _ in zip(read_video(path, max_side=SIDE), range(EACH + 10), strict=False)][10:]
        canvas = np.zeros((EACH, SIDE, SIDE, 3), np.uint8)
        height, width = frames[0].shape[:2]
        canvas[:, :height, :width] = frames
        films.append(canvas)
        sounds.append(load_audio(path)[10 * SAMPLES_A_FRAME : (10 + EACH) * SAMPLES_A_FRAME])
    left, right = films
    path = tmp_path_factory.mktemp("two") / "two.mp4"
    with VideoWriter(path, (2 * SIDE, SIDE), 25, np.concatenate(sounds)) as writer:
        for frame in left:
            writer.write(np.concatenate([frame, right[0]], 1))
        for frame in right:
            writer.write(np.concatenate([left[-1], frame], 1))
    return path


@pytest.mark.slow
def test_lips_change_on_whoever_speaks(
    pipeline: MoDiTalkerPipeline, two: Path, speech: np.ndarray, tmp_path: Path
) -> None:
    frames: list[np.ndarray] = []
    report = pipeline.dub(
        two,
        np.resize(speech, 2 * EACH * SAMPLES_A_FRAME),
        tmp_path / "out.mp4",
        face=ACTIVE,
        atom_steps=1,
        mtov_steps=0,
        guidance=1.0,
        seed=3,
        on_frame=lambda frame: frames.append(frame.copy()),
    )
    first, second = report["followed"]
    assert first["face"] != second["face"]
    change = EACH / 25
    assert first["to"] == second["from"] == pytest.approx(change, abs=0.6)
    changed = (np.stack(frames) != np.stack(list(read_video(two)))).any(-1)
    at = round(first["to"] * 25)
    assert changed[3 : at - 3, :, :SIDE].any((1, 2)).all()
    assert not changed[:at, :, SIDE:].any()
    assert changed[at + 3 : -3, :, SIDE:].any((1, 2)).all()
    assert not changed[at:, :, :SIDE].any()
    assert report["parameters"]["face"] == ACTIVE
    assert report["kept"] == []


def test_who_speaks_cannot_be_told_without_sound(
    pipeline: MoDiTalkerPipeline, small_picture: np.ndarray, speech: np.ndarray, tmp_path: Path
) -> None:
    path = tmp_path / "mute.mp4"
    with VideoWriter(path, (256, 256), 25, None) as writer:
        for _ in range(10):
            writer.write(small_picture)
    with pytest.raises(InputError, match=r"mute\.mp4 has no sound, by which to tell who speaks"):
        pipeline.dub(path, speech, tmp_path / "out.mp4", face=ACTIVE)


def evident(*who: tuple[int, int]) -> np.ndarray:
    """(2, T) evidence: for so many frames all of it is for one of two people; -1 is for nobody."""
    return np.concatenate([np.eye(2)[:, [one]].repeat(count, 1) if one >= 0 else np.zeros((2, count))
                           for one, count in who], 1) * 0.3  # fmt: skip


@pytest.mark.parametrize(
    ("who", "expected"),
    [
        # A laugh of one listener changes nothing; nor does a pause.
        ([(0, 40), (1, 6), (0, 40)], [0] * 86),
        ([(0, 40), (-1, 30), (0, 20)], [0] * 90),
        # The change comes where the evidence changes.
        ([(0, 40), (1, 40)], [0] * 40 + [1] * 40),
    ],
)
def test_following_holds_on_and_changes_at_the_right_frame(who: list[tuple[int, int]], expected: list[int]) -> None:
    told = evident(*who)
    assert followed(told, np.zeros(told.shape[1], int), 25.0).tolist() == expected


def test_a_cut_lets_the_speaker_change_at_once_but_nobody_is_followed_for_an_instant() -> None:
    told = evident((0, 40), (1, 6), (0, 40))
    shots = np.repeat([0, 1, 2], [40, 6, 40])
    assert followed(told, shots, 25.0).tolist() == [0] * 40 + [1] * 6 + [0] * 40
    rng = np.random.default_rng(0)
    for rate in (25.0, 50.0):
        noisy = rng.normal(0, 3, (3, 400))
        changes = np.flatnonzero(np.diff(followed(noisy, np.zeros(400, int), rate)))
        assert (np.diff(changes) >= SHORTEST_SECONDS * rate).all()


def test_the_page_and_the_command_line_name_the_speaker(two: Path, capsys: pytest.CaptureFixture[str]) -> None:
    faces: list[Any] = [DubRequest("a.mp4", face=face).options()["face"] for face in (SPEAKING, 0, 2)]
    assert faces == [ACTIVE, None, 2]
    assert cli(["dub", str(two), "speech.wav", "-o", "out.mp4", "--face", "loudest"]) == 2
    assert "must be a whole number between 1 and 100, got loudest" in capsys.readouterr().err
    assert cli(["dub", str(two), "--offset-only", "--face", "active"]) == 2
    assert "--offset-only follows one person" in capsys.readouterr().err
