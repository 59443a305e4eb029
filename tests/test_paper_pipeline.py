"""The paper preset from picture and sound to frames, with tiny random networks."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import Talking, wake
from paper_states import TINY
from transformers import HubertConfig, HubertModel, Wav2Vec2FeatureExtractor

from moditalker.atom.head import HeadMotion
from moditalker.audio.features import make_speech_encoder
from moditalker.cli.main import main as cli
from moditalker.face.layout import STABLE, interocular_distance
from moditalker.face.tracker import MediaPipeTracker
from moditalker.loading import default_weights, load_pipeline
from moditalker.mtov.block_sampling import EncodedFace
from moditalker.paper.atom import PaperAudioToMotion
from moditalker.paper.autoencoder import PaperAutoencoder
from moditalker.paper.bench import bench_paper
from moditalker.paper.denoiser import PaperMotionToVideo
from moditalker.paper.driving_video import DrivingVideo
from moditalker.paper.head_square import (
    Paster,
    crop_matrix,
    drawn_frames,
    hide,
    into_crop,
    visible_frames,
    warped_frames,
)
from moditalker.paper.paper_pipeline import PaperPipeline
from moditalker.paper.paper_sampling import BlockChain, sample_motion
from moditalker.paper.schedule import paper_atom_scheduler, paper_mtov_scheduler
from moditalker.utils.errors import InputError
from moditalker.video.write import VideoWriter

SIZE = 32
FEW = {"atom_steps": 2, "mtov_steps": 2}


@pytest.fixture(scope="module")
def hubert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A local folder with a tiny random HuBERT."""
    folder = tmp_path_factory.mktemp("hubert")
    torch.manual_seed(0)
    config = HubertConfig(
        hidden_size=24, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32, conv_dim=(8,) * 7,
        num_conv_pos_embeddings=8, num_conv_pos_embedding_groups=2, do_stable_layer_norm=True,
        feat_extract_norm="layer", conv_bias=True,
    )  # fmt: skip
    HubertModel(config).save_pretrained(folder)
    Wav2Vec2FeatureExtractor(do_normalize=True, return_attention_mask=True).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def runs(hubert: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The four networks as ``convert`` leaves them."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("runs")
    networks = {
        "atom": PaperAudioToMotion(**{**TINY["atom"], "window": 30, "overlap": 6}, speech_encoder=f"hub:{hubert}"),
        "autoencoder-rgb": PaperAutoencoder(**TINY["autoencoder"]),
        "autoencoder-motion": PaperAutoencoder(**TINY["autoencoder"]),
        "mtov": PaperMotionToVideo(**{**TINY["mtov"], "side": 4}, keep_unread=False),
    }
    with torch.no_grad():
        networks["atom"].out.weight.mul_(0.05)  # a face must stay one
    for name, network in networks.items():
        wake(network)
        network.save_pretrained(folder / name)
    return folder


@pytest.fixture(scope="module")
def preset(runs: Path) -> Path:
    assert cli(["assemble", "--preset", "paper", "--runs", str(runs), "-o", str(runs / "preset")]) == 0
    return runs / "preset"


@pytest.fixture(scope="module")
def paper(preset: Path) -> PaperPipeline:
    loaded = load_pipeline(preset)
    assert isinstance(loaded, PaperPipeline)
    return loaded


@pytest.fixture(scope="module")
def nodding(astronaut: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten frames in which the head goes down by a quarter of the eyes' distance."""
    path = tmp_path_factory.mktemp("video") / "nodding.mp4"
    with VideoWriter(path, (512, 512), 25.0, None) as writer:
        for index in range(10):
            writer.write(np.roll(astronaut, round(1.5 * index), 0))
    return path


@pytest.mark.slow
def test_a_portrait_and_speech_give_a_video(
    paper: PaperPipeline, small_picture: np.ndarray, speech: np.ndarray
) -> None:
    second = speech[8000:24_000]
    result = paper(small_picture, second, seed=1, **FEW)
    assert result.frames.shape == (25, 256, 256, 3)
    assert result.landmarks.shape == (25, 68, 3)
    portrait = paper.encode_portrait(small_picture)
    again = paper(portrait, second, seed=1, **FEW)
    np.testing.assert_array_equal(again.frames, result.frames)
    other = paper(portrait, second, seed=2, **FEW)
    assert (other.frames != result.frames).any()
    # Outside of the square nothing changes, and without a network for it the head stands still.
    matrix = crop_matrix(portrait.frame.landmarks[None], 256, 256, SIZE)
    corner = into_crop(np.array([[[0.0, 0.0, 0.0]]]), matrix)[0, 0]
    assert corner.min() <= 0
    stable = result.landmarks[:, STABLE] / portrait.frame.unit
    assert np.ptp(stable.mean(1), axis=0).max() < 0.1
    heard = paper.motion(portrait, speech[:16_000], seed=1, atom_steps=2).landmarks
    assert np.abs(heard - result.landmarks).max() > 1e-3
    assert set(paper.weight_hashes()) == {"atom", "autoencoder", "landmark_autoencoder", "denoiser"}


def test_a_driving_video_moves_the_head_and_is_looked_at(
    paper: PaperPipeline, small_picture: np.ndarray, speech: np.ndarray, nodding: Path
) -> None:
    portrait = paper.encode_portrait(small_picture)
    driven = paper(portrait, speech[:6400], seed=1, head_motion=nodding, **FEW)
    height = driven.landmarks[:, STABLE, 1].mean(1)
    assert np.ptp(height) > 0.1 * portrait.frame.unit
    warped = np.concatenate(list(paper.render(portrait, driven.landmarks, own=True, mtov_steps=2, seed=driven.seed)))
    assert warped.shape == driven.frames.shape
    assert (warped != driven.frames).any()
    with pytest.raises(InputError, match="no driving video"):
        list(paper.render(portrait, driven.landmarks, own=True, head_video=Path("nothing.mp4")))


def test_driving_frames_lie_where_the_landmarks_are(
    nodding: Path, landmarks: np.ndarray, astronaut: np.ndarray
) -> None:
    video = DrivingVideo(nodding, MediaPipeTracker(), 12, 256)
    matrix = crop_matrix(landmarks[None], 512, 512, 256)
    wanted = into_crop(np.repeat(landmarks[None], 3, 0) + np.array([[[8.0, 0, 0]]]), matrix)
    found, _ = MediaPipeTracker().detect(video(slice(8, 11), wanted)[:, 1].permute(1, 2, 0).numpy())
    apart = np.linalg.norm(found[STABLE, :2] - wanted[1, STABLE, :2], axis=-1).mean()
    assert apart < 0.05 * interocular_distance(wanted[1])


def test_head_motion_comes_from_the_compact_network_where_there_is_one(
    paper: PaperPipeline, small_picture: np.ndarray, speech: np.ndarray
) -> None:
    torch.manual_seed(0)
    head = HeadMotion(width=16, num_layers=1, heads=2, window=32, overlap=8).eval()
    wake(head)
    head.pose_std.fill_(0.05)
    moved = PaperPipeline(**{**paper.components, "head": head})
    portrait = paper.encode_portrait(small_picture)
    swaying = moved.motion(portrait, speech[:16_000], seed=1, atom_steps=2).landmarks
    still = paper.motion(portrait, speech[:16_000], seed=1, atom_steps=2).landmarks
    assert np.ptp(swaying[:, STABLE].mean(1), axis=0).max() > 2 * np.ptp(still[:, STABLE].mean(1), axis=0).max()


def test_hubert_comes_from_a_folder(hubert: Path, speech: np.ndarray) -> None:
    encoder = make_speech_encoder(f"hub:{hubert}")
    assert encoder.dim == 24
    assert encoder(speech[:16_000]).shape == (50, 24)


@pytest.mark.parametrize("frames", [4, 30, 71])
def test_motion_is_as_long_as_the_speech_and_has_no_seam(paper: PaperPipeline, frames: int) -> None:
    rng = np.random.default_rng(0)
    speech = np.repeat(rng.normal(size=(1, 24)).astype(np.float32), 2 * frames, 0)
    identity = rng.normal(size=(68, 3)).astype(np.float32)
    steps: list[int] = []
    with torch.inference_mode():
        motion = sample_motion(
            paper.atom, paper_atom_scheduler(), speech, identity, steps=6, guidance=2.0,
            generator=torch.Generator().manual_seed(0), callback=lambda step, _: steps.append(step),
        )  # fmt: skip
    assert motion.shape == (frames, 68, 3)
    assert np.abs(motion).max() <= 1
    assert steps == list(range(1, 7))
    change = np.abs(np.diff(motion, axis=0)).mean((1, 2))
    assert change.max() < 4 * np.median(change) + 1e-6


def chain(paper: PaperPipeline, face: EncodedFace, **changed: object) -> BlockChain:
    options = {"steps": 2, "start": 0.25, "generator": torch.Generator().manual_seed(0), **changed}
    parts = (paper.autoencoder, paper.landmark_autoencoder, paper.denoiser, paper_mtov_scheduler())
    return BlockChain(*parts, face, **options)  # type: ignore[arg-type]


def test_the_last_frame_of_a_block_is_the_identity_of_the_next(
    paper: PaperPipeline, small_picture: np.ndarray, talking: Talking, monkeypatch: pytest.MonkeyPatch
) -> None:
    portrait = paper.encode_portrait(small_picture)
    moving = talking(portrait.frame.landmarks, 40)
    encoded: list[torch.Tensor] = []
    real = paper.autoencoder.encode_still
    monkeypatch.setattr(paper.autoencoder, "encode_still", lambda picture: encoded.append(picture) or real(picture))
    blocks = list(chain(paper, portrait.face)(moving))
    assert [len(block) for block in blocks] == [16, 16, 8]
    # The portrait's own latent was made with the portrait; each later block asks for one more.
    assert len(encoded) == 2
    for picture, block in zip(encoded, blocks, strict=False):
        shown = ((picture[0] + 1) * 127.5).round().permute(1, 2, 0).numpy()
        np.testing.assert_allclose(shown, block[-1], atol=1)


def test_a_chain_from_the_first_frame_starts_every_block_from_the_portrait(
    paper: PaperPipeline, small_picture: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    face = paper.encode_portrait(small_picture).face
    still = np.repeat(face.landmarks[None], 32, 0)
    seen: list[torch.Tensor] = []
    real = paper.denoiser.forward

    def watched(sample: torch.Tensor, timestep: torch.Tensor, identity: torch.Tensor, *rest: torch.Tensor) -> Any:
        seen.append(identity)
        return real(sample, timestep, identity, *rest)

    monkeypatch.setattr(paper.denoiser, "forward", watched)
    rows = face.identity[..., : paper.autoencoder.side**2]
    for name, alike in (("first", True), ("last", False)):
        seen.clear()
        assert sum(len(block) for block in chain(paper, face, chain=name, steps=1)(still)) == 32
        assert [torch.equal(identity, rows) for identity in seen] == [True, alike]
    with pytest.raises(InputError, match="chain must be 'first' or 'last', got 'middle'"):
        chain(paper, face, chain="middle")


def test_released_drawings_are_white_discs_on_black(landmarks: np.ndarray) -> None:
    points = into_crop(landmarks, crop_matrix(landmarks[None], 512, 512, 256))[None]
    pictures = drawn_frames(points, 256, "released")
    assert pictures.shape == (3, 1, 256, 256)
    assert set(pictures.unique().tolist()) == {0, 255}
    assert torch.equal(pictures[0], pictures[1])
    lit = pictures[0, 0].nonzero().flip(-1).float()
    apart = torch.cdist(lit, torch.from_numpy(points[0, :, :2].round()))
    assert apart.amin(1).max() <= 3.2  # nothing is lit but discs, and every landmark has one
    assert apart.amin(0).max() == 0
    alone = np.zeros((1, 68, 3), np.float32) + np.array([100, 50, 0], np.float32)
    disc = drawn_frames(alone, 256, "released")[0, 0].nonzero()
    assert (disc.amin(0).tolist(), disc.amax(0).tolist()) == ([47, 97], [53, 103])
    assert torch.equal(drawn_frames(points, 256, "ours"), drawn_frames(points, 256))


def test_released_pose_frames_are_black_below_the_nose(landmarks: np.ndarray) -> None:
    points = into_crop(landmarks, crop_matrix(landmarks[None], 512, 512, 256))[None]
    shown = visible_frames(points, 256, "released")[0, 0]
    row = round(float(points[0, 33, 1]))
    assert shown[:row].all()
    assert not shown[row:].any()
    ours = visible_frames(points, 256, "ours")[0, 0]
    assert ours[row:].any()  # of these the shoulders may be seen


def test_inputs_and_chain_change_what_is_made(
    paper: PaperPipeline, small_picture: np.ndarray, speech: np.ndarray, talking: Talking
) -> None:
    portrait = paper.encode_portrait(small_picture)
    moving = talking(portrait.frame.landmarks, 20)

    def made(**chosen: Any) -> tuple[np.ndarray, np.ndarray]:
        pipeline = PaperPipeline(**paper.components, **chosen)
        frames = np.concatenate(list(pipeline.render(portrait, moving, own=True, mtov_steps=1, seed=1)))
        return pipeline.motion(portrait, speech[:6400], seed=1, atom_steps=1).landmarks, frames

    motion, frames = made()
    released, shown = made(inputs="released")
    assert np.abs(released - motion).max() > 1e-3
    assert (shown[:16] != frames[:16]).any()
    again, first = made(chain="first")
    np.testing.assert_array_equal(again, motion)
    np.testing.assert_array_equal(first[:16], frames[:16])
    assert (first[16:] != frames[16:]).any()


def test_an_identity_beside_the_portrait_is_used_and_said(
    paper: PaperPipeline, portrait_file: Path, speech: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    released = PaperPipeline(**paper.components, inputs="released")
    picture = tmp_path / f"face{portrait_file.suffix}"
    picture.write_bytes(portrait_file.read_bytes())
    alone = released.encode_portrait(picture)
    identity = np.random.default_rng(0).normal(scale=0.3, size=(68, 3))
    np.savez(tmp_path / "face.identity.npz", identity=identity)
    encoded = released.encode_portrait(picture)
    assert [told for told in encoded.warnings if "face.identity.npz" in told]
    given: list[np.ndarray] = []
    encode = paper.atom.encode

    def watched(seen: torch.Tensor, *rest: torch.Tensor) -> Any:
        given.append(seen[0, 0].reshape(68, 3).numpy())
        return encode(seen, *rest)

    monkeypatch.setattr(paper.atom, "encode", watched)
    landmarks = [released.motion(one, speech[:6400], seed=1, atom_steps=1).landmarks for one in (alone, encoded)]
    np.testing.assert_allclose(given[-1], identity, atol=1e-6)
    assert np.abs(given[0] - identity).max() > 0.1
    assert (landmarks[0] != landmarks[1]).any()
    named = released.encode_portrait(np.asarray(encoded.picture), identity=tmp_path / "face.identity.npz")
    np.testing.assert_allclose(named.identity, identity, atol=1e-6)  # type: ignore[attr-defined]
    assert paper.encode_portrait(picture).warnings == alone.warnings  # our inputs have no use for it
    with pytest.raises(InputError, match="belongs to released inputs"):
        paper.encode_portrait(picture, identity=tmp_path / "face.identity.npz")
    (tmp_path / "face.identity.npz").write_text("no")
    with pytest.raises(InputError, match="holds no frontal landmarks"):
        released.encode_portrait(picture)


def test_inputs_and_chain_are_kept_with_a_preset(paper: PaperPipeline, tmp_path: Path) -> None:
    changed = PaperPipeline(**paper.components, inputs="released", chain="first")
    changed.save_pretrained(tmp_path)
    again = PaperPipeline.from_pretrained(tmp_path)
    assert (again.config["inputs"], again.config["chain"]) == ("released", "first")
    known = PaperPipeline._get_signature_types()  # what diffusers cannot read of it, it warns of at every start
    assert known["inputs"] == known["chain"] == (str,)
    with pytest.raises(InputError, match="inputs must be 'released' or 'ours', got 'theirs'"):
        PaperPipeline(**paper.components, inputs="theirs")


@torch.no_grad()
def test_a_noised_start_keeps_to_the_identity_more_than_noise_does(
    paper: PaperPipeline, small_picture: np.ndarray, talking: Talking
) -> None:
    face = paper.encode_portrait(small_picture).face
    moving = talking(face.landmarks, 16)
    still = paper.autoencoder.decode(face.identity)[0]
    apart = []
    for start in (0.25, 1.0):
        (block,) = chain(paper, face, start=start)(moving)
        apart.append(float((torch.from_numpy(block).permute(3, 0, 1, 2) / 127.5 - 1 - still).abs().mean()))
    assert apart[0] < apart[1]


def test_squares_go_back_where_they_were_cut(small_picture: np.ndarray, landmarks: np.ndarray) -> None:
    points = landmarks / 2
    matrix = crop_matrix(points[None], 256, 256, 128)
    paste = Paster(small_picture, matrix, 128)
    import cv2

    square = cv2.warpAffine(small_picture, matrix, (128, 128))
    (same,) = paste(square[None])
    assert np.abs(same.astype(int) - small_picture).mean() < 4
    (black,) = paste(np.zeros((1, 128, 128, 3), np.uint8))
    x, y = points[33, :2].astype(int)
    assert (black[y - 20 : y + 20, x - 20 : x + 20] == 0).all()


def test_pose_frames_hide_the_mouth_and_follow_the_head(
    small_picture: np.ndarray, landmarks: np.ndarray, talking: Talking
) -> None:
    points = landmarks / 2
    matrix = crop_matrix(points[None], 256, 256, 64)
    own = into_crop(points, matrix)
    portrait = torch.rand(3, 64, 64).mul(255).to(torch.uint8)
    moving = talking(own, 3)
    moving[1] += np.array([5, 0, 0], np.float32)
    pictures = warped_frames(portrait, own, moving)
    assert pictures.shape == (3, 3, 64, 64)
    nose = own[30, :2].round().astype(int)
    middle = pictures[:, 1, nose[1], nose[0] + 5].float() - portrait[:, nose[1], nose[0]]
    assert middle.abs().max() < 60
    hidden = hide(pictures.float() / 127.5 - 1, visible_frames(moving, 64))
    mouth = moving[0, 66, :2].round().astype(int)
    assert (hidden[:, 0, mouth[1], mouth[0]] == -1).all()
    assert (hidden[:, 0, 2, 2] > -1).any()


@pytest.mark.slow
def test_a_video_file_by_the_command_line(
    preset: Path, portrait_file: Path, speech_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--atom-steps", "1", "--mtov-steps", "1", "--preset", str(preset), "--crop", "face"]
    assert cli(["animate", str(portrait_file), str(speech_file), "-o", str(tmp_path / "a.mp4"), *options]) == 0
    report = json.loads((tmp_path / "a.json").read_text())
    assert report["parameters"]["guidance"] == 2.0
    assert report["preset"] == "preset"
    assert (tmp_path / "a.mp4").stat().st_size > 1000
    options[3] = "0"
    assert cli(["animate", str(portrait_file), str(speech_file), "-o", str(tmp_path / "b.mp4"), *options]) == 2
    assert "mtov_steps must be at least 1 with the paper preset" in capsys.readouterr().err
    assert not (tmp_path / "b.mp4").exists()


def test_what_is_missing_is_said(runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli(["assemble", "--preset", "paper", "--runs", str(tmp_path), "-o", str(tmp_path / "out")]) == 2
    assert "run 'convert atom FILE" in capsys.readouterr().err
    for name in ("atom", "autoencoder-rgb", "autoencoder-motion"):
        (tmp_path / name).symlink_to(runs / name)
    PaperMotionToVideo(**TINY["mtov"]).save_pretrained(tmp_path / "mtov")
    assert cli(["assemble", "--preset", "paper", "--runs", str(tmp_path), "-o", str(tmp_path / "out")]) == 2
    assert "of different sizes" in capsys.readouterr().err
    with pytest.raises(InputError, match="comes without weights"):
        default_weights("paper")


@pytest.mark.slow
def test_bench_counts_and_times(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli(["bench", "--preset", "paper", "--count-only", "-o", str(tmp_path / "bench.json")]) == 0
    report = json.loads((tmp_path / "bench.json").read_text())
    # Counted by others on the published code: 71 GFLOP a step of MToV, 2.2 TFLOP for 156 frames of AToM.
    parts = {part["name"]: part for part in report["parts"]}
    assert parts["MToV: denoiser"]["gflop"] == pytest.approx(71, rel=0.02)
    assert 100 * parts["AToM: denoiser"]["gflop"] == pytest.approx(2200, rel=0.15)
    assert report["seconds_per_16_frames"] is None
    assert "TFLOP" in capsys.readouterr().out
    configs = {"atom": TINY["atom"], "autoencoder": TINY["autoencoder"], "denoiser": {**TINY["mtov"], "side": 4}}
    table = bench_paper(device="cpu", configs=configs, mtov_steps=3, output=tmp_path / "tiny.json")
    tiny = json.loads((tmp_path / "tiny.json").read_text())
    spent = sum(part["calls"] * part["seconds"] for part in tiny["parts"])
    assert tiny["seconds_per_16_frames"] == pytest.approx(spent, abs=1e-3)
    assert "decoder" in table
