"""Methods that dub: Wav2Lip on random weights, ours on the tiny pipeline; in comparisons, benches and studies."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import skimage.data
import skimage.transform
import soundfile
import torch
from study_example import METHODS, silent, write_recipe

from moditalker.audio.load import load_audio
from moditalker.baselines.protocol import Facts, Made, Options
from moditalker.baselines.registry import DEFAULT_DUBS, Sources, find_methods
from moditalker.baselines.wav2lip.wav2lip_dub import Wav2LipDub
from moditalker.baselines.wav2lip.wav2lip_network import Wav2Lip
from moditalker.benchmark.dub_bench import STILL, bench_dub
from moditalker.cli.main import main as cli
from moditalker.compare.inputs import prepare_inputs
from moditalker.compare.pairs import find_pairs
from moditalker.compare.runner import NO_VIDEO, run_methods
from moditalker.constants import SAMPLE_RATE
from moditalker.face.tracker import make_tracker
from moditalker.pipeline import MoDiTalkerPipeline
from moditalker.study.build import build_study
from moditalker.study.definition import read_study
from moditalker.study.makers import Given, RegistryMaker
from moditalker.study.parts import Method as StudyMethod
from moditalker.study.recipe import read_recipe
from moditalker.study.serving import file_sha256
from moditalker.training.data.prepare import Clip
from moditalker.utils.errors import InputError
from moditalker.utils.progress import unasked
from moditalker.video.read import probe_video, read_video
from moditalker.video.write import VideoWriter

FACE, CUP = 26, 4
"""Of the made video: frames of a face that drifts, and of a cup."""
QUICK = ("--atom-steps", "1", "--mtov-steps", "1", "--guidance", "1")


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("wav2lip") / "wav2lip.pth"
    torch.save({"state_dict": Wav2Lip().state_dict()}, path)
    return path


@pytest.fixture(scope="module")
def film(small_picture: np.ndarray) -> np.ndarray:
    """(30, 256, 256, 3) uint8."""
    cup = (255 * skimage.transform.resize(skimage.data.coffee(), (256, 256))).astype(np.uint8)
    return np.stack([*(np.roll(small_picture, index, 1) for index in range(FACE)), *[cup] * CUP])


@pytest.fixture(scope="module")
def video(film: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """At 25 frames a second, without sound."""
    return written(film, tmp_path_factory.mktemp("film") / "film.mp4")


@pytest.fixture(scope="module")
def audio(speech: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As long as the video."""
    path = tmp_path_factory.mktemp("audio") / "speech.wav"
    soundfile.write(path, speech[8000 : 8000 + (FACE + CUP) * SAMPLE_RATE // 25], SAMPLE_RATE)
    return path


def written(frames: np.ndarray, path: Path, sound: np.ndarray | None = None) -> Path:
    with VideoWriter(path, (frames.shape[2], frames.shape[1]), 25, sound) as writer:
        for frame in frames:
            writer.write(frame)
    return path


def test_wav2lip_redraws_the_face_of_each_frame_and_leaves_the_rest(
    checkpoint: Path, video: Path, audio: Path, landmarks: np.ndarray, tmp_path: Path
) -> None:
    frames: list[np.ndarray] = []
    method, target = Wav2LipDub(checkpoint), tmp_path / "out.mp4"
    assert method.available() is None
    made = method.make(video, audio, target, Options(), unasked, on_frame=lambda frame: frames.append(frame.copy()))
    changed = (np.stack(frames) != np.stack(list(read_video(video)))).any(-1)
    assert changed.shape == (FACE + CUP, 256, 256)
    assert not changed[FACE:].any(), "no face is in these frames"
    left, right = (landmarks[[0, 16], 0] / 2).tolist()
    chin, brows = landmarks[8, 1] / 2, landmarks[17:27, 1].min() / 2
    for index, frame in enumerate(changed[:FACE]):
        rows, columns = np.nonzero(frame)
        # A box around the face, where the face is in this frame; its mean over five frames may lie a little ahead.
        assert rows.min() < brows
        assert chin < rows.max() < chin + 20
        assert columns.min() == pytest.approx(left + index, abs=10)
        assert columns.max() == pytest.approx(right + index, abs=10)
        assert frame[rows.min() : rows.max(), columns.min() : columns.max()].mean() > 0.9
    assert probe_video(target).size == (256, 256)
    assert load_audio(target).size == pytest.approx((FACE + CUP) * SAMPLE_RATE // 25, abs=600)
    assert b"compositeWithTrainedAlgorithmicMedia" in target.read_bytes()
    assert set(made.seconds) == {"face", "video"}


def test_wav2lip_wants_a_face(checkpoint: Path, film: np.ndarray, audio: Path, tmp_path: Path) -> None:
    cup = written(film[FACE:], tmp_path / "cup.mp4")
    with pytest.raises(InputError, match="No face was found in the video"):
        Wav2LipDub(checkpoint).make(cup, audio, tmp_path / "out.mp4", Options(), unasked)
    assert not (tmp_path / "out.mp4").exists()


def test_a_video_is_brought_to_the_recording_and_lends_its_face(
    film: np.ndarray, speech: np.ndarray, tmp_path: Path
) -> None:
    half = np.repeat(film[12::-1, :201, :255], 2, 0)[:20]
    with VideoWriter(tmp_path / "slow.mp4", (254, 200), 12.5, None) as writer:
        for frame in half[::2]:
            writer.write(np.ascontiguousarray(frame[:200, :254]))
    tracker = make_tracker("mediapipe")
    samples = speech[8000 : 8000 + 30 * SAMPLE_RATE // 25]
    inputs = prepare_inputs(None, samples, tmp_path / "made", tracker, video=tmp_path / "slow.mp4")
    assert inputs.video is not None
    frames = np.stack(list(read_video(inputs.video))).astype(int)
    assert frames.shape == (30, 200, 254, 3)
    assert probe_video(inputs.video).fps == 25
    # 20 frames at 25 a second, and then backwards.
    assert np.abs(frames[22] - frames[16]).mean() < 4
    assert np.abs(frames[22] - frames[6]).mean() > 8
    assert inputs.picture.shape == (200, 254, 3)
    shown = prepare_inputs(None, samples, tmp_path / "array", tracker, video=film[:, :, :255])
    assert shown.video is not None
    assert probe_video(shown.video).size == (254, 256)
    cup = written(film[FACE:], tmp_path / "cup.mp4")
    with pytest.raises(InputError, match="No face"):
        prepare_inputs(None, samples, tmp_path / "none", tracker, video=cup)


class Dub:
    """A method that notes what it was given."""

    facts = Facts("dub", "Dub", "As a test says.", "MIT", dubs=True)

    def __init__(self) -> None:
        self.given: list[Path] = []

    def available(self) -> str | None:
        return None

    def make(self, source: Path, audio: Path, output: Path, options: Options, progress: object) -> Made:
        self.given.append(source)
        output.write_bytes(b"video")
        return Made({"video": 0.6})


def ignore(*told: object) -> None:
    """Whatever is told."""


def test_a_method_that_dubs_gets_the_video_and_says_when_there_is_none(
    small_picture: np.ndarray, video: Path, audio: Path, tmp_path: Path
) -> None:
    tracker, method = make_tracker("mediapipe"), Dub()
    for folder, given in (("none", None), ("some", video)):
        inputs = prepare_inputs(small_picture, audio, tmp_path / folder, tracker, video=given)
        [outcome] = run_methods([method], inputs, tmp_path / folder, Options(), None, ignore, ignore)
        assert outcome.failed == (NO_VIDEO if given is None else "")
    assert method.given == [tmp_path / "some" / "video.mp4"]


def test_videos_without_a_portrait_are_pairs_too(tmp_path: Path) -> None:
    for name in ("a.png", "a.wav", "a.mp4", "a.Theirs.mp4", "b.mp4", "b.wav", "b.Theirs.mp4", "c.mp4"):
        (tmp_path / name).touch()
    pairs = {pair.name: pair for pair in find_pairs(tmp_path)}
    assert list(pairs) == ["a", "b", "c"]
    assert (pairs["a"].portrait, pairs["a"].real) == (tmp_path / "a.png", tmp_path / "a.mp4")
    assert [pair.video for pair in pairs.values()] == [tmp_path / f"{name}.mp4" for name in "abc"]
    assert (pairs["b"].portrait, pairs["b"].audio, pairs["b"].real) == (None, tmp_path / "b.wav", None)
    assert pairs["b"].made == (("Theirs", tmp_path / "b.Theirs.mp4"),)
    assert (pairs["c"].audio, pairs["c"].real) == (tmp_path / "c.mp4", tmp_path / "c.mp4")


@pytest.mark.slow
def test_dubs_side_by_side_on_the_command_line(
    film: np.ndarray, audio: Path, checkpoint: Path, weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other, own, output = tmp_path / "other", tmp_path / "own", tmp_path / "out"
    other.mkdir()
    own.mkdir()
    written(film, other / "bea.mp4")
    (other / "bea.wav").write_bytes(audio.read_bytes())
    written(film, own / "ada.mp4", load_audio(audio))
    options = ["-o", str(output), "--preset", str(weights), *QUICK]
    assert cli(["compare", str(other), *options]) == 0
    assert "| Dub (ours) |" in capsys.readouterr().out
    rows = json.loads((output / "table.json").read_text())["rows"]
    assert [row["name"] for row in rows] == [*DEFAULT_DUBS]
    assert any("left as it is: no face" in warning for warning in rows[1]["warnings"])
    # The clip's own sound: it can be held against the clip. Another's: it cannot.
    assert "mouth_lpips" not in rows[1]
    methods = ["ours-dub", "wav2lip-dub", "still"]
    assert cli(["compare", str(own), *options, "--methods", *methods, "--wav2lip", str(checkpoint)]) == 0
    rows = json.loads((output / "table.json").read_text())["rows"]
    assert [row["name"] for row in rows] == methods
    assert not [row["failed"] for row in rows if "failed" in row]
    assert rows[0]["mouth_psnr"] > rows[2]["mouth_psnr"], "the head drifts, and a portrait stands still"
    assert (output / "ada" / "column-2.mp4").is_file()


@pytest.mark.slow
def test_one_dub_on_the_command_line(
    video: Path, audio: Path, weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "out.mp4"
    command = ["baseline", "still-mouth", str(video), str(audio), "-o", str(target), "--preset", str(weights), *QUICK]
    assert cli(command) == 0
    assert f"{FACE + CUP} frames by Still mouth" in capsys.readouterr().out
    assert not target.with_suffix(".json").exists()


class Painted(Dub):
    """A method that dubs by painting a block into each frame."""

    facts = Facts("painted", "Painted", "As a test says.", "MIT", dubs=True)

    def make(
        self,
        source: Path,
        audio: Path,
        output: Path,
        options: Options,
        progress: object,
        on_frame: Callable[[np.ndarray], None] | None = None,
    ) -> Made:
        assert on_frame is not None
        for frame in read_video(source):
            painted = frame.copy()
            painted[:16, :32] = 255 - painted[:16, :32]
            on_frame(painted)
        return Made({})


@pytest.mark.slow
def test_a_bench_has_a_row_for_each_method(film: np.ndarray, speech: np.ndarray, tmp_path: Path) -> None:
    data, still = tmp_path / "data", Painted()
    data.mkdir()
    still.facts = replace(still.facts, name=STILL, title="Still mouth")
    listed = [Clip(f"{name}.mp4", "val", name) for name in ("ada", "ben")]
    for clip in listed:
        shown = film[np.minimum(np.arange(30), FACE - 1)]
        shown = shown[:, :, ::-1] if clip.speaker == "ben" else shown
        written(np.ascontiguousarray(shown), data / clip.path, speech[8000 : 8000 + 30 * SAMPLE_RATE // 25])
    lines = ["path,split,speaker", *(f"{clip.path},val,{clip.speaker}" for clip in listed)]
    (data / "clips.csv").write_text("\n".join(lines) + "\n")
    (data / "offsets.json").write_text(json.dumps({"clips": {clip.name: {"offset": 0} for clip in listed}}))
    table, rows = bench_dub([still, Painted()], data, make_tracker("mediapipe"), seconds=2)
    assert [line.split("|")[1].strip() for line in table.splitlines()[2:]] == ["Real clip", "Still mouth", "Painted"]
    assert not [row["failed"] for row in rows if "failed" in row]
    by_method = {row["method"]: row for row in rows if row["clip"] == listed[0].name}
    assert by_method["painted"]["unchanged"] == pytest.approx(1 - 16 * 32 / 256**2, abs=1e-3)
    assert by_method["painted"]["mouth_psnr"] > 40
    assert "other_confidence" in by_method["painted"]
    assert "other_confidence" not in by_method[STILL]


def test_the_bench_command_takes_wav2lip_when_a_checkpoint_is_named(
    checkpoint: Path,
    weights: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    asked: list[list[str]] = []

    def noted(methods: list[Dub], *_: object, **__: object) -> tuple[str, list[object]]:
        asked.append([method.facts.name for method in methods])
        return "", []

    monkeypatch.setattr("moditalker.benchmark.dub_bench.bench_dub", noted)
    command = ["bench", "--dub", str(tmp_path), "--preset", str(weights)]
    assert cli(command) == 0
    assert cli([*command, "--wav2lip", str(checkpoint)]) == 0
    assert asked == [[*DEFAULT_DUBS, "one-picture"], [*DEFAULT_DUBS, "wav2lip-dub", "one-picture"]]
    assert cli([*command, "--wav2lip", str(tmp_path / "gone.pth")]) == 2
    assert "no Wav2Lip checkpoint" in capsys.readouterr().err


def test_methods_that_dub_are_listed_as_such(pipeline: MoDiTalkerPipeline, checkpoint: Path) -> None:
    methods = find_methods(pipeline, Sources(checkpoint))
    assert [name for name, method in methods.items() if method.facts.dubs] == [*DEFAULT_DUBS, "wav2lip-dub"]


@pytest.mark.slow
def test_a_study_of_a_dub_is_built_from_a_video_and_a_recording(
    pipeline: MoDiTalkerPipeline, video: Path, audio: Path, tmp_path: Path
) -> None:
    path = write_recipe(tmp_path, methods=2, items=1, paired=1, checks=0, training=False)
    quick = "options = { atom_steps = 1, mtov_steps = 1, guidance = 1.0 }"
    text = path.read_text().replace(f'label = "Method {METHODS[0]}"', f'source = "still-mouth"\n{quick}')
    text = text.replace(f'{METHODS[0]} = "{METHODS[0]}-0.mp4", ', "")
    path.write_text(f'{text}\nvideo = "{video}"\naudio = "{audio}"\n')
    study = build_study(read_recipe(path), tmp_path / "study", RegistryMaker(lambda: pipeline), silent, silent)
    assert study.items[0].video_sha256 == file_sha256(video)
    assert len(list(read_video(study.folder / study.video_of("item-0", METHODS[0]).file))) == FACE + CUP
    assert read_study(tmp_path / "study" / "study.toml").hash == study.hash


def test_a_study_s_maker_says_what_an_item_lacks(pipeline: MoDiTalkerPipeline, video: Path, audio: Path) -> None:
    maker, method = RegistryMaker(lambda: pipeline), StudyMethod("still", source="still-mouth")
    given = Given("one", None, video, audio)
    with pytest.raises(InputError, match="'two' needs a video for 'still'"):
        maker.check(method, [given, Given("two", video, None, audio)])
    with pytest.raises(InputError, match="'one' needs a portrait for 'ours'"):
        maker.check(StudyMethod("ours", source="ours"), [given])


def test_a_recipe_takes_a_video_in_place_of_a_portrait(tmp_path: Path) -> None:
    path = write_recipe(tmp_path, methods=2, items=1, paired=1)
    text = path.read_text().replace('label = "Method warp-alone"', 'source = "ours-dub"')
    text = text.replace(', warp-alone = "warp-alone-0.mp4"', "")
    for name in ("clip.mp4", "speech.wav"):
        (tmp_path / name).write_bytes(b"x")
    path.write_text(text + 'video = "clip.mp4"\n')
    with pytest.raises(InputError, match="a method that dubs needs a video"):
        read_recipe(path)
    path.write_text(text + 'video = "clip.mp4"\naudio = "speech.wav"\n')
    [item] = read_recipe(path).build.items
    assert item.video == tmp_path / "clip.mp4"
    assert item.portrait is None
