"""From a finished run to the folder that is shipped."""

import json
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from moditalker.atom.model import AudioToMotion
from moditalker.atom.regression import load_regression
from moditalker.release import regression_card
from moditalker.release.shipping import ship_command

DESCRIBED = {
    "output": "/home/somebody/runs/regression", "parameters": 1_234_567, "device": "cpu", "machine": "x86_64",
    "threads": 1, "torch": "2.13.0", "mixed_precision": "bf16", "learning_rate": 4e-4, "notes": {"batch": 0},
}  # fmt: skip
LOG = [
    {"step": 100, "minutes": 1.0, "validation": {"loss": 0.75, "opening_correlation": 0.25}},
    {"step": 200, "minutes": 2.0, "validation": {"loss": 0.5, "opening_correlation": 0.375}},
    {"step": 225, "minutes": 2.25, "loss": 0.125},
]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A finished ``train regression`` of a tiny network."""
    torch.manual_seed(0)
    folder = tmp_path / "run"
    network = AudioToMotion(speech_dim=8, width=16, num_layers=1, num_speech_layers=1, heads=2, window=16, overlap=4)
    network.save_pretrained(folder / "model")
    (folder / "run.json").write_text(json.dumps(DESCRIBED))
    (folder / "metrics.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in LOG))
    return folder


def test_a_shipped_network_is_the_run_s_in_half_precision_and_says_how_it_ended(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shipped = tmp_path / "shipped"
    monkeypatch.setattr(sys, "argv", ["regression_card", str(run), "-o", str(shipped)])
    ship_command(regression_card.__doc__, "regression", regression_card.ship)
    weights = shipped / "diffusion_pytorch_model.safetensors"
    assert capsys.readouterr().out == f"{shipped}: {weights.stat().st_size / 1e6:.1f} MB of weights\n"
    assert {value.dtype for value in load_file(weights).values()} == {torch.float16}
    ours, trained = (load_regression(folder).state_dict() for folder in (shipped, run / "model"))
    for name, value in trained.items():
        torch.testing.assert_close(ours[name], value, atol=1e-3, rtol=1e-3)
    history = json.loads((shipped / "training.json").read_text())
    assert history["last"] == LOG[1]
    card = (shipped / "README.md").read_text()
    assert "200 steps of 1536 frames" in card
    assert "- loss: 0.5\n- opening_correlation: 0.375\n" in card
    told = card + (shipped / "training.json").read_text() + (shipped / "config.json").read_text()
    assert str(tmp_path) not in told
    assert DESCRIBED["output"] not in told
