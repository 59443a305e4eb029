"""Every network of the compact preset trains on prepared clips and becomes a pipeline."""

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from test_training_loop import weights_of
from torch import nn

from moditalker.cli import train_run
from moditalker.cli.main import main as cli
from moditalker.mtov.autoencoder import GUIDES, TriplaneAutoencoder
from moditalker.pipeline import MoDiTalkerPipeline
from moditalker.release.average import average_runs
from moditalker.release.disassemble import disassemble
from moditalker.training.loop import TrainingConfig
from moditalker.training.objectives import train_autoencoder, train_detail
from moditalker.training.objectives.train_mtov import load_widened
from moditalker.utils.errors import InputError

STEPS = 2


@pytest.fixture(scope="module")
def few_measurements() -> Iterator[None]:
    """One batch a validation and for statistics: what a run measures is tested, not how exactly."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train_run, "TrainingConfig", partial(TrainingConfig, evaluation_batches=1))
        patch.setattr(train_detail, "measure_statistics", partial(train_detail.measure_statistics, batches=1))
        patch.setattr(train_autoencoder, "measure_planes", partial(train_autoencoder.measure_planes, batches=1))
        yield


@pytest.fixture(scope="module")
def runs(prepared: Path, few_measurements: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two steps of every network."""
    folder = tmp_path_factory.mktemp("runs")
    for network, batch in (("atom", 96), ("head", 96), ("autoencoder", 1), ("flow", 1), ("mtov", 1), ("detail", 1)):
        options = ["--data", prepared, "--output", folder / network, "--batch", batch]
        budget = ["--max-steps", STEPS, "--minutes", 0, "--workers", 0, "--cpu"]
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
    assert entries[-1]["step"] == STEPS
    assert all(np.isfinite(value) for value in entries[-1]["validation"].values())
    described = json.loads((folder / "run.json").read_text())
    assert described["notes"]["network"] == network
    assert described["max_steps"] == STEPS
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
    assert history["atom"]["last"]["step"] == STEPS
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
