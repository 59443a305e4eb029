"""Two stages of a training, averaged into a run that can be assembled."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from moditalker.release.average import average_runs
from moditalker.utils.errors import InputError


def write_run(folder: Path, minutes: float, **weights: torch.Tensor) -> Path:
    for name, value in weights.items():
        (folder / name).mkdir(parents=True)
        (folder / name / "config.json").write_text('{"size": 4}')
        save_file({"stem.weight": value}, folder / name / "diffusion_pytorch_model.safetensors")
    (folder / "run.json").write_text(json.dumps({"minutes": minutes, "seed": 0}))
    entries = [{"minutes": 1.0, "loss": 2.0}, {"minutes": minutes, "validation": {"loss": 1.0}}]
    (folder / "metrics.jsonl").write_text("\n".join(map(json.dumps, entries)) + "\n")
    return folder


def test_every_network_of_a_run_lies_between_the_two(tmp_path: Path) -> None:
    late = write_run(tmp_path / "late", 60, model=torch.full((2, 2), 4.0), autoencoder=torch.ones(2, 3))
    early = write_run(tmp_path / "early", 37, model=torch.zeros(2, 2), autoencoder=torch.full((2, 2), 5.0))
    average_runs(late, early, tmp_path / "between", 0.75)
    found = {
        name: load_file(tmp_path / "between" / name / "diffusion_pytorch_model.safetensors")["stem.weight"]
        for name in ("model", "autoencoder")
    }
    assert torch.equal(found["model"], torch.full((2, 2), 3.0))
    # What the earlier one was not told had no weight there.
    assert torch.allclose(found["autoencoder"], torch.tensor([[2.0, 2.0, 0.75]] * 2))
    assert (tmp_path / "between" / "model" / "config.json").read_text() == '{"size": 4}'
    described = json.loads((tmp_path / "between" / "run.json").read_text())
    assert described == {"minutes": 60, "seed": 0, "averaged": {"share": 0.75, "minutes_of_the_other": 37}}
    assert (tmp_path / "between" / "metrics.jsonl").read_text() == (late / "metrics.jsonl").read_text()


def test_runs_of_different_networks_and_shares_beyond_one_are_refused(tmp_path: Path) -> None:
    one = write_run(tmp_path / "one", 5, model=torch.ones(2, 2))
    other = write_run(tmp_path / "other", 5, head=torch.ones(2, 2))
    for earlier, share, reason in ((other, 0.5, "of the same networks"), (one, 1.5, "from 0 to 1")):
        with pytest.raises(InputError, match=reason):
            average_runs(one, earlier, tmp_path / "out", share)
    foreign = write_run(tmp_path / "foreign", 5, model=torch.ones(2, 2))
    save_file({"other.weight": torch.ones(2)}, foreign / "model" / "diffusion_pytorch_model.safetensors")
    with pytest.raises(InputError, match="different networks"):
        average_runs(one, foreign, tmp_path / "out", 0.5)
    assert not (tmp_path / "out").exists()


def test_of_what_one_stage_learnt_a_share_is_taken_off_and_what_came_later_stays(tmp_path: Path) -> None:
    before = write_run(tmp_path / "before", 80, model=torch.full((2, 2), 1.0))
    learnt = write_run(tmp_path / "learnt", 68, model=torch.full((2, 2), 5.0))
    late = write_run(tmp_path / "late", 30, model=torch.full((2, 2), 6.0))
    average_runs(late, before, tmp_path / "out", 0.75, forgotten=learnt)
    found = load_file(tmp_path / "out" / "model" / "diffusion_pytorch_model.safetensors")["stem.weight"]
    assert torch.equal(found, torch.full((2, 2), 5.0))  # not 4.75, which lies between the late run and the first
    assert json.loads((tmp_path / "out" / "run.json").read_text())["averaged"] == {
        "share": 0.75,
        "minutes_of_the_other": 80,
        "minutes_of_the_forgotten": 68,
    }
    with pytest.raises(InputError, match=r"late and .*before and .*other must be folders"):
        other = write_run(tmp_path / "other", 5, head=torch.ones(2, 2))
        average_runs(late, before, tmp_path / "out2", 0.5, forgotten=other)
