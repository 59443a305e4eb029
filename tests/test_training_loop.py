"""The one training loop: it resumes, learns, repeats itself and ends."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from moditalker.atom.head import HeadMotion
from moditalker.training.data.batch_source import Batch
from moditalker.training.loop import TrainingConfig, fit
from moditalker.training.objectives.train_head import HeadObjective


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
