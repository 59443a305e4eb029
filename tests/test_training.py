"""From clips to weights, in small: preparing, batches, the loop that resumes, and the four networks."""

import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from conftest import Talking
from safetensors.torch import load_file, save_file
from torch import nn

from moditalker.atom.head import HeadMotion
from moditalker.cli import train_run
from moditalker.cli.main import main as cli
from moditalker.constants import SAMPLE_RATE
from moditalker.face.geometry import FaceFrame, aligning_matrix, transform_points
from moditalker.face.layout import MIRRORED, eye_opening, interocular_distance, mouth_opening
from moditalker.mtov.autoencoder import GUIDES, TriplaneAutoencoder
from moditalker.mtov.conditions import STEPS_A_PIXEL
from moditalker.pipeline import MoDiTalkerPipeline
from moditalker.release.average import average_runs
from moditalker.release.disassemble import disassemble
from moditalker.render.compositor import Composer
from moditalker.render.grid import sample
from moditalker.render.landmark_map import draw_landmarks, lower_face_mask
from moditalker.render.warp import MOVING_RADII, FrameWarp, face_centre
from moditalker.training.data.augmentation import (
    bending,
    bent,
    bent_points,
    followed,
    recolouring,
    relighting,
    reshaped,
    reshaping,
    resharpening,
)
from moditalker.training.data.batch_source import Batch
from moditalker.training.data.block_batches import BlockBatches
from moditalker.training.data.clips import PreparedClip, load_clips
from moditalker.training.data.motion_batches import MotionBatches
from moditalker.training.data.prepare import prepare, read_clip_list
from moditalker.training.loop import TrainingConfig, fit
from moditalker.training.objectives import train_autoencoder, train_detail
from moditalker.training.objectives.train_head import HeadObjective
from moditalker.training.objectives.train_mtov import load_widened
from moditalker.utils.errors import InputError
from moditalker.video.write import VideoWriter

LENGTHS = {"ada-long": 60, "ada-short": 30, "ben": 40}


def write_clip(path: Path, frames: np.ndarray, audio: np.ndarray) -> None:
    with VideoWriter(path, (frames.shape[2], frames.shape[1]), 25.0, audio) as writer:
        for frame in frames:
            writer.write(frame)


@pytest.fixture(scope="module")
def clips(
    small_picture: np.ndarray,
    landmarks: np.ndarray,
    speech: np.ndarray,
    talking: Talking,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """A list of four clips: two of Ada, one of Ben, one that shows nobody."""
    folder = tmp_path_factory.mktemp("clips")
    frame = FaceFrame(landmarks / 2)
    composer = Composer(
        small_picture, face_centre(frame), (MOVING_RADII[0] * 1.2 * frame.unit, MOVING_RADII[1] * 1.2 * frame.unit)
    )
    moving = talking(landmarks / 2, 60, sway=0.15)
    field = FrameWarp(frame, frame.motion(moving))
    film = composer(field, np.zeros((60, 3, 128, 128), np.float32))
    for name, length in LENGTHS.items():
        shown = film[:length, :, ::-1] if name == "ben" else film[:length]
        write_clip(folder / f"{name}.mp4", shown, np.resize(speech, length * SAMPLE_RATE // 25))
    write_clip(folder / "nobody.mp4", np.full((20, 128, 128, 3), 90, np.uint8), speech[: 20 * SAMPLE_RATE // 25])
    rows = ["ada-long.mp4,train,ada", "ada-short.mp4,train,ada", "ben.mp4,val,ben", "nobody.mp4,train,nobody"]
    (folder / "clips.csv").write_text("\n".join(["path,split,speaker", *rows]) + "\n")
    return folder / "clips.csv"


@pytest.fixture(scope="module")
def prepared(clips: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("prepared")
    assert cli(["prepare", str(clips), "-o", str(folder), "--workers", "1"]) == 0
    return folder


def clip_named(prepared: Path, name: str) -> PreparedClip:
    everything = load_clips(prepared, "train") + load_clips(prepared, "val")
    (found,) = [clip for clip in everything if f"-{name}-" in clip.name]
    return found


@pytest.mark.slow
def test_usable_clips_are_listed_and_others_left_out_with_the_reason(prepared: Path) -> None:
    index = json.loads((prepared / "index.json").read_text())["clips"]
    assert {row["path"]: (row["split"], row["speaker"], row["frames"]) for row in index} == {
        "ada-long.mp4": ("train", "ada", 60),
        "ada-short.mp4": ("train", "ada", 30),
        "ben.mp4": ("val", "ben", 40),
    }
    (rejected,) = json.loads((prepared / "rejected.json").read_text())
    assert rejected["path"] == "nobody.mp4"
    assert "only 0 of 20 frames" in rejected["reason"]
    assert len(list((prepared / "clips").iterdir())) == 3


def test_what_is_prepared_of_a_clip(prepared: Path, landmarks: np.ndarray, talking: Talking) -> None:
    clip = clip_named(prepared, "ada-long")
    assert clip.landmarks.shape == (60, 68, 3)
    assert clip.matrices.shape == (60, 2, 3)
    assert clip.features.shape == (120, 328)
    assert np.isfinite(clip.features).all()
    true = mouth_opening(talking(landmarks / 2, 60, sway=0.15))
    assert np.corrcoef(mouth_opening(clip.landmarks), true)[0, 1] > 0.7
    faces = clip.faces(slice(0, 60))
    assert faces.shape == (60, 128, 128, 3)
    assert faces.dtype == np.uint8
    np.testing.assert_allclose(clip.matrices, aligning_matrix(clip.landmarks), atol=1e-4)
    # The head sways in the film and not in the aligned faces.
    eyes = transform_points(clip.matrices, clip.landmarks)[:, [36, 45]]
    assert np.ptp(eyes, axis=0).max() < 3


def stamps(folder: Path) -> dict[str, int]:
    return {str(path.relative_to(folder)): path.stat().st_mtime_ns for path in (folder / "clips").rglob("*.np?")}


@pytest.mark.slow
def test_a_second_run_makes_only_what_is_missing(clips: Path, tmp_path: Path) -> None:
    listed = tmp_path / "clips.csv"
    listed.write_text(f"path,split,speaker\n{clips.parent / 'ada-short.mp4'},train,ada\n")
    assert prepare(listed, tmp_path / "out") == (1, 0)
    first = stamps(tmp_path / "out")
    assert len(first) == 4
    listed.write_text(listed.read_text() + f"{clips.parent / 'ben.mp4'},val,ben\n")
    assert prepare(listed, tmp_path / "out") == (2, 0)
    second = stamps(tmp_path / "out")
    assert len(second) == 8
    assert {name: second[name] for name in first} == first


def test_when_no_clip_can_be_used_the_reasons_are_there(clips: Path, tmp_path: Path) -> None:
    listed = tmp_path / "clips.csv"
    listed.write_text(f"path,split,speaker\n{clips.parent / 'nobody.mp4'},train,nobody\nmissing.mp4,train,x\n")
    with pytest.raises(InputError, match="rejected.json"):
        prepare(listed, tmp_path / "out")
    reasons = json.loads((tmp_path / "out" / "rejected.json").read_text())
    assert [row["path"].split("/")[-1] for row in reasons] == ["nobody.mp4", "missing.mp4"]
    assert "does not exist" in reasons[1]["reason"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "no list of clips"),
        ("", "path, speaker, split"),
        ("path,split\na.mp4,train\n", "lacks the column.* speaker"),
    ],
)
def test_a_list_that_cannot_be_used(content: str | None, reason: str, tmp_path: Path) -> None:
    listed = tmp_path / "clips.csv"
    if content is not None:
        listed.write_text(content)
    with pytest.raises(InputError, match=reason):
        read_clip_list(listed)


def test_clips_of_the_same_name_are_told_apart(tmp_path: Path) -> None:
    listed = tmp_path / "clips.csv"
    listed.write_text("path,split,speaker\none/talk/a.mp4,train,x\ntwo/talk/a.mp4,train,y\n")
    names = [clip.name for clip in read_clip_list(listed)]
    assert len(set(names)) == 2
    assert all(name.startswith("talk-a-") for name in names)


def test_folders_without_prepared_clips_are_refused(prepared: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no prepared clips"):
        load_clips(tmp_path, "train")
    with pytest.raises(InputError, match="no clip of the split 'test'"):
        load_clips(prepared, "test")
    index = json.loads((prepared / "index.json").read_text())
    (tmp_path / "index.json").write_text(json.dumps({**index, "preparation": 0}))
    with pytest.raises(InputError, match="another version"):
        load_clips(tmp_path, "train")


def test_speakers_of_a_split_are_never_mixed(prepared: Path) -> None:
    assert {clip.speaker for clip in load_clips(prepared, "train")} == {"ada"}
    assert {clip.speaker for clip in load_clips(prepared, "val")} == {"ben"}


def test_the_sound_of_a_long_clip_counts_only_when_its_offset_is_known(prepared: Path) -> None:
    long, short = clip_named(prepared, "ada-long"), clip_named(prepared, "ada-short")
    assert (long.offset, short.offset) == (None, 0)
    (prepared / "offsets.json").write_text(json.dumps({"clips": {long.name: {"offset": 3}}}))
    try:
        known = clip_named(prepared, "ada-long")
    finally:
        (prepared / "offsets.json").unlink()
    assert known.offset == 3
    # Sound that comes three frames early is moved three frames later.
    np.testing.assert_array_equal(known.speech(10, 20), long.speech(7, 17))


def test_motion_batches(prepared: Path) -> None:
    source = MotionBatches(load_clips(prepared, "train"), window=48, frames=96)
    one, again, other = (source(np.random.default_rng(seed)) for seed in (1, 1, 2))
    for key, value in one.items():
        assert torch.equal(value, again[key])
    assert one["speech"].shape != other["speech"].shape or not torch.equal(one["speech"], other["speech"])
    for seed in range(10):
        batch = source(np.random.default_rng(seed))
        count, frames = batch["residual"].shape[:2]
        # The short clip as a whole, faster or slower than it was; or a window of the long one.
        assert frames == 48 or 24 <= frames <= 36
        assert batch["pose"].shape == (count, frames, 6)
        assert batch["identity"].shape == (count, 68, 3)
        assert batch["speech"].shape == (count, 2 * frames, 328)
        assert (batch["synchronised"] == (frames < 48)).all()  # the offset of the long clip is not known
        assert interocular_distance(batch["identity"].numpy()) == pytest.approx(1, abs=1e-3)


def test_small_batches_hold_at_least_one_window(prepared: Path) -> None:
    source = MotionBatches(load_clips(prepared, "train"), window=48, frames=10)
    assert all(len(source(np.random.default_rng(seed))["residual"]) == 1 for seed in range(6))


def test_a_mirrored_face_is_a_face() -> None:
    assert sorted(MIRRORED) == list(range(68))
    np.testing.assert_array_equal(MIRRORED[MIRRORED], np.arange(68))


def test_mirrored_motion_is_the_motion_of_a_mirror(landmarks: np.ndarray, talking: Talking, tmp_path: Path) -> None:
    moving = talking(landmarks, 24, sway=0.3)
    moving[10:14, [37, 38, 40, 41], 1] = moving[10:14, 36:37, 1]  # the right eye blinks
    features = np.zeros((48, 4), np.float16)
    clip = PreparedClip("a", "a", tmp_path, moving, aligning_matrix(moving), features, 0)
    flip = np.array([-1, 1, 1], np.float32)
    other = PreparedClip("b", "a", tmp_path, moving[:, MIRRORED] * flip, clip.matrices, features, 0)
    seen = set()
    for seed in range(8):
        plain = MotionBatches([clip], 96, 24, mirror=False)(np.random.default_rng(seed))
        mirror = MotionBatches([other], 96, 24, mirror=False)(np.random.default_rng(seed))
        either = MotionBatches([clip], 96, 24)(np.random.default_rng(seed))
        wanted = [torch.allclose(either["residual"], batch["residual"], atol=1e-5) for batch in (plain, mirror)]
        assert sum(wanted) == 1
        same = (plain, mirror)[wanted.index(True)]
        assert torch.allclose(either["pose"], same["pose"], atol=1e-4)
        assert torch.allclose(either["identity"], same["identity"], atol=1e-4)
        points = (either["residual"] + either["identity"][:, None]).numpy()[0]
        assert eye_opening(points)[11] < 0.8 * eye_opening(points)[5]
        assert mouth_opening(points)[5] > mouth_opening(points)[10] + 0.05
        seen.add(wanted.index(True))
    assert seen == {0, 1}


def test_block_batches_show_every_frame_as_it_is_or_mirrored(prepared: Path) -> None:
    clip = clip_named(prepared, "ada-short")
    source = BlockBatches([clip], blocks=8, frames=3)
    batch, again = (source(np.random.default_rng(4)) for _ in range(2))
    for key, value in batch.items():
        assert torch.equal(value, again[key]), key
    shapes = {key: (tuple(value.shape), value.dtype) for key, value in batch.items()}
    assert shapes == {
        "video": ((8, 3, 16, 128, 128), torch.uint8),
        "portrait": ((8, 3, 128, 128), torch.uint8),
        "frames": ((8, 3), torch.int64),
        "warped": ((8, 3, 3, 128, 128), torch.uint8),
        "landmark_map": ((8, 3, 3, 128, 128), torch.uint8),
        "visible": ((8, 1, 3, 128, 128), torch.uint8),
        "displacement": ((8, 2, 3, 128, 128), torch.int8),
        "loose": ((8, 1, 3, 32, 32), torch.float32),
        "shift": ((8, 2, 3, 32, 32), torch.float32),
    }
    faces = torch.from_numpy(np.array(clip.faces(slice(None)))).permute(3, 0, 1, 2)
    aligned = transform_points(clip.matrices, clip.landmarks)
    drawn = torch.from_numpy(draw_landmarks(aligned)).transpose(0, 1)
    visible = torch.from_numpy(lower_face_mask(aligned)).to(torch.uint8).transpose(0, 1)
    mirrored = []
    for index in range(8):
        item = {key: value[index] for key, value in batch.items()}
        starts = {
            (start, flipped): torch.equal(item["video"], view[:, start : start + 16])
            for start in range(len(clip) - 15)
            for flipped, view in ((False, faces), (True, faces.flip(-1)))
        }
        ((start, flipped),) = [place for place, equal in starts.items() if equal]
        mirrored.append(flipped)
        wanted = start + item["frames"]
        turn: Callable[[torch.Tensor], torch.Tensor] = (lambda x: x.flip(-1)) if flipped else (lambda x: x)
        assert torch.equal(item["landmark_map"], turn(drawn[:, wanted]))
        assert torch.equal(item["visible"], turn(visible[:, wanted]))
        assert any(torch.equal(item["portrait"], turn(face)) for face in faces.unbind(1))
        real = item["video"][:, item["frames"]].float()
        assert (item["warped"].float() - real).abs().mean() < 20
        displacement = item["displacement"].permute(1, 2, 3, 0) / STEPS_A_PIXEL
        again = sample(item["portrait"][None].float(), displacement).permute(1, 0, 2, 3)
        assert (again - item["warped"].float()).abs().mean() < 2, "mirrored too, the flow is the one of the warp"
    assert set(mirrored) == {True, False}


def swaying(rng: np.random.Generator) -> Batch:
    return {
        "pose": torch.from_numpy(rng.normal(size=(2, 32, 6)).astype(np.float32)),
        "closure": torch.from_numpy(rng.normal(size=(2, 32, 1)).astype(np.float32)),
        "speech": torch.from_numpy(rng.normal(size=(2, 64, 8)).astype(np.float32)),
    }


class PowerCutError(Exception):
    """Ends a run in the middle."""


def run(output: Path, source: Callable[[np.random.Generator], Batch], **changed: object) -> dict[str, float]:
    torch.manual_seed(0)
    head = HeadMotion(speech_dim=8, width=16, num_layers=1, heads=2, window=32, overlap=8)
    config = TrainingConfig(
        output=output, minutes=0, max_steps=4, workers=0, cpu=True, save_every=0, evaluation_batches=2, log_every=1
    )
    config = TrainingConfig(**{**vars(config), **changed})
    return fit(head, HeadObjective(head), source, swaying, config)


def weights_of(output: Path) -> dict[str, torch.Tensor]:
    return load_file(output / "model" / "diffusion_pytorch_model.safetensors")


def test_a_run_that_was_cut_off_ends_as_if_it_had_not_been(tmp_path: Path) -> None:
    asked = 0

    def until_the_third(rng: np.random.Generator) -> Batch:
        nonlocal asked
        asked += 1
        if asked == 3:
            raise PowerCutError
        return swaying(rng)

    with pytest.raises(PowerCutError):
        run(tmp_path / "cut", until_the_third)
    halfway = weights_of(tmp_path / "cut")
    resumed = run(tmp_path / "cut", swaying)
    straight = run(tmp_path / "straight", swaying)
    assert resumed == pytest.approx(straight)
    wanted = weights_of(tmp_path / "straight")
    for name, value in weights_of(tmp_path / "cut").items():
        torch.testing.assert_close(value, wanted[name], rtol=0, atol=1e-7)
    assert any(not torch.equal(halfway[name], value) for name, value in wanted.items())
    steps = [json.loads(line)["step"] for line in (tmp_path / "cut" / "metrics.jsonl").read_text().splitlines()]
    assert steps == [1, 2, 3, 4, 4]


def test_a_run_that_is_finished_stays_as_it_is(tmp_path: Path) -> None:
    run(tmp_path / "run", swaying)
    before = weights_of(tmp_path / "run")
    run(tmp_path / "run", swaying)
    for name, value in weights_of(tmp_path / "run").items():
        assert torch.equal(value, before[name])


@pytest.mark.slow
def test_training_learns_and_its_seed_repeats_it(tmp_path: Path) -> None:
    def constant(rng: np.random.Generator) -> Batch:
        batch = swaying(rng)
        batch["pose"] = torch.ones_like(batch["pose"])
        return batch

    options = {"max_steps": 60, "save_every": 5.0, "learning_rate": 3e-3, "ema_decay": 0.5, "log_every": 10}
    run(tmp_path / "a", constant, **options)
    run(tmp_path / "b", constant, **options)
    entries = [
        [json.loads(line) for line in (tmp_path / name / "metrics.jsonl").read_text().splitlines()] for name in "ab"
    ]
    losses = [[entry["loss"] for entry in log if "loss" in entry] for log in entries]
    assert losses[0] == losses[1]
    assert losses[0][-1] < 0.5 * losses[0][0]


def test_a_run_needs_a_budget(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="minutes or max_steps"):
        run(tmp_path, swaying, max_steps=0)


@pytest.fixture(scope="module")
def few_measurements() -> Iterator[None]:
    """One batch a validation, and two for statistics: what a run measures is tested, not how exactly."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train_run, "TrainingConfig", partial(TrainingConfig, evaluation_batches=1))
        patch.setattr(train_detail, "measure_statistics", partial(train_detail.measure_statistics, batches=2))
        patch.setattr(train_autoencoder, "measure_planes", partial(train_autoencoder.measure_planes, batches=2))
        yield


@pytest.fixture(scope="module")
def runs(prepared: Path, few_measurements: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three steps of every network."""
    folder = tmp_path_factory.mktemp("runs")
    for network, batch in (("atom", 96), ("head", 96), ("autoencoder", 1), ("flow", 1), ("mtov", 1), ("detail", 1)):
        options = ["--data", prepared, "--output", folder / network, "--batch", batch]
        budget = ["--max-steps", 3, "--minutes", 0, "--workers", 0, "--cpu"]
        others = [f"--{name}={folder / name / 'model'}" for name in ("autoencoder", "flow")]
        drawn_by = [others[1], f"--autoencoder={folder / 'mtov/autoencoder'}", f"--denoiser={folder / 'mtov/model'}"]
        more = {"mtov": others, "detail": drawn_by}.get(network, [])
        assert cli(["train", network, *map(str, [*options, *budget, *more])]) == 0
    return folder


@pytest.mark.parametrize("network", ["atom", "head", "autoencoder", "flow", "mtov", "detail"])
@pytest.mark.slow
def test_every_network_trains_and_says_how_well(runs: Path, network: str) -> None:
    folder = runs / network
    entries = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert entries[-1]["step"] == 3
    assert all(np.isfinite(value) for value in entries[-1]["validation"].values())
    described = json.loads((folder / "run.json").read_text())
    assert described["notes"]["network"] == network
    assert described["max_steps"] == 3
    assert all(value.isfinite().all() for value in weights_of(folder).values())


@pytest.mark.slow
def test_the_denoiser_can_learn_by_itself(runs: Path, prepared: Path, tmp_path: Path) -> None:
    given = {
        "autoencoder": runs / "autoencoder" / "model",
        "start": runs / "mtov" / "model",
        "output": tmp_path / "den",
    }
    options = [f"--{name}={value}" for name, value in given.items()]
    budget = ["--batch", "1", "--max-steps", "2", "--minutes", "0", "--workers", "0", "--cpu"]
    train = ["train", "mtov", "--data", str(prepared), *options, *budget]
    assert cli([*train, "--denoiser-only"]) == 0
    before, after = weights_of(runs / "mtov"), weights_of(tmp_path / "den")
    assert any((before[name] != after[name]).any() for name in before)
    assert not (tmp_path / "den" / "autoencoder").exists(), "the decoder learnt nothing, so there is none to take"
    assert cli([*train, "--denoiser-only", "--decoder-only"]) == 2


@pytest.mark.slow
def test_the_normalisation_is_measured_on_the_clips(runs: Path) -> None:
    atom, head, autoencoder = (weights_of(runs / name) for name in ("atom", "head", "autoencoder"))
    # Lips move, the bridge of the nose does not.
    assert atom["residual_std"][66, 1] > 2 * atom["residual_std"][28, 1]
    assert head["pose_std"][1] > 3 * head["pose_std"][5]  # the films' heads turn sideways
    assert (autoencoder["latent_std"] != 1).all()


@pytest.mark.slow
def test_assembled_networks_make_a_pipeline(
    runs: Path, portrait_file: Path, brief_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli(["assemble", "--runs", str(runs), "-o", str(tmp_path / "preset")]) == 0
    assert "MB of weights" in capsys.readouterr().out
    history = json.loads((tmp_path / "preset" / "training.json").read_text())
    assert set(history) == {"atom", "head", "autoencoder", "denoiser", "flow", "detail"}
    assert history["atom"]["last"]["step"] == 3
    loaded = MoDiTalkerPipeline.from_pretrained(tmp_path / "preset")
    trained = weights_of(runs / "atom")["residual_std"]
    torch.testing.assert_close(loaded.atom.residual_std.float(), trained, rtol=1e-3, atol=1e-4)
    paths = [portrait_file, brief_file, "-o", tmp_path / "talk.mp4", "--preset", tmp_path / "preset"]
    options = ["--atom-steps", 1, "--mtov-steps", 0, "--crop", "face"]
    assert cli(["animate", *map(str, [*paths, *options])]) == 0
    assert json.loads((tmp_path / "talk.json").read_text())["preset"] == "preset"


@pytest.mark.slow
def test_a_preset_is_taken_apart_into_runs_that_make_it_again(runs: Path, tmp_path: Path) -> None:
    assert cli(["assemble", "--runs", str(runs), "-o", str(tmp_path / "preset")]) == 0
    disassemble(tmp_path / "preset", tmp_path / "runs")
    again = weights_of(tmp_path / "runs" / "atom")
    for name, value in weights_of(runs / "atom").items():
        torch.testing.assert_close(again[name], value, rtol=1e-3, atol=1e-4)
    assert cli(["assemble", "--runs", str(tmp_path / "runs"), "-o", str(tmp_path / "again")]) == 0
    for file in (tmp_path / "preset").rglob("*"):
        if file.is_file():
            assert (tmp_path / "again" / file.relative_to(tmp_path / "preset")).read_bytes() == file.read_bytes(), file
    # The decoder that learnt on beside the denoiser is there to be averaged with.
    average_runs(runs / "mtov", tmp_path / "runs" / "mtov", tmp_path / "between", 0.5)
    with pytest.raises(InputError, match="is there already"):
        disassemble(tmp_path / "preset", tmp_path / "runs")
    with pytest.raises(InputError, match="lacks training"):
        disassemble(tmp_path, tmp_path / "elsewhere")


def test_what_is_missing_for_training_is_said(
    prepared: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for arguments, reason in (
        (["train", "atom", "--data", str(tmp_path)], "holds no prepared clips"),
        (["train", "mtov", "--data", str(prepared), "--autoencoder", str(tmp_path)], "run 'train autoencoder' first"),
        (["train", "detail", "--data", str(prepared), "--autoencoder", str(tmp_path)], "run 'train autoencoder' first"),
        (["assemble", "--runs", str(tmp_path), "-o", str(tmp_path / "preset")], "run 'train atom"),
    ):
        assert cli([*arguments]) == 2
        assert reason in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_another_light_or_lens_is_the_same_for_all_pictures_of_a_face() -> None:
    rng = np.random.default_rng(3)
    face = cv2.GaussianBlur(rng.integers(0, 256, (32, 32, 3)).astype(np.uint8), (0, 0), 1.5)
    video = np.repeat(face[None], 4, 0)
    greys, sharper = 0, set()
    for seed in range(40):
        lit = recolouring(np.random.default_rng(seed))
        changed = lit(video)
        assert changed.shape == video.shape
        assert changed.dtype == np.uint8
        assert np.array_equal(changed[2], lit(face[None])[0])
        apart = changed[0].astype(float).std(-1).mean()
        greys += bool(apart < 1)
        assert apart < 1 or (changed[0] != face).any()
        focused = resharpening(np.random.default_rng(seed))(video)
        assert np.array_equal(focused[0], focused[3])
        sharper.add(bool(focused[0].astype(float).std() > face.astype(float).std()))
    assert 2 <= greys <= 10
    assert sharper == {True, False}


def test_a_face_of_other_proportions_has_its_landmarks_where_it_is() -> None:
    moved = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        points = rng.uniform(40, 90, (1, 3, 2))
        picture = np.zeros((1, 128, 128, 3), np.uint8)
        for channel, (x, y) in enumerate(points[0].round().astype(int)):
            picture[0, y - 3 : y + 4, x - 3 : x + 4, channel] = 255
        change = reshaping(rng, 128)
        seen = reshaped(picture, change)[0].astype(float)
        matrices = np.array([[[2, 0, -10], [0, 2, 5]]], np.float32)
        placed = transform_points(followed(matrices, change), (points.round() - [-10, 5]) / 2)[0]
        for channel, (x, y) in enumerate(placed):
            mass = seen[..., channel]
            rows, columns = np.mgrid[:128, :128]
            assert abs((mass * columns).sum() / mass.sum() - x) < 0.5
            assert abs((mass * rows).sum() / mass.sum() - y) < 0.5
        moved.append(np.abs(placed - points[0]).max())
    assert 2 < np.median(moved) < 12


def test_a_face_of_other_features_has_its_landmarks_where_it_is() -> None:
    moved = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        points = rng.uniform(40, 90, (3, 2)).round()
        picture = np.zeros((1, 128, 128, 3), np.uint8)
        for channel, (x, y) in enumerate(points.astype(int)):
            picture[0, y - 3 : y + 4, x - 3 : x + 4, channel] = 255
        offsets = bending(rng, 128)
        seen = bent(picture, offsets)[0].astype(float)
        placed = bent_points(points, offsets)
        for channel, (x, y) in enumerate(placed):
            mass = seen[..., channel]
            rows, columns = np.mgrid[:128, :128]
            assert abs((mass * columns).sum() / mass.sum() - x) < 0.5
            assert abs((mass * rows).sum() / mass.sum() - y) < 0.5
        moved.extend(placed - points)
    moved = np.array(moved)
    assert 0.5 < np.abs(moved).mean() < 3
    assert np.abs(moved.mean(0)).max() < 0.5, "it pulls to no side"


def test_a_face_under_other_lamps_is_brighter_here_and_darker_there() -> None:
    video = np.full((2, 64, 64, 3), 100, np.uint8)
    lit = relighting(np.random.default_rng(0), 64)(video)
    assert np.array_equal(lit[0], lit[1])
    assert 5 < lit[0].std() < 40
    assert lit.min() < 95
    assert lit.max() > 105


def _middle(pictures: torch.Tensor) -> torch.Tensor:
    """(..., H, W) -> (..., 2): where the brightness lies on average, row and column."""
    share = pictures.float() / pictures.float().sum((-2, -1), keepdim=True)
    place = torch.arange(pictures.shape[-1])
    return torch.stack([(share.sum(-1) * place).sum(-1), (share.sum(-2) * place).sum(-1)], -1)


def test_varied_batches_stay_what_a_portrait_could_be_warped_to(prepared: Path) -> None:
    source = BlockBatches([clip_named(prepared, "ada-short")], blocks=8, frames=3, vary=True)
    plain = BlockBatches([clip_named(prepared, "ada-short")], blocks=8, frames=3)
    batch, unchanged = source(np.random.default_rng(4)), plain(np.random.default_rng(4))
    for item in range(8):
        real = batch["video"][item][:, batch["frames"][item]].float()
        assert (batch["warped"][item].float() - real).abs().mean() < 25
    lips, before = (_middle(source["landmark_map"][:, 2]) for source in (batch, unchanged))
    assert (lips - before).abs().max() > 1, "landmarks follow the features"


def test_a_decoder_that_was_told_less_goes_on_where_it_was(tmp_path: Path) -> None:
    torch.manual_seed(0)
    before = TriplaneAutoencoder()
    nn.init.normal_(before.decoder.out.weight, std=0.01)
    known = before.decoder.stem.weight.data[:, : 6 * 16].clone(memory_format=torch.contiguous_format)
    before.save_pretrained(tmp_path)
    state = load_file(tmp_path / "diffusion_pytorch_model.safetensors")
    save_file({**state, "decoder.stem.weight": known}, tmp_path / "diffusion_pytorch_model.safetensors")
    widened = load_widened(tmp_path).eval()
    for name, value in before.state_dict().items():
        if name != "decoder.stem.weight":
            assert torch.equal(widened.state_dict()[name], value), name
    assert torch.equal(widened.decoder.stem.weight[:, : 6 * 16], known)
    warped, told = torch.rand(1, 3, 2, 64, 64), torch.rand(1, GUIDES, 2, 64, 64)
    other = torch.cat([told[:, :3], torch.rand_like(told[:, 3:])], 1)
    with torch.inference_mode():
        shown = widened.decode(None, warped, told)
        assert torch.equal(shown, widened.decode(None, warped, other)), "what is new has no say yet"
    assert not torch.equal(shown, warped)
    widened.train()
    widened.decode(None, warped, told).square().mean().backward()
    gradient = widened.decoder.stem.weight.grad
    assert gradient is not None
    assert gradient[:, 6 * 16 :].abs().max() > 0
