"""What the published networks are shown: the portrait in the 3DMM's unit, the choices, HuBERT from a folder."""

import json
import socket
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation
from test_paper_networks import TINY, published_state
from transformers import HubertConfig, HubertModel, Wav2Vec2FeatureExtractor

from moditalker.audio.features import make_speech_encoder
from moditalker.cli.main import main as cli
from moditalker.face.geometry import FaceFrame
from moditalker.face.layout import JAW, interocular_distance
from moditalker.paper.atom import PaperAudioToMotion
from moditalker.paper.autoencoder import PaperAutoencoder
from moditalker.paper.convert import convert
from moditalker.paper.denoiser import PaperMotionToVideo
from moditalker.paper.identity import frontal_face, mean_face, read_identity
from moditalker.paper.mean_face import FIVE_POINTS, five_points, mean_of, spread
from moditalker.paper.paper_pipeline import PaperPipeline
from moditalker.paper.paper_sampling import sample_motion
from moditalker.paper.schedule import paper_atom_scheduler
from moditalker.release.assemble_paper import assemble_paper
from moditalker.utils.errors import InputError

TO_PICTURE = np.array([1, -1, -1])
"""From the 3DMM's axes to the picture's."""


@pytest.fixture(scope="module")
def hubert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A local folder with a tiny random HuBERT that gives 24 numbers."""
    folder = tmp_path_factory.mktemp("encoders") / "tiny-hubert"
    torch.manual_seed(0)
    config = HubertConfig(
        hidden_size=24, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32, conv_dim=(8,) * 7,
        num_conv_pos_embeddings=8, num_conv_pos_embedding_groups=2, do_stable_layer_norm=True,
        feat_extract_norm="layer", conv_bias=True,
    )  # fmt: skip
    HubertModel(config).save_pretrained(folder)
    Wav2Vec2FeatureExtractor(do_normalize=True, return_attention_mask=True).save_pretrained(folder)
    return folder


# the portrait


def test_the_mean_face_has_the_unit_and_the_tilt_of_the_3dmm() -> None:
    mean = mean_face()
    missed = np.linalg.norm(five_points(mean) - FIVE_POINTS, axis=-1)
    assert missed.max() < 0.4  # centimetres
    assert 8.5 < interocular_distance(mean) < 9.3
    assert mean[8, 1] < mean[33, 1] < mean[27, 1]  # y is up
    assert mean[30, 2] == mean[:, 2].max()  # z is towards the camera


def test_a_mean_is_found_again_whatever_the_pictures_do() -> None:
    rng = np.random.default_rng(0)
    true = mean_face()
    people = []
    for _ in range(12):
        face = true + rng.normal(scale=0.05, size=(68, 3))
        turn = Rotation.from_rotvec(rng.normal(scale=0.2, size=3)).as_matrix()
        people.append(rng.uniform(5, 50) * np.repeat(face[None], 3, 0) @ turn.T + rng.normal(scale=30, size=3))
    found = mean_of(people)
    assert np.abs(found - true).max() < 0.1
    differ = spread(people, found)
    assert differ["people"] == 12
    assert 0.03 < differ["between"] < 0.06
    assert differ["within"] < 1e-6


def test_the_identity_is_the_difference_from_the_mean_whatever_the_pose(landmarks: np.ndarray) -> None:
    itself = FaceFrame(100 * mean_face() * TO_PICTURE)
    np.testing.assert_allclose(frontal_face(itself.shape).identity, 0, atol=1e-5)
    narrow = mean_face().copy()
    narrow[JAW[4:13], 0] *= 0.9
    told = frontal_face(FaceFrame(30 * narrow * TO_PICTURE).shape).identity
    np.testing.assert_allclose(told, narrow - mean_face(), atol=1e-5)
    straight = frontal_face(FaceFrame(landmarks).shape).identity
    turn = Rotation.from_rotvec([0.1, 0.4, -0.2]).as_matrix()
    turned = frontal_face(FaceFrame(2.5 * landmarks @ turn.T + 7).shape).identity
    np.testing.assert_allclose(turned, straight, atol=1e-4)
    assert 0.05 < np.square(straight).mean() ** 0.5 < 0.5  # centimetres, as people differ


def test_motion_goes_into_the_3dmm_and_back(landmarks: np.ndarray) -> None:
    frontal = frontal_face(FaceFrame(landmarks).shape)
    opened = np.zeros((2, 68, 3), np.float32)
    opened[:, 57, 1] = 0.1  # a tenth of the eyes' distance down
    inside = frontal.into_model(opened)
    assert -1.0 < inside[0, 57, 1] < -0.75  # most of a centimetre down, where up is positive
    np.testing.assert_allclose(frontal.into_portrait(inside), opened, atol=1e-6)


@pytest.fixture
def constant() -> PaperAudioToMotion:
    """An AToM that says the same of everything: point 57 half a centimetre down."""
    torch.manual_seed(0)
    atom = PaperAudioToMotion(**TINY["atom"]).eval()
    with torch.no_grad():
        atom.out.weight.zero_()
        atom.out.bias.zero_()
        atom.out.bias[3 * 57 + 1] = -0.5
    return atom


@pytest.mark.parametrize("own", [False, True])
def test_atom_is_given_the_released_identity_and_its_motion_comes_back(
    constant: PaperAudioToMotion, landmarks: np.ndarray, own: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    shape = FaceFrame(landmarks).shape
    frontal = frontal_face(shape)
    given = np.random.default_rng(1).normal(size=(68, 3)).astype(np.float32) if own else None
    seen: list[torch.Tensor] = []
    encode = constant.encode

    def watched(identity: torch.Tensor, *rest: torch.Tensor) -> Any:
        seen.append(identity)
        return encode(identity, *rest)

    monkeypatch.setattr(constant, "encode", watched)

    def motion(**options: Any) -> np.ndarray:
        with torch.inference_mode():
            return sample_motion(
                constant, paper_atom_scheduler(), np.zeros((18, 24), np.float32), shape, steps=2, guidance=1.0,
                generator=torch.Generator().manual_seed(0), **options,
            )  # fmt: skip

    released = motion(inputs="released", own_identity=given)
    wanted = frontal.identity if given is None else given
    np.testing.assert_allclose(seen[0][0, 0].reshape(68, 3).numpy(), wanted, atol=1e-6)
    expected = frontal.into_portrait(np.eye(204)[3 * 57 + 1].reshape(68, 3) * -0.5)
    np.testing.assert_allclose(released, np.repeat(expected[None], 9, 0), atol=1e-5)
    assert released[0, 57, 1] > 0.04
    ours = motion()
    np.testing.assert_allclose(seen[1][0, 0].reshape(68, 3).numpy(), shape, atol=1e-6)
    np.testing.assert_allclose(ours[:, 57, 1], -0.5, atol=1e-6)
    with pytest.raises(InputError, match="inputs must be"):
        motion(inputs="theirs")


def test_the_identity_of_a_3dmm_of_ones_own_is_read(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    points, mean = rng.normal(size=(68, 3)), rng.normal(size=(68, 3))
    np.savez(tmp_path / "both.npz", landmarks=points[None], mean=mean)
    np.testing.assert_allclose(read_identity(tmp_path / "both.npz"), 10 * (points - mean), rtol=1e-5)
    np.savez(tmp_path / "done.npz", identity=points.reshape(204))
    np.testing.assert_allclose(read_identity(tmp_path / "done.npz"), points, rtol=1e-6)
    np.savez(tmp_path / "few.npz", identity=points[:5])
    np.savez(tmp_path / "other.npz", landmarks=points)
    np.save(tmp_path / "plain.npy", points)
    (tmp_path / "text.npz").write_text("no")
    for name in ("few.npz", "other.npz", "plain.npy", "text.npz", "none.npz"):
        with pytest.raises(InputError, match=r"name an .npz with 'landmarks' and 'mean'"):
            read_identity(tmp_path / name)


# the choices, from convert to the preset


def converted(folder: Path, **changed: dict[str, Any]) -> Path:
    """The four networks as ``convert`` leaves them."""
    sizes = {"atom": "atom", "autoencoder-rgb": "autoencoder", "autoencoder-motion": "autoencoder", "mtov": "mtov"}
    for kind, file in sizes.items():
        torch.save(published_state(kind), folder / "published.pt")
        config = {**TINY[file], **({"side": 4} if kind == "mtov" else {})}
        convert(kind, folder / "published.pt", folder / kind, config, **changed.get(kind, {}))
    return folder


def test_what_was_converted_is_shown_what_the_authors_show(tmp_path: Path) -> None:
    runs = converted(tmp_path)
    assert PaperAudioToMotion.from_pretrained(runs / "atom").config["inputs"] == "released"
    assert PaperAutoencoder.from_pretrained(runs / "autoencoder-motion").config["inputs"] == "released"
    assert PaperAutoencoder.from_pretrained(runs / "autoencoder-rgb").config["inputs"] is None
    assert PaperMotionToVideo.from_pretrained(runs / "mtov").config["inputs"] == "released"
    assemble_paper(runs, tmp_path / "preset")
    preset = PaperPipeline.from_pretrained(tmp_path / "preset")
    assert (preset.config["inputs"], preset.config["chain"]) == ("released", "first")


def test_the_choices_can_be_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = converted(tmp_path, mtov={"inputs": "ours"})
    options = ["assemble", "--preset", "paper", "--runs", str(runs), "-o", str(tmp_path / "preset")]
    assert cli(options) == 2
    error = capsys.readouterr().err
    assert "atom, autoencoder-motion to released inputs and mtov to ours inputs" in error
    assert not (tmp_path / "preset").exists()
    assert cli([*options, "--inputs", "ours"]) == 0
    preset = PaperPipeline.from_pretrained(tmp_path / "preset")
    assert (preset.config["inputs"], preset.config["chain"]) == ("ours", "last")
    assert preset.atom.config["inputs"] == preset.landmark_autoencoder.config["inputs"] == "ours"
    assert preset.autoencoder.config["inputs"] is None
    assert cli([*options, "--inputs", "released", "--chain", "last"]) == 0
    config = json.loads((tmp_path / "preset" / "model_index.json").read_text())
    assert (config["inputs"], config["chain"]) == ("released", "last")
    assert cli(["assemble", "--runs", str(runs), "-o", str(tmp_path / "compact"), "--chain", "last"]) == 2
    assert "belong to the paper preset" in capsys.readouterr().err


# HuBERT from a folder


def test_hubert_of_a_folder_is_an_option_of_convert_and_assemble(
    hubert: Path, speech: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = converted(tmp_path, atom={"speech_encoder": str(hubert)})
    assert PaperAudioToMotion.from_pretrained(runs / "atom").config["speech_encoder"] == f"hub:{hubert}"
    moved = tmp_path / "moved"
    hubert.rename(moved)
    try:
        monkeypatch.chdir(tmp_path)
        options = ["assemble", "--preset", "paper", "--runs", str(runs), "-o", str(tmp_path / "preset")]
        assert cli([*options, "--speech-encoder", "moved"]) == 0
        atom = PaperAudioToMotion.from_pretrained(tmp_path / "preset" / "atom")
        assert atom.config["speech_encoder"] == f"hub:{moved}"

        def no_network(*_: Any) -> None:
            raise AssertionError("the network was asked")

        monkeypatch.setattr(socket.socket, "connect", no_network)
        assert make_speech_encoder(atom.config["speech_encoder"])(speech[:16_000]).shape == (50, 24)
    finally:
        moved.rename(hubert)


def test_a_folder_that_holds_no_such_encoder_is_refused(
    hubert: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.save(published_state("atom"), tmp_path / "atom.pt")
    (tmp_path / "atom.json").write_text(json.dumps(TINY["atom"]))
    (tmp_path / "empty").mkdir()
    wide = tmp_path / "wide"
    wide.mkdir()
    (wide / "config.json").write_text('{"hidden_size": 768}')
    (wide / "preprocessor_config.json").write_text("{}")

    def refused(source: str, network: str = "atom") -> str:
        options = ["-o", str(tmp_path / "out"), "--config", str(tmp_path / "atom.json"), "--speech-encoder", source]
        assert cli(["convert", network, str(tmp_path / "atom.pt"), *options]) == 2
        assert not (tmp_path / "out").exists()
        return capsys.readouterr().err

    assert "There is no folder" in refused(str(tmp_path / "nowhere"))
    assert "lacks config.json and preprocessor_config.json" in refused(str(tmp_path / "empty"))
    assert "gives 768 numbers of a moment and AToM takes 24" in refused(str(wide))
    (wide / "config.json").write_text("{")
    assert "cannot be read as JSON" in refused(str(wide))
    torch.save(published_state("mtov"), tmp_path / "atom.pt")
    (tmp_path / "atom.json").write_text(json.dumps(TINY["mtov"]))
    assert "mtov hears nothing" in refused(str(hubert), "mtov")
