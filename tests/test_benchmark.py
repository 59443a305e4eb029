"""The judge at work: on footage that the test makes, with the tiny pipeline."""

import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from moditalker.benchmark import silence_rows
from moditalker.benchmark.benchmark_table import markdown
from moditalker.benchmark.footage import Footage, donor_of, find_footage
from moditalker.benchmark.judge import Judge, Reference
from moditalker.benchmark.ledger import Ledger
from moditalker.benchmark.requirements import REQUIREMENTS, Requirement
from moditalker.benchmark.runner import benchmark
from moditalker.benchmark.silence_rows import room_noise
from moditalker.benchmark.systems import ROWS, Systems
from moditalker.cli.main import main as cli
from moditalker.constants import SAMPLE_RATE
from moditalker.face.layout import mouth_opening
from moditalker.face.tracker import MediaPipeTracker
from moditalker.metrics.talking_video import TalkingVideo, read_talking_video
from moditalker.pipeline import MoDiTalkerPipeline
from moditalker.portrait import composer_of
from moditalker.release.compact_card import write_card
from moditalker.render.warp import FrameWarp
from moditalker.training.data.prepare import prepare
from moditalker.utils.errors import InputError
from moditalker.video.write import VideoWriter

Talking = Callable[..., np.ndarray]
FRAMES = 24


@pytest.fixture(scope="module")
def talker(pipeline: MoDiTalkerPipeline, astronaut: np.ndarray, talking: Talking) -> np.ndarray:
    """(24, 256, 256, 3) uint8: the astronaut's head, warped so that its mouth opens every ten frames."""
    portrait = pipeline.encode_portrait(astronaut, crop="face")
    motion = portrait.frame.motion(talking(portrait.frame.landmarks, FRAMES))
    nothing = np.zeros((FRAMES, 3, 128, 128), np.float32)
    return composer_of(portrait)(FrameWarp(portrait.frame, motion), nothing)


def write(path: Path, frames: np.ndarray, audio: np.ndarray) -> None:
    with VideoWriter(path, (frames.shape[2], frames.shape[1]), 25, audio) as writer:
        for frame in frames:
            writer.write(frame)


@pytest.fixture(scope="module")
def footage(talker: np.ndarray, speech: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two people, so to speak: the astronaut, and her mirror image two frames later."""
    folder = tmp_path_factory.mktemp("footage")
    audio = speech[8000 : 8000 + FRAMES * SAMPLE_RATE // 25]
    write(folder / "one.mp4", talker, audio)
    write(folder / "two.mp4", np.ascontiguousarray(np.roll(talker, 2, 0)[:, :, ::-1]), audio[::-1].copy())
    rows = ["path,split,speaker", "one.mp4,val,a", "two.mp4,val,b", "one.mp4,train,a"]
    (folder / "clips.csv").write_text("\n".join(rows) + "\n")
    return folder


@pytest.fixture(scope="module")
def real(footage: Path) -> TalkingVideo:
    return read_talking_video(footage / "one.mp4", MediaPipeTracker())


@pytest.mark.slow
def test_a_video_is_its_own_equal(real: TalkingVideo) -> None:
    values = Judge()(real, Reference(real), real.landmarks).values
    for key in ("opening_correlation", "width_correlation", "opening_deviation", "asked_correlation", "asked_slope"):
        assert values[key] == pytest.approx(1, abs=1e-6), key
    assert values["face_ssim"] == pytest.approx(1)
    assert values["flicker"] == pytest.approx(1)
    assert values["mouth_distance"] == pytest.approx(0, abs=1e-4)
    assert values["mouth_lpips"] == values["mouth_lpips_256"] == pytest.approx(0, abs=1e-6)
    assert values["mouth_sharpness"] == values["dlib_correlation"] == values["dlib_slope"] == pytest.approx(1)
    assert values["mouth_psnr"] == 100
    assert values["identity"] > 0.95


@pytest.mark.slow
def test_evaluate_finds_what_was_done_to_a_video(
    footage: Path, talker: np.ndarray, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    reference = footage / "one.mp4"
    hiss = np.random.default_rng(0).normal(0, 0.05, FRAMES * 640).astype(np.float32)
    blurred = np.stack([cv2.GaussianBlur(frame, (0, 0), 2.5) for frame in talker])
    half_late = np.roll(talker, 5, 0)  # half a period: open where it should be closed
    write(tmp_path / "blurred.mp4", blurred, hiss)
    write(tmp_path / "late.mp4", half_late, hiss)

    def measures(name: str) -> dict[str, float]:
        report = tmp_path / "reports" / f"{name}.json"
        path = reference if name == "same" else tmp_path / f"{name}.mp4"
        assert cli(["evaluate", str(path), str(reference), "-o", str(report)]) == 0
        assert "PSNR mouth" in capsys.readouterr().out
        return json.loads(report.read_text())["measures"]  # type: ignore[no-any-return]

    same, soft, late = measures("same"), measures("blurred"), measures("late")
    assert same["opening_correlation"] == pytest.approx(1)
    assert same["face_psnr"] == 100
    assert soft["sharpness"] < same["sharpness"]
    assert soft["face_lpips"] > 0.02
    assert soft["opening_correlation"] > 0.7
    assert late["opening_correlation"] < -0.5
    assert late["mouth_distance"] > same["mouth_distance"] + 1
    assert late["mouth_ssim"] < same["mouth_ssim"] - 0.02
    assert late["mouth_psnr"] < 35


def test_evaluate_says_what_is_wrong_with_its_input(
    footage: Path, tmp_path: Path, talker: np.ndarray, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli(["evaluate", str(tmp_path / "none.mp4"), str(footage / "one.mp4")]) == 2
    assert "none.mp4" in capsys.readouterr().err
    write(tmp_path / "brief.mp4", talker[:10], np.full(6400, 0.1, np.float32))
    assert cli(["evaluate", str(tmp_path / "brief.mp4"), str(footage / "one.mp4")]) == 2
    assert "at least 16" in capsys.readouterr().err


@pytest.mark.slow
def test_the_benchmark_sets_the_rows_side_by_side_and_goes_on_where_it_stopped(
    footage: Path,
    weights: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    output = tmp_path / "out" / "bench.json"
    options = ["benchmark", "--data", str(footage), "--weights", str(weights), "-o", str(output), "--atom-steps", "2"]
    assert cli([*options, "--rows", "real", "warp", "still"]) == 0
    table = capsys.readouterr().out
    assert table == output.with_suffix(".md").read_text()
    rows = json.loads(output.read_text())["rows"]
    # The clips were made by the warp: it shows what was asked for, and the still portrait does not.
    assert rows["warp"]["opening_correlation"] > 0.8
    assert rows["warp"]["asked_correlation"] > 0.8
    assert rows["warp"]["mouth_psnr"] > rows["still"]["mouth_psnr"] + 1
    assert abs(rows["still"]["opening_correlation"]) < 0.5
    assert rows["still"]["opening_deviation"] < 0.2
    assert rows["still"]["flicker"] < 0.5 < rows["warp"]["flicker"]
    assert rows["warp"]["frames_frechet"] > 0
    assert "| the still portrait |" in table
    assert "not measured" in table, "ours was not run"

    monkeypatch.setattr("moditalker.benchmark.runner.PORTRAITS_AT_REST", 1)
    monkeypatch.setattr(silence_rows, "SECONDS", 1)
    monkeypatch.setitem(silence_rows.SOUNDS, "silence", silence_rows.SOUNDS["silence"][:SAMPLE_RATE])
    done = Systems.warp
    calls = []

    def counted(self: Systems, clip: TalkingVideo, donor: TalkingVideo) -> object:
        calls.append(clip)
        return done(self, clip, donor)

    monkeypatch.setattr(Systems, "warp", counted)
    assert (
        cli([*options, "--rows", "real", "warp", "ours", "motion", "real_landmarks", "silence", "--by", "speaker"]) == 0
    )
    assert not calls, "what was measured is measured again"
    table = capsys.readouterr().out
    report = json.loads(output.read_text())
    assert set(report["rows"]) == {"real", "warp", "still", "ours", "motion", "real_landmarks", "silence"}
    assert report["counts"]["ours"]["clips"] == 2
    assert [row.split(" | ")[:3] for row in table.splitlines() if row[:4] in ("| a ", "| b ")] == [
        ["| a", "1", "1"],
        ["| b", "1", "1"],
    ]
    assert set(report["by"]["groups"]) == {"a", "b"}
    assert report["counts"]["silence"]["clips"] == 1
    judged = {line["what"]: line for line in report["requirements"]}
    assert judged["mouth PSNR above the warp's, dB"]["passed"] is False, "random weights beat the warp"
    assert (
        judged["lip-sync expert: offset follows a shift of the sound within one frame (clips of 2 s and more)"][
            "passed"
        ]
        is None
    ), "there is no clip of two seconds"
    assert "**fail**" in table

    assert cli([*options, "--seed", "1"]) == 2
    assert "other weights or settings" in capsys.readouterr().err


@pytest.mark.slow
def test_retargeted_landmarks_of_a_face_in_the_same_place_are_still_another_persons(
    pipeline: MoDiTalkerPipeline, real: TalkingVideo, footage: Path
) -> None:
    donor = read_talking_video(footage / "two.mp4", MediaPipeTracker())
    take = Systems(pipeline, MediaPipeTracker()).retargeted(real, donor)
    # The donor's motion on the portrait's face, where the portrait's face is.
    assert np.corrcoef(mouth_opening(take.asked), mouth_opening(donor.landmarks))[0, 1] > 0.98
    nose = take.asked[:, 30, :2] - real.landmarks[0, 30, :2]
    assert np.abs(nose).max() < 0.1 * np.ptp(real.landmarks[0, :, 0])


def test_an_unknown_row_or_split_is_refused(pipeline: MoDiTalkerPipeline, footage: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="choose from real, ours"):
        benchmark(lambda: pipeline, footage, tmp_path / "out.json", rows=["theirs"])
    with pytest.raises(InputError, match="choose one of train, val"):
        benchmark(lambda: pipeline, footage, tmp_path / "out.json", split="test")


def test_footage_is_found_from_a_list_and_from_prepared_clips(footage: Path, tmp_path: Path) -> None:
    listed = find_footage(footage, "val")
    assert [clip.speaker for clip in listed] == ["a", "b"]
    assert all(clip.path.is_file() and clip.short for clip in listed)
    entries = [{"path": "one.mp4", "split": "val", "speaker": "a", "name": listed[0].name}]
    index = {"clips": entries, "source": str(footage)}
    (tmp_path / "index.json").write_text(json.dumps(index))
    (tmp_path / "offsets.json").write_text(json.dumps({"clips": {listed[0].name: {"offset": 3}}}))
    (found,) = find_footage(tmp_path, "val")
    assert (found.path, found.offset) == (footage / "one.mp4", 3)
    video = found.read(MediaPipeTracker())
    assert len(video) == FRAMES - 3
    del index["source"]
    (tmp_path / "index.json").write_text(json.dumps(index))
    with pytest.raises(InputError, match="does not say where the footage lies"):
        find_footage(tmp_path, "val")
    with pytest.raises(InputError, match="neither"):
        find_footage(tmp_path / "nowhere", "val")
    with pytest.raises(InputError, match="not for 0"):
        find_footage(footage, "val", every=0)


def test_prepared_clips_say_where_their_footage_lies(footage: Path, tmp_path: Path) -> None:
    prepare(footage / "clips.csv", tmp_path)
    assert find_footage(tmp_path, "val") == find_footage(footage, "val")


def test_every_nth_leaves_the_long_clips_in(footage: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = ["path,split,speaker", *(f"one.mp4,val,a{i}" for i in range(4)), "two.mp4,val,b"]
    folder = footage / "many"
    folder.mkdir()
    for name in ("one.mp4", "two.mp4"):
        (folder / name).write_bytes((footage / name).read_bytes())
    names = iter(range(10))
    name = property(lambda clip: f"{clip.speaker}-{next(names)}")
    monkeypatch.setattr("moditalker.training.data.prepare.Clip.name", name)
    (folder / "clips.csv").write_text("\n".join(rows) + "\n")
    seconds = {"one.mp4": 1.2, "two.mp4": 5.0}
    monkeypatch.setattr(
        "moditalker.benchmark.footage.probe_video", lambda path: type("", (), {"duration": seconds[path.name]})
    )
    assert [clip.speaker for clip in find_footage(folder, "val", every=3)] == ["a0", "a3", "b"]


def test_donors_are_of_another_speaker_and_of_the_same_length_where_there_is_one() -> None:
    def clip(name: str, speaker: str, seconds: float) -> Footage:
        return Footage(name, Path(name), speaker, seconds, 0)

    clips = [clip("a", "x", 1), clip("b", "x", 9), clip("c", "y", 1), clip("d", "y", 9), clip("e", "z", 1)]
    for index, own in enumerate(clips):
        donor = donor_of(clips, index)
        assert donor.speaker != own.speaker
        assert donor.short == own.short
    assert donor_of(clips, 0) == donor_of(clips, 0)
    with pytest.raises(InputError, match="one speaker"):
        donor_of(clips[:2], 0)


def test_a_ledger_survives_a_run_that_was_killed_and_refuses_other_settings(tmp_path: Path) -> None:
    output = tmp_path / "out.json"
    ledger = Ledger(output, {"seed": 0})
    ledger.add("clip", "ours", {"values": {"a": 1.0}}, {"frames": np.ones((2, 3))})
    ledger.add("clip", "warp", {"failed": "no face"})
    with ledger.path.open("a") as file:
        file.write('{"clip": "half a li')
    again = Ledger(output, {"seed": 0})
    assert ("clip", "ours") in again
    assert [entry["values"] for entry in again.of("ours", ["clip", "other"])] == [{"a": 1.0}]
    assert again.of("warp", ["clip"]) == []
    features = again.features("clip", "ours", "frames")
    assert features is not None
    assert features.shape == (2, 3)
    assert again.features("clip", "ours", "clips") is None
    again.add("clip", "still", {"values": {}})
    assert ("clip", "still") in Ledger(output, {"seed": 0})
    with pytest.raises(InputError, match="other weights or settings"):
        Ledger(output, {"seed": 1})


def test_requirements_pass_at_their_limits_and_fail_beyond() -> None:
    ratio = Requirement("x", "", (lambda rows: rows["ours"]["a"], lambda rows: rows["ours"]["b"]), 0.8, 1.2)
    assert ratio.check({"ours": {"a": 0.8, "b": 1.2}}) == ("0.80 / 1.20", True)
    assert ratio.check({"ours": {"a": 0.8, "b": 1.21}}) == ("0.80 / 1.21", False)
    assert ratio.check({"ours": {"a": 0.8}}) is None

    good = {
        "real": {"identity": 0.9, "sync_follows": 0.95, "sync_confidence": 1.0},
        "ours": {
            "opening_correlation": 0.5, "width_correlation": 0.55, "opening_deviation": 1.1, "lag": 0.4,
            "lag_of_mean": 0.0, "identity": 0.88, "flicker": 1.0, "opening_std": 0.04, "sync_confidence": 0.85,
            "sync_within_one": 0.9,
        },
        "other_audio": {"opening_correlation": 0.1, "width_correlation": 0.1},
        "real_landmarks": {
            "asked_correlation": 0.96, "asked_slope": 1.0, "mouth_psnr": 28, "mouth_lpips": 0.05, "face_lpips": 0.03,
        },
        "retargeted": {"asked_correlation": 0.95, "asked_slope": 0.9},
        "warp": {"mouth_psnr": 27, "mouth_lpips": 0.08, "face_lpips": 0.04},
        "silence": {"std": 0.001, "mean": 0.01, "asked_mean": 0.01},
        "noise": {"std": 0.001},
    }  # fmt: skip
    assert all(requirement.check(good) is not None for requirement in REQUIREMENTS)
    assert [r.what for r in REQUIREMENTS if not r.check(good)[1]] == []  # type: ignore[index]
    worse = {
        "real": {"identity": 0.95, "sync_follows": 0.8, "sync_confidence": 1.2},
        "ours": {
            "opening_correlation": 0.4, "width_correlation": 0.4, "opening_deviation": 0.7, "lag": -1.4,
            "lag_of_mean": 0.0, "identity": 0.88, "flicker": 1.3, "opening_std": 0.04, "sync_confidence": 0.85,
            "sync_within_one": 0.8,
        },
        "other_audio": {"opening_correlation": 0.3, "width_correlation": 0.1},
        "real_landmarks": {
            "asked_correlation": 0.96, "asked_slope": 1.0, "mouth_psnr": 27.5, "mouth_lpips": 0.07, "face_lpips": 0.035,
        },
        "retargeted": {"asked_correlation": 0.90, "asked_slope": 0.8},
        "warp": {"mouth_psnr": 27, "mouth_lpips": 0.08, "face_lpips": 0.04},
        "silence": {"std": 0.003, "mean": 0.04, "asked_mean": 0.01},
        "noise": {"std": 0.003},
    }  # fmt: skip
    assert [r.what for r in REQUIREMENTS if r.check(worse)[1]] == []  # type: ignore[index]


def test_room_noise_is_quiet_and_five_seconds_long() -> None:
    noise = room_noise()
    assert len(noise) == 5 * SAMPLE_RATE
    assert 20 * np.log10(np.sqrt((noise**2).mean())) == pytest.approx(-50, abs=0.1)


def test_the_card_says_what_was_trained_and_measured(tmp_path: Path) -> None:
    run = {
        "parameters": 6_258_524,
        "learning_rate": 6e-4,
        "seed": 0,
        "device": "cpu",
        "machine": "x86_64",
        "torch": "2.13.0",
        "notes": {"batch": 1024},
        "last": {"minutes": 45.1, "step": 5659, "validation": {"loss": 0.3005}},
    }
    (tmp_path / "training.json").write_text(json.dumps({"atom": run}))
    jaw = {"r2": 0.91, "correlation": 0.97, "mean_error": 0.031, "highest": 0.7}
    learnt = {"means": {"r2": 0.8, "correlation": 0.9}, "moved": {"lips": 0.85}, "jawOpen": jaw}
    (tmp_path / "blendshapes").mkdir()
    (tmp_path / "blendshapes" / "measures.json").write_text(json.dumps(learnt))
    lively = {"correlation": 0.155, "low": 0.05, "high": 0.276, "deviation": 0.064}
    (tmp_path / "arousal").mkdir()
    (tmp_path / "arousal" / "measures.json").write_text(json.dumps({"expression": lively}))
    measures = tmp_path / "in.json"
    rows = {"real": {"identity": 0.9}, "ours": {"opening_correlation": 0.512, "identity": 0.88}}
    summary = {"clips": 9, "settings": {"split": "val"}, "rows": rows, "left_out": []}
    measures.write_text(json.dumps(summary))
    card = write_card(tmp_path, measures).read_text()
    assert "| atom | 6.3 M | 45 | 5659 | 0.0006 | 1024 | 0 | 0.3005 |" in card
    assert markdown(summary) in card
    assert "| jawOpen | 0.91 | 0.97 | 0.031 | 0.70 |" in card
    assert "| expression | 0.15 | 0.05 to 0.28 | 6% |" in card
    assert f"| {ROWS['ours'].title} | 0.51 | 0.880 |" in card
    assert json.loads((tmp_path / "measures.json").read_text())["clips"] == 9
