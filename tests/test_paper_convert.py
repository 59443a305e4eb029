"""``convert``: published checkpoint files become networks, and nothing else does."""

import json
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from paper_states import KEYS, TINY, published_state
from safetensors.torch import save_file
from test_paper_networks import loaded

from moditalker.cli.main import main as cli
from moditalker.paper.atom import PaperAudioToMotion
from moditalker.paper.autoencoder import PaperAutoencoder
from moditalker.paper.checkpoint import read_state
from moditalker.paper.convert import convert
from moditalker.paper.denoiser import PaperMotionToVideo
from moditalker.utils.errors import InputError


@pytest.fixture
def sizes(tmp_path: Path) -> dict[str, str]:
    """Files with the tiny networks' configurations."""
    files = {}
    for name, config in TINY.items():
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps(config))
        files[name] = str(path)
    return files


def written(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


@pytest.mark.parametrize(
    ("kind", "file", "network"),
    [
        ("atom", "atom", PaperAudioToMotion),
        ("autoencoder-rgb", "autoencoder", PaperAutoencoder),
        ("autoencoder-motion", "autoencoder", PaperAutoencoder),
        ("mtov", "mtov", PaperMotionToVideo),
    ],
)
def test_every_network_is_converted(
    kind: str, file: str, network: Any, sizes: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state = published_state(kind)
    torch.save(state, tmp_path / "published.pt")
    options = ["convert", kind, str(tmp_path / "published.pt"), "-o", str(tmp_path / "out"), "--config", sizes[file]]
    assert cli(options) == 0
    assert "million numbers" in capsys.readouterr().out
    assert written(tmp_path / "out") == ["config.json", "diffusion_pytorch_model.safetensors"]
    wanted = loaded(kind, state).state_dict()
    got = network.from_pretrained(tmp_path / "out").state_dict()
    assert got.keys() == wanted.keys()
    assert all(torch.equal(got[name], value) for name, value in wanted.items())


def test_the_conditioning_is_kept_with_the_weights(sizes: dict[str, str], tmp_path: Path) -> None:
    torch.save(published_state("atom"), tmp_path / "atom.pt")
    for asked, wanted in (([], "released"), (["--conditioning", "paper"], "paper")):
        options = [
            "convert",
            "atom",
            str(tmp_path / "atom.pt"),
            "-o",
            str(tmp_path / wanted),
            "--config",
            sizes["atom"],
        ]
        assert cli([*options, *asked]) == 0
        assert PaperAudioToMotion.from_pretrained(tmp_path / wanted).config["conditioning"] == wanted


@pytest.mark.slow
def test_weights_are_found_wherever_training_put_them(tmp_path: Path) -> None:
    plain, averaged = published_state("mtov", 1), published_state("mtov", 2)
    half = {f"module.{name}": value.half() for name, value in averaged.items()}
    torch.save({"model_state_dict": plain, "ema_state_dict": half, "optimizer": {"lr": 0.1}}, tmp_path / "a.pt")
    state, part, other = read_state(tmp_path / "a.pt", "ema")
    assert (part, other) == ("ema_state_dict", "model_state_dict")
    assert state.keys() == averaged.keys()
    done = convert("mtov", tmp_path / "a.pt", tmp_path / "out", TINY["mtov"], "ema")
    network = PaperMotionToVideo.from_pretrained(tmp_path / "out")
    assert done.parameters == sum(value.numel() for value in network.state_dict().values())
    torch.testing.assert_close(
        network.conv_in.weight, averaged["diffusion_model.input_blocks.0.0.weight"].half().float()
    )
    bare = {name.removeprefix("diffusion_model."): value for name, value in averaged.items()}
    save_file(bare, tmp_path / "b.safetensors")
    convert("mtov", tmp_path / "b.safetensors", tmp_path / "again", TINY["mtov"])
    torch.testing.assert_close(
        PaperMotionToVideo.from_pretrained(tmp_path / "again").conv_in.weight, bare["input_blocks.0.0.weight"]
    )


def test_the_trained_weights_are_taken_unless_the_average_is_asked(
    sizes: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plain, averaged = published_state("atom", 1), published_state("atom", 2)
    torch.save({"model_state_dict": plain, "ema_state_dict": averaged}, tmp_path / "both.pt")
    torch.save({"ema_state_dict": averaged}, tmp_path / "ema.pt")
    torch.save(plain, tmp_path / "bare.pt")

    def converted(file: str, *asked: str) -> torch.Tensor:
        options = ["convert", "atom", str(tmp_path / file), "-o", str(tmp_path / "out"), "--config", sizes["atom"]]
        assert cli([*options, *asked]) == 0
        return PaperAudioToMotion.from_pretrained(tmp_path / "out").out.weight

    assert torch.equal(converted("both.pt"), plain["final_layer.weight"])
    assert "of its model_state_dict (its ema_state_dict was left)" in capsys.readouterr().out
    assert torch.equal(converted("both.pt", "--weights", "ema"), averaged["final_layer.weight"])
    assert "of its ema_state_dict (its model_state_dict was left)" in capsys.readouterr().out
    assert torch.equal(converted("ema.pt", "--weights", "ema"), averaged["final_layer.weight"])
    assert torch.equal(converted("bare.pt"), plain["final_layer.weight"])
    assert "state_dict" not in capsys.readouterr().out.splitlines()[-1]
    with pytest.raises(InputError, match="no weights but its ema_state_dict; take those with --weights ema"):
        read_state(tmp_path / "ema.pt")
    with pytest.raises(InputError, match="holds no averaged weights"):
        read_state(tmp_path / "bare.pt", "ema")


def test_the_zeros_of_the_configuration_for_long_videos_are_ignored_by_name(
    sizes: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state = published_state("mtov")
    torch.save({**state, "diffusion_model.zeros": torch.zeros(1, 4, 96)}, tmp_path / "long.pt")
    options = ["convert", "mtov", str(tmp_path / "long.pt"), "-o", str(tmp_path / "out"), "--config", sizes["mtov"]]
    assert cli(options) == 0
    assert "ignored: diffusion_model.zeros" in capsys.readouterr().out
    wanted = loaded("mtov", state).state_dict()
    got = PaperMotionToVideo.from_pretrained(tmp_path / "out").state_dict()
    assert got.keys() == wanted.keys()
    assert all(torch.equal(got[name], value) for name, value in wanted.items())


class Normalizer:
    """Named as EDGE's, see below."""


def test_a_file_with_the_normaliser_of_training_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Normalizer, "__module__", "dataset.preprocess")
    module = type(pickle)("dataset.preprocess")
    module.Normalizer = Normalizer  # type: ignore[attr-defined]
    with monkeypatch.context() as patch:
        patch.setitem(__import__("sys").modules, "dataset", type(pickle)("dataset"))
        patch.setitem(__import__("sys").modules, "dataset.preprocess", module)
        normalizer = Normalizer()
        normalizer.scale = torch.ones(3)  # type: ignore[attr-defined]
        torch.save({"model_state_dict": published_state("atom"), "normalizer": normalizer}, tmp_path / "atom.pt")
    state, part, other = read_state(tmp_path / "atom.pt")
    assert (part, other) == ("model_state_dict", "")
    assert "final_layer.weight" in state


def refusal(kind: str, path: Path, sizes: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """The sentence with which a file is refused; nothing is written."""
    options = ["convert", kind, str(path), "-o", str(tmp_path / "out"), "--config", sizes[kind.split("-")[0]]]
    assert cli(options) == 2
    assert not (tmp_path / "out").exists()
    assert not [name for name in written(tmp_path) if name.startswith(".")]
    error = capsys.readouterr().err
    assert error.startswith("moditalker: ")
    assert error.count("\n") == 1
    return error


def test_another_network_is_refused_with_its_keys(
    sizes: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state = published_state("atom")
    torch.save(state, tmp_path / "atom.pt")
    error = refusal("mtov", tmp_path / "atom.pt", sizes, tmp_path, capsys)
    assert "is not a published mtov network" in error
    assert "null_cond_embed" in error
    assert "unknown" in error
    assert "missing" in error
    changed = {name: value for name, value in state.items() if name != "norm_cond.bias"}
    changed["final_layer.weight"] = torch.zeros(3, 4)
    changed["made.up"] = torch.zeros(1)
    changed["face_encoder.1.rotary.freqs"] = torch.zeros(16)
    torch.save(changed, tmp_path / "changed.pt")
    error = refusal("atom", tmp_path / "changed.pt", sizes, tmp_path, capsys)
    assert "1 unknown: made.up" in error
    assert "1 of another shape: final_layer.weight (3, 4) for (204, 64)" in error
    assert "1 contradicting a copy: face_encoder.1.rotary.freqs" in error
    assert "1 missing (by our names): memory_norm.bias" in error


class Malicious:
    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (Path("/tmp/never-made-by-a-checkpoint"),))


def test_damaged_and_malicious_files_are_refused_and_never_run(
    sizes: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    torch.save(published_state("atom"), tmp_path / "whole.pt")
    whole = (tmp_path / "whole.pt").read_bytes()
    (tmp_path / "cut.pt").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "empty.pt").write_bytes(b"")
    (tmp_path / "text.pt").write_text("<html>404</html>")
    (tmp_path / "cut.safetensors").write_bytes(whole[:500])
    for name in ("cut.pt", "empty.pt", "text.pt"):
        assert "is damaged or no checkpoint file" in refusal("atom", tmp_path / name, sizes, tmp_path, capsys)
    assert "not a whole safetensors" in refusal("atom", tmp_path / "cut.safetensors", sizes, tmp_path, capsys)
    marker = Path("/tmp/never-made-by-a-checkpoint")
    torch.save({"final_layer.weight": torch.zeros(1), "more": Malicious()}, tmp_path / "zip.pt")
    error = refusal("atom", tmp_path / "zip.pt", sizes, tmp_path, capsys)
    assert "holds more than weights (" in error
    assert "nothing of it was run" in error
    (tmp_path / "plain.pt").write_bytes(pickle.dumps(Malicious()))
    assert "is damaged or no checkpoint" in refusal("atom", tmp_path / "plain.pt", sizes, tmp_path, capsys)
    torch.save(Malicious(), tmp_path / "legacy.pt", _use_new_zipfile_serialization=False)
    refusal("atom", tmp_path / "legacy.pt", sizes, tmp_path, capsys)
    assert not marker.exists()


def test_files_without_weights_are_refused(
    sizes: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "There is no checkpoint file" in refusal("atom", tmp_path / "none.pt", sizes, tmp_path, capsys)
    torch.save([1, 2], tmp_path / "list.pt")
    assert "holds a list and no weights" in refusal("atom", tmp_path / "list.pt", sizes, tmp_path, capsys)
    torch.save({"step": 3}, tmp_path / "step.pt")
    assert "holds no weights" in refusal("atom", tmp_path / "step.pt", sizes, tmp_path, capsys)


def test_what_was_converted_before_survives_a_refusal(tmp_path: Path) -> None:
    torch.save(published_state("autoencoder-rgb"), tmp_path / "a.pt")
    convert("autoencoder-rgb", tmp_path / "a.pt", tmp_path / "out", TINY["autoencoder"])
    (tmp_path / "out" / "NOTES.txt").write_text("mine")
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    with pytest.raises(InputError):
        convert("autoencoder-rgb", tmp_path / "a.pt", tmp_path / "out")  # of the published sizes this is none
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before
    assert len(KEYS["autoencoder"]) > len(before)
