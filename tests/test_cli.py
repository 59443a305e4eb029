"""The command line, as a user meets it: what comes out, and what it says when it cannot."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from moditalker.cli.main import main as cli
from moditalker.constants import SAMPLE_RATE
from moditalker.face.landmark_file import read_landmarks
from moditalker.face.layout import mouth_opening
from moditalker.loading import load_pipeline
from moditalker.utils.errors import InputError
from moditalker.video.read import probe_video, read_video

FEW = ["--atom-steps", "1", "--mtov-steps", "1"]


@pytest.fixture(scope="module")
def short_file(speech: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """0.6 s of speech."""
    path = tmp_path_factory.mktemp("short") / "short.wav"
    soundfile.write(path, speech[8000 : 8000 + 9600], SAMPLE_RATE)
    return path


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "out" / "talk.mp4"


def animate(portrait: Path, audio: Path, output: Path, weights: Path, *more: str | Path) -> int:
    return cli(list(map(str, ["animate", portrait, audio, "-o", output, "--preset", weights, *FEW, *more])))


def said(capsys: pytest.CaptureFixture[str]) -> str:
    """The one sentence that the program said on standard error, after its progress bars."""
    error = capsys.readouterr().err
    assert "Traceback" not in error
    sentences = [line for line in error.replace("\r", "\n").splitlines() if line.startswith("moditalker: ")]
    assert len(sentences) == 1
    assert error.rstrip().endswith(sentences[0])
    return sentences[0].removeprefix("moditalker: ")


def test_animate(
    portrait_file: Path, short_file: Path, output: Path, weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert animate(portrait_file, short_file, output, weights, "--seed", "5") == 0
    printed = capsys.readouterr().out
    info = probe_video(output)
    assert info.size == (256, 256)
    assert info.fps == 25
    assert info.duration == pytest.approx(0.6, abs=1 / 25)
    report = json.loads(output.with_suffix(".json").read_text())
    assert (report["seed"], report["frames"], report["preset"]) == (5, 15, "tiny")
    assert str(output) in printed
    assert "seed 5" in printed
    for stage in ("face", "motion", "video"):
        assert stage in printed


@pytest.mark.slow
def test_the_seed_that_was_drawn_repeats_a_run(
    portrait_file: Path, short_file: Path, output: Path, weights: Path
) -> None:
    assert animate(portrait_file, short_file, output, weights) == 0
    seed = json.loads(output.with_suffix(".json").read_text())["seed"]
    again = output.with_name("again.mp4")
    assert animate(portrait_file, short_file, again, weights, "--seed", str(seed)) == 0
    for one, other in zip(read_video(output), read_video(again), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.slow
def test_what_was_animated_can_be_tracked_and_drive_another_run(
    portrait_file: Path, short_file: Path, output: Path, weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own = output.with_name("own.npz")
    assert animate(portrait_file, short_file, output, weights, "--seed", "1", "--save-landmarks", own) == 0
    tracked = output.with_name("tracked.npz")
    assert cli(["track", str(output), "-o", str(tracked)]) == 0
    assert "(15, 68, 3)" in capsys.readouterr().out
    points = read_landmarks(tracked)
    assert points.shape == (15, 68, 3)
    assert np.abs(points - read_landmarks(own))[..., :2].mean() < 6
    driven = output.with_name("driven.mp4")
    assert animate(portrait_file, short_file, driven, weights, "--landmarks", tracked) == 0
    report = json.loads(driven.with_suffix(".json").read_text())
    assert report["parameters"]["landmarks"] is True
    assert report["frames"] == 15


def test_options_reach_the_motion(portrait_file: Path, short_file: Path, output: Path, weights: Path) -> None:
    saved = output.with_name("still.npz")
    options = ["--lip-scale", "0", "--head-motion", "still", "--blink-scale", "0", "--crop", "face"]
    assert animate(portrait_file, short_file, output, weights, *options, "--save-landmarks", saved) == 0
    assert np.ptp(mouth_opening(read_landmarks(saved))) < 0.01
    parameters = json.loads(output.with_suffix(".json").read_text())["parameters"]
    assert parameters["lip_scale"] == 0
    assert parameters["head_motion"] == "still"
    assert parameters["crop"] == "face"


def test_several_faces_work_and_are_said(
    astronaut: np.ndarray, short_file: Path, output: Path, weights: Path, tmp_path: Path
) -> None:
    head = astronaut[:230, 120:350]
    wide = np.full((230, 410, 3), 255, np.uint8)
    wide[:180, :180] = Image.fromarray(head).resize((180, 180))
    wide[:, 180:] = head
    Image.fromarray(wide).save(tmp_path / "two.png")
    assert animate(tmp_path / "two.png", short_file, output, weights) == 0
    (warning,) = json.loads(output.with_suffix(".json").read_text())["warnings"]
    assert warning.startswith("2 faces were found")
    # The small face on the left stays as it is.
    last = list(read_video(output))[-1].astype(int)
    assert np.abs(last[10:170, 10:150] - wide[10:170, 10:150]).mean() < 6


def write_portrait(kind: str, astronaut: np.ndarray, folder: Path) -> Path:
    path = folder / f"{kind}.png"
    if kind == "blank":
        Image.new("RGB", (256, 256), (90, 120, 90)).save(path)
    elif kind == "distant":
        Image.fromarray(astronaut).resize((140, 140)).save(path)
    elif kind == "broken":
        path.write_bytes(b"\x89PNG\r\n\x1a\nand then nothing")
    return path


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("blank", "No face was found"),
        ("distant", "face is too small"),
        ("broken", "broken.png"),
        ("missing", "does not exist"),
    ],
)
def test_a_portrait_that_cannot_be_used(
    kind: str,
    reason: str,
    astronaut: np.ndarray,
    short_file: Path,
    output: Path,
    weights: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert animate(write_portrait(kind, astronaut, tmp_path), short_file, output, weights) == 2
    assert reason in said(capsys)
    assert not list(tmp_path.rglob("talk.*"))


def write_recording(kind: str, folder: Path) -> Path:
    path = folder / f"{kind}.wav"
    if kind == "empty":
        soundfile.write(path, np.zeros(0, np.float32), SAMPLE_RATE)
    elif kind == "silent":
        soundfile.write(path, np.zeros(2 * SAMPLE_RATE, np.float32), SAMPLE_RATE)
    elif kind == "broken":
        path.write_text("this is no sound")
    return path


@pytest.mark.parametrize(
    ("kind", "reason"),
    [("empty", "empty.wav"), ("silent", "is silent"), ("broken", "cannot be read as audio"), ("missing", "not exist")],
)
def test_a_recording_that_cannot_be_used(
    kind: str,
    reason: str,
    portrait_file: Path,
    output: Path,
    weights: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert animate(portrait_file, write_recording(kind, tmp_path), output, weights) == 2
    assert reason in said(capsys)
    assert not list(tmp_path.rglob("talk.*"))


def test_a_recording_over_the_limit(
    portrait_file: Path, speech_file: Path, output: Path, weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert animate(portrait_file, speech_file, output, weights, "--max-seconds", "1") == 2
    assert "the limit is 1.0 s" in said(capsys)
    assert not output.exists()


@pytest.mark.parametrize("place", ["in-a-file", "a-folder", "talk.avi"])
def test_an_output_that_cannot_be_written(
    place: str,
    portrait_file: Path,
    short_file: Path,
    weights: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "folder.mp4").mkdir()
    target = {"in-a-file": "file/talk.mp4", "a-folder": "folder.mp4", "talk.avi": "talk.avi"}[place]
    assert animate(portrait_file, short_file, tmp_path / target, weights) == 2
    assert target.split("/")[-1] in said(capsys)
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["file", "folder.mp4"]


@pytest.mark.parametrize("kind", ["no-folder", "empty-folder", "half", "damaged"])
def test_weights_that_are_not_there(
    kind: str,
    portrait_file: Path,
    short_file: Path,
    output: Path,
    weights: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    folder = tmp_path / kind
    if kind == "empty-folder":
        folder.mkdir()
    elif kind != "no-folder":
        shutil.copytree(weights, folder)
        file = folder / "atom" / "diffusion_pytorch_model.safetensors"
        if kind == "half":
            file.unlink()
        else:
            file.write_bytes(file.read_bytes()[:1000])
    assert animate(portrait_file, short_file, output, folder) == 2
    assert str(folder) in said(capsys)
    assert not output.exists()


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("model_index.json", "[]"),
        ("model_index.json", '{"_class_name": "MoDiTalkerPipeline", "atom": 5}'),
        ("model_index.json", "{"),
        ("atom/config.json", '{"width": "wide"}'),
        ("atom/config.json", '{"width": -1}'),
        ("atom/config.json", "null"),
        ("atom/config.json", "\0"),
    ],
)
def test_a_description_of_weights_that_is_damaged(weights: Path, tmp_path: Path, file: str, content: str) -> None:
    folder = tmp_path / "weights"
    shutil.copytree(weights, folder)
    (folder / file).write_text(content)
    with pytest.raises(InputError, match=str(folder)):
        load_pipeline(folder)


@pytest.mark.parametrize("kind", ["missing", "text", "flat"])
def test_a_landmark_file_that_cannot_be_used(
    kind: str,
    portrait_file: Path,
    short_file: Path,
    output: Path,
    weights: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / "motion.npz"
    if kind == "text":
        path.write_text("0 1 2")
    elif kind == "flat":
        np.savez(path, landmarks=np.ones((5, 68, 2)), fps=25)
    assert animate(portrait_file, short_file, output, weights, "--landmarks", path) == 2
    assert "motion.npz" in said(capsys)
    assert not output.exists()


def test_a_value_out_of_its_range(
    portrait_file: Path, short_file: Path, output: Path, weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert animate(portrait_file, short_file, output, weights, "--guidance", "99") == 2
    assert "--guidance must be a number between 0 and 10, got 99;" in said(capsys)
    assert not output.exists()


def test_a_video_that_cannot_be_tracked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "film.mp4").write_text("no film")
    assert cli(["track", str(tmp_path / "film.mp4"), "-o", str(tmp_path / "film.npz")]) == 2
    assert "film.mp4" in said(capsys)
    assert not (tmp_path / "film.npz").exists()


def test_a_preset_whose_weights_are_missing(
    portrait_file: Path,
    short_file: Path,
    output: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("moditalker.loading.__file__", str(tmp_path / "moditalker" / "weights.py"))
    assert cli(["animate", str(portrait_file), str(short_file), "-o", str(output)]) == 2
    assert "weights of the preset 'compact' are missing" in said(capsys)
    assert not output.exists()
