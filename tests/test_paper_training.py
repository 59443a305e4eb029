"""Training of the paper preset: shards, the order of batches, several processes, the four networks, recipes."""

import json
import shutil
import signal
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import webdataset
from conftest import Talking
from paper_processes import launch
from paper_states import TINY
from safetensors.torch import load_file

from moditalker.cli.main import main as cli
from moditalker.face.geometry import FaceFrame, aligning_matrix
from moditalker.face.layout import mouth_opening
from moditalker.paper.atom import PaperAudioToMotion
from moditalker.paper.denoiser import PaperMotionToVideo
from moditalker.paper.identity import frontal_face
from moditalker.training.data.clip_lists import write_clip_list
from moditalker.training.data.paper_clips import ConditionedBlocks, MotionWindows, VideoBlocks, WindowBatches
from moditalker.training.data.paper_shards import Shards, write_shards
from moditalker.training.data.prepare import PREPARATION
from moditalker.training.data.speech_files import speech_file
from moditalker.training.loop import TrainingConfig, _learning_rate_factor
from moditalker.training.objectives.train_paper import NETWORKS, read_recipe
from moditalker.utils.errors import InputError
from moditalker.video.write import VideoWriter

LENGTHS = {"ada.one": 40, "ada.two": 33, "eve": 20, "ben": 24}
SIZE, DIM = 32, 24


@pytest.fixture(scope="module")
def data(
    small_picture: np.ndarray, landmarks: np.ndarray, talking: Talking, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """What ``prepare`` leaves of four clips: three to train on, one to validate; one has no known offset."""
    folder = tmp_path_factory.mktemp("prepared")
    rng = np.random.default_rng(0)
    rows = []
    for name, frames in LENGTHS.items():
        moving = talking(landmarks / 2, frames, sway=0.1)
        place = folder / "clips" / name
        place.mkdir(parents=True)
        np.savez(place / "motion.npz", landmarks=moving, matrices=aligning_matrix(moving), preparation=PREPARATION)
        features = rng.normal(size=(2 * frames, DIM)).astype(np.float16)
        np.savez(speech_file(place, "hub:tiny"), features=features, speeds=np.zeros(0, np.float32))
        with VideoWriter(folder / f"{name}.mp4", (256, 256), 25.0, None) as writer:
            for index in range(frames):
                frame = small_picture.copy()
                frame[:8, : 6 * index] = 255  # tells frames apart
                writer.write(frame)
        split = "val" if name == "ben" else "train"
        rows.append({"path": f"{name}.mp4", "name": name, "split": split, "speaker": name[:3], "frames": frames})
    index = {"preparation": PREPARATION, "encoder": "hub:tiny", "tracker": "mediapipe", "fps": 25, "clips": rows}
    (folder / "index.json").write_text(json.dumps({**index, "source": str(folder)}))
    offsets = {"ada.one": {"offset": 2}, "eve": {"offset": None}}
    (folder / "offsets.json").write_text(json.dumps({"clips": offsets}))
    return folder


@pytest.fixture(scope="module")
def shards(data: Path) -> Path:
    folder = data / "shards"
    options = ["--size", str(SIZE), "--per-shard", "2", "--workers", "1"]
    assert cli(["shards", "--data", str(data), "-o", str(folder), *options]) == 0
    return folder


def test_shards_are_webdatasets_and_an_index_finds_everything_in_them(
    shards: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert sorted(path.name for path in shards.glob("*.tar")) == ["train-00000.tar", "train-00001.tar", "val-00000.tar"]
    samples = list(webdataset.WebDataset(str(shards / "train-00000.tar"), shardshuffle=False))
    assert [sample["__key__"] for sample in samples] == ["ada_one", "ada_two"]
    assert {"motion.npz", "00000.jpg", "00039.jpg"} <= set(samples[0])
    split = Shards(shards, "train")
    assert (split.size, split.encoder) == (SIZE, "hub:tiny")
    assert [(clip.name, clip.speaker, clip.frames) for clip in split.clips] == [
        ("ada_one", "ada", 40), ("ada_two", "ada", 33), ("eve", "eve", 20),
    ]  # fmt: skip
    one, _, eve = split.clips
    frames = split.frames(one, np.array([0, 5, 39]))
    assert frames.shape == (3, SIZE, SIZE, 3)
    with tarfile.open(shards / one.shard) as tar:
        assert tar.extractfile("ada_one.00005.jpg").read() == split._bytes(one, 6)  # type: ignore[union-attr]
    motion = split.motion(one)
    assert motion.landmarks.shape == (40, 68, 3)
    # In the square, eyes are where a face has them, and the mouth moves as it did.
    assert (motion.landmarks[:, 36:48, :2] > 4).all()
    assert (motion.landmarks[:, 36:48, :2] < SIZE - 4).all()
    with np.load(data / "clips" / "ada.one" / "motion.npz") as stored:
        np.testing.assert_allclose(mouth_opening(motion.landmarks), mouth_opening(stored["landmarks"]), atol=1e-4)
    # The sound came two frames early, so that much of it is moved.
    with np.load(speech_file(data / "clips" / "ada.one", "hub:tiny")) as stored:
        np.testing.assert_array_equal(motion.features[4:], stored["features"][:-4])
    assert motion.synchronised
    assert not split.motion(eve).synchronised


def test_shards_are_made_once_and_not_mixed(shards: Path, data: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in shards.glob("*.tar")}
    missing = shards / "train-00001.tar"
    split = Shards(shards, "train")
    frames = split.frames(split.clips[2], np.arange(20))
    missing.unlink()
    assert write_shards(data, shards, size=SIZE, per_shard=2) == (4, 3)
    split = Shards(shards, "train")
    np.testing.assert_array_equal(split.frames(split.clips[2], np.arange(20)), frames)
    assert all(path.stat().st_mtime_ns == stamp for path, stamp in before.items() if path != missing)
    with pytest.raises(InputError, match="made otherwise"):
        write_shards(data, shards, size=64, per_shard=2)
    with pytest.raises(InputError, match="holds no shards"):
        Shards(data, "train")
    with pytest.raises(InputError, match="no clip of the split 'test'"):
        Shards(shards, "test")


def test_any_number_of_processes_sees_the_same_batches(shards: Path) -> None:
    split = Shards(shards, "train")
    source = WindowBatches(split.clips, 9, 6, MotionWindows(split, 9, 4.0, 0.25))
    for index in (0, 1, 7):
        whole = source.part(3, index, 0, 1)
        for processes in (2, 3):
            parts = [source.part(3, index, process, processes) for process in range(processes)]
            for key, value in whole.items():
                assert torch.equal(torch.cat([part[key] for part in parts]), value)
    assert not torch.equal(source.part(3, 0, 0, 1)["noise"], source.part(4, 0, 0, 1)["noise"])
    with pytest.raises(ValueError, match="cannot be shared by 4 processes"):
        source.part(3, 0, 0, 4)


def test_an_epoch_passes_over_every_window(shards: Path) -> None:
    split = Shards(shards, "train")
    seen: list[str] = []

    def make(clip: Any, first: int, rng: np.random.Generator) -> dict[str, torch.Tensor]:
        assert 0 <= first <= clip.frames - 10
        seen.append(clip.name)
        return {"x": torch.from_numpy(rng.normal(size=1))}

    source = WindowBatches(split.clips, 10, 3, make)
    assert len(source.windows) == 4 + 3 + 2
    drawn = [source.part(0, index, 0, 1)["x"] for index in range(6)]
    for epoch in (seen[:9], seen[9:]):
        assert sorted(epoch) == ["ada_one"] * 4 + ["ada_two"] * 3 + ["eve"] * 2
    assert seen[:9] != seen[9:]
    assert len(torch.cat(drawn).unique()) == 18
    with pytest.raises(ValueError, match="no clip has 99 frames"):
        WindowBatches(split.clips, 99, 3, make)


def test_motion_samples(shards: Path) -> None:
    split = Shards(shards, "train")
    make = MotionWindows(split, 12, 4.0, 0.0)
    item = make(split.clips[0], 3, np.random.default_rng(0))
    motion = split.motion(split.clips[0])
    points = (item["residual"] + item["identity"]).reshape(12, 68, 3).numpy() / 4.0
    np.testing.assert_allclose(mouth_opening(points), mouth_opening(motion.landmarks[3:15]), atol=1e-3)
    np.testing.assert_array_equal(item["speech"], motion.features[6:30].astype(np.float32))
    assert item["keep"]
    assert not make(split.clips[2], 0, np.random.default_rng(0))["keep"]  # nobody knows when it was said
    assert not MotionWindows(split, 12, 4.0, 1.0)(split.clips[0], 0, np.random.default_rng(0))["keep"]


def test_video_samples(shards: Path) -> None:
    split = Shards(shards, "train")
    clip = split.clips[0]
    real = torch.from_numpy(split.frames(clip, np.arange(5, 21))).permute(3, 0, 1, 2)
    for seed in range(4):
        video = VideoBlocks(split, 16)(clip, 5, np.random.default_rng(seed))["video"]
        assert torch.equal(video, real) or torch.equal(video, real.flip(-1))
    drawn = VideoBlocks(split, 16, drawn="ours")(clip, 5, np.random.default_rng(0))["video"]
    assert drawn.shape == real.shape
    assert (drawn == 0).float().mean() > 0.5
    kinds = {}
    for seed in range(12):
        item = ConditionedBlocks(split, 16, (4, 96), warped=0.5)(clip, 5, np.random.default_rng(seed))
        assert torch.equal(item["video"], real) or torch.equal(item["video"], real.flip(-1))
        kinds[torch.equal(item["pose"], item["video"])] = item
        mouth = item["drawn"][2] > 0
        assert mouth.any()
        # What is drawn of the mouth lies in what may not be seen.
        assert not item["visible"][0][mouth].any()
    assert set(kinds) == {True, False}
    assert (kinds[False]["pose"].float() - kinds[False]["video"].float()).abs().mean() < 25
    before = split.frames(clip, np.array([4]))[0]
    item = ConditionedBlocks(split, 16, (4, 96), following=1.0)(clip, 5, np.random.default_rng(0))
    shown = item["portrait"].permute(1, 2, 0).numpy()
    assert (shown == before).all() or (shown == before[:, ::-1]).all()


def test_released_samples(shards: Path) -> None:
    split = Shards(shards, "train")
    clip = split.clips[0]
    made = {
        inputs: MotionWindows(split, 12, 1.0, 0.0, inputs)(clip, 3, np.random.default_rng(0))
        for inputs in ("ours", "released")
    }
    identity = made["ours"]["identity"].reshape(68, 3).numpy()
    frontal = frontal_face(identity)
    np.testing.assert_allclose(made["released"]["identity"].reshape(68, 3), frontal.identity, atol=1e-6)
    back = frontal.into_portrait(made["released"]["residual"].reshape(12, 68, 3).numpy())
    np.testing.assert_allclose(back, made["ours"]["residual"].reshape(12, 68, 3), atol=1e-5)
    lip = made["released"]["residual"].reshape(12, 68, 3)[:, 57, 1]
    assert 0.5 < lip.max() - lip.min() < 1.5  # the mouth opens by a centimetre
    drawn = VideoBlocks(split, 16, drawn="released")(clip, 5, np.random.default_rng(0))["video"]
    assert set(drawn.unique().tolist()) == {0, 255}
    assert torch.equal(drawn[0], drawn[2])
    item = ConditionedBlocks(split, 16, (4, 96), inputs="released")(clip, 5, np.random.default_rng(0))
    assert torch.equal(item["drawn"][0], item["drawn"][2])
    assert torch.equal(item["visible"].all(-1), item["visible"].any(-1))  # whole rows are hidden


def recipe(folder: Path, network: str, **training: object) -> Path:
    sizes: dict[str, Any] = {
        "atom": {key: value for key, value in TINY["atom"].items() if key != "speech_dim"} | {"dropout": 0.0},
        "autoencoder-rgb": {key: value for key, value in TINY["autoencoder"].items() if key != "size"},
        "mtov": {key: value for key, value in TINY["mtov"].items() if key != "side"},
    }
    sizes["autoencoder-motion"] = sizes["autoencoder-rgb"]
    settings = {
        "batch": 4, "max_steps": 3, "minutes": 0, "learning_rate": 1e-3, "warmup": 5, "schedule": "constant",
        "mixed_precision": "no", "log_every": 1, "workers": 0, "evaluation_batches": 1,
    }  # fmt: skip
    path = folder / f"{network}-{len(list(folder.glob('*.json')))}.json"
    objective = {"perceptual_weight": 0.0} if network.startswith("autoencoder") else {}
    content = {"network": sizes[network], "training": {**settings, **training}, "objective": objective}
    path.write_text(json.dumps(content))
    return path


def entries(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def weights(run: Path) -> dict[str, torch.Tensor]:
    return load_file(run / "model" / "diffusion_pytorch_model.safetensors")


@pytest.fixture(scope="module")
def trained(shards: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three steps of each network."""
    folder = tmp_path_factory.mktemp("runs")
    for network in NETWORKS:
        options = ["--preset", "paper", "--config", recipe(folder, network), "--data", shards, "--cpu"]
        if network == "mtov":
            options += ["--autoencoder", folder / "autoencoder-rgb" / "model"]
            options += ["--landmark-autoencoder", folder / "autoencoder-motion" / "model"]
        assert cli(["train", network, *map(str, options), "--output", str(folder / network)]) == 0
    return folder


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.slow
def test_every_network_trains(trained: Path, network: str) -> None:
    log = entries(trained / network)
    assert [entry["step"] for entry in log] == [1, 2, 3, 3]
    assert all(np.isfinite(value) for value in log[-1]["validation"].values())
    described = json.loads((trained / network / "run.json").read_text())
    assert described["notes"] == {"network": network, "data": "shards", "preset": "paper", "batch": 4}
    assert described["learning_rate"] == 1e-3
    assert not [name for name in weights(trained / network) if name.startswith("unread")]


@pytest.mark.slow
def test_trained_networks_make_a_preset(trained: Path, tmp_path: Path) -> None:
    assert cli(["assemble", "--preset", "paper", "--runs", str(trained), "-o", str(tmp_path / "preset")]) == 0
    atom = PaperAudioToMotion.from_pretrained(tmp_path / "preset" / "atom")
    assert (atom.config["speech_encoder"], atom.config["speech_dim"]) == ("hub:tiny", DIM)
    assert PaperMotionToVideo.from_pretrained(tmp_path / "preset" / "denoiser").config["side"] == 4


@pytest.mark.slow
def test_options_go_before_the_recipe_and_a_start_is_gone_on_from(shards: Path, trained: Path, tmp_path: Path) -> None:
    whole = PaperAudioToMotion(**{**TINY["atom"], "dropout": 0.0}, speech_encoder="hub:tiny", motion_scale=2.0)
    whole.save_pretrained(tmp_path / "converted")
    options = ["--preset", "paper", "--config", str(recipe(tmp_path, "atom")), "--data", str(shards), "--cpu"]
    options += ["--max-steps", "1", "--learning-rate", "0", "--batch", "2", "--start", str(tmp_path / "converted")]
    assert cli(["train", "atom", *options, "--output", str(tmp_path / "run")]) == 0
    assert [entry["step"] for entry in entries(tmp_path / "run")] == [1, 1]
    got, wanted = weights(tmp_path / "run"), whole.state_dict()
    assert all(torch.equal(value, wanted[name]) for name, value in got.items())
    assert set(wanted) - set(got) == {name for name in wanted if name.startswith("unread.")}


@pytest.mark.slow
def test_what_does_not_fit_is_said(
    shards: Path, trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def refused(network: str, *options: object, config: Path | None = None) -> str:
        chosen = ["--preset", "paper", "--config", config or recipe(tmp_path, network), "--data", shards, "--cpu"]
        assert cli(["train", network, *map(str, [*chosen, "--output", tmp_path / "run", *options])]) == 2
        assert not (tmp_path / "run").exists()
        return capsys.readouterr().err

    assert "train autoencoder-rgb and autoencoder-motion first" in refused("mtov", "--autoencoder", tmp_path)
    wrong = tmp_path / "wrong.json"
    wrong.write_text('{"training": {"epochs": 3}}')
    assert "training knows no epochs" in refused("atom", config=wrong)
    wrong.write_text("{")
    assert "cannot be read as JSON" in refused("atom", config=wrong)
    wrong.write_text('{"network": {"window": 156}}')
    assert "no clip has 156 frames; train atom on longer clips" in refused("atom", config=wrong)
    wrong.write_text('{"network": {"speech_encoder": "hubert"}}')
    assert "shall hear hubert and the shards hold hub:tiny" in refused("atom", config=wrong)
    assert "There is no network in" in refused("atom", "--start", tmp_path)
    wrong.write_text('{"network": {"size": 64}}')
    assert "takes frames of 64 pixels and the shards hold 32" in refused("autoencoder-rgb", config=wrong)
    wrong.write_text('{"network": {"inputs": "theirs"}}')
    assert "inputs must be 'released' or 'ours', got 'theirs'" in refused("autoencoder-motion", config=wrong)
    wrong.write_text(
        json.dumps({"network": {**{k: v for k, v in TINY["mtov"].items() if k != "side"}, "inputs": "released"}})
    )
    both = ["--autoencoder", trained / "autoencoder-rgb" / "model"]
    both += ["--landmark-autoencoder", trained / "autoencoder-motion" / "model"]
    error = refused("mtov", *both, config=wrong)
    assert "MToV shall see released inputs and its autoencoder of landmarks was trained on ours" in error
    assert cli(["train", "head", "--preset", "paper", "--data", str(shards)]) == 2
    assert "The paper preset trains atom" in capsys.readouterr().err
    assert cli(["train", "autoencoder-rgb", "--data", str(shards)]) == 2
    assert "add '--preset paper'" in capsys.readouterr().err


@pytest.mark.parametrize("network", NETWORKS)
def test_published_recipes_are_whole(network: str) -> None:
    published = read_recipe(network)
    TrainingConfig(output=Path("run"), **{k: v for k, v in published.training.items() if k != "batch"})
    kind = {"atom": PaperAudioToMotion, "mtov": PaperMotionToVideo}.get(network)
    with torch.device("meta"):
        if kind is not None:
            kind(**published.network)
    assert published.training["batch"] >= 8


def test_learning_rates() -> None:
    held = TrainingConfig(output=Path("run"), warmup=10, schedule="constant")
    assert [round(_learning_rate_factor(step, step / 100, held), 3) for step in (0, 4, 9, 99)] == [0.1, 0.5, 1, 1]
    falling = TrainingConfig(output=Path("run"), warmup=0)
    assert [round(_learning_rate_factor(0, spent, falling), 3) for spent in (0, 0.5, 1)] == [1, 0.505, 0.01]


STEPS = 30
"""Of the runs that are compared."""


@pytest.mark.slow
def test_two_processes_train_as_one_does_and_survive_a_kill(shards: Path, tmp_path: Path) -> None:
    saved, rare = recipe(tmp_path, "atom", max_steps=STEPS, save_every=0), recipe(tmp_path, "atom", max_steps=STEPS)

    def arguments(config: Path, run: str) -> list[object]:
        options = ["train", "atom", "--preset", "paper", "--config", config, "--data", shards, "--cpu"]
        return [*options, "--output", tmp_path / run]

    assert cli([str(argument) for argument in arguments(rare, "one")]) == 0
    assert launch(*arguments(rare, "two")) == [0, 0]
    one, two = (entries(tmp_path / run) for run in ("one", "two"))
    assert json.loads((tmp_path / "two" / "run.json").read_text())["processes"] == 2
    assert [entry["step"] for entry in two] == [*range(1, STEPS + 1), STEPS]
    for alone, shared in zip(one[:-1], two[:-1], strict=True):
        assert shared["loss"] == pytest.approx(alone["loss"], abs=1e-3)
    assert two[-1]["validation"] == pytest.approx(one[-1]["validation"], abs=1e-3)
    assert one[STEPS - 1]["loss"] < 0.9 * one[0]["loss"]

    survivor, killed = launch(*arguments(saved, "cut"), last_batch=12)
    assert killed == -signal.SIGKILL
    assert survivor != 0
    assert entries(tmp_path / "cut")[-1]["step"] == 12
    before = weights(tmp_path / "cut")
    shutil.copytree(tmp_path / "cut" / "checkpoint", tmp_path / "kept")
    assert launch(*arguments(rare, "cut")) == [0, 0]
    wanted = weights(tmp_path / "two")
    assert any(not torch.equal(before[name], value) for name, value in wanted.items())
    for name, value in weights(tmp_path / "cut").items():
        torch.testing.assert_close(value, wanted[name], rtol=0, atol=1e-6)
    # Killed between taking the old checkpoint away and putting the new one there.
    shutil.rmtree(tmp_path / "cut" / "checkpoint")
    (tmp_path / "kept").rename(tmp_path / "cut" / "checkpoint.new")
    options = [str(argument) for argument in arguments(rare, "cut")]
    assert cli([*options, "--max-steps", "13"]) == 0
    assert entries(tmp_path / "cut")[-1]["step"] == 13


def test_lists_of_clips_from_folders(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    hdtf = tmp_path / "hdtf"
    for name in ("WDA_KatieHill_000", "WDA_KatieHill_001", "RD_Radio1_000", "RD_Radio34_002"):
        (hdtf / "part").mkdir(parents=True, exist_ok=True)
        (hdtf / "part" / f"{name}.mp4").touch()
    assert cli(["clips", "hdtf", str(hdtf), "-o", str(tmp_path / "hdtf.csv")]) == 0
    assert "clips for train" in capsys.readouterr().out
    rows = [line.split(",") for line in (tmp_path / "hdtf.csv").read_text().splitlines()[1:]]
    assert {row[2] for row in rows} == {"WDA_KatieHill", "RD_Radio1", "RD_Radio34"}
    assert all((tmp_path / row[0]).is_file() for row in rows)
    splits = {split: {row[2] for row in rows if row[1] == split} for split in ("train", "val")}
    assert splits["train"]
    assert splits["val"]
    assert not splits["train"] & splits["val"]

    lrs3 = tmp_path / "lrs3"
    for name in ("pretrain/ann/00001", "trainval/bob/00001", "test/cid/50001", "trainval/cid/00002", "elsewhere/00003"):
        (lrs3 / name).parent.mkdir(parents=True, exist_ok=True)
        (lrs3 / f"{name}.mp4").touch()
    assert write_clip_list("lrs3", lrs3, tmp_path / "lrs3.csv") == {"train": 2, "val": 1}
    with pytest.raises(InputError, match="no videos laid out like lrs3"):
        write_clip_list("lrs3", hdtf, tmp_path / "x.csv")
    with pytest.raises(InputError, match="training needs both train and val"):
        write_clip_list("hdtf", lrs3 / "test", tmp_path / "x.csv")
    assert not (tmp_path / "x.csv").exists()


def test_a_square_keeps_the_face_of_every_frame(shards: Path) -> None:
    split = Shards(shards, "val")
    motion = split.motion(split.clips[0])
    frame = FaceFrame(motion.landmarks[0])
    assert SIZE / 4.3 < frame.unit < SIZE / 2.5
    assert (motion.landmarks[..., :2].mean((0, 1)) > SIZE / 4).all()
