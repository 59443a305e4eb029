"""The one training loop: accelerate, a time or step budget, bf16, EMA, checkpoints that resume, a metrics log.

A run folder holds ``metrics.jsonl`` (one line an entry), ``run.json`` (what was run, on what), ``checkpoint/`` (all
that resuming needs) and ``model/`` (the averaged weights, as ``from_pretrained`` takes them).
"""

import json
import logging
import math
import platform
import shutil
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import broadcast, set_seed
from diffusers import ModelMixin
from diffusers.training_utils import EMAModel
from torch import nn
from torch.utils.data import DataLoader
from tqdm import tqdm

from moditalker.training.data.batch_source import BatchSource, NumberedBatches

logger = logging.getLogger(__name__)

_FRESH = "checkpoint.new"


@dataclass(frozen=True)
class TrainingConfig:
    """What a run is; written to ``run.json``.

    Attributes:
        output: run folder.
        minutes: wall-clock budget, checkpoints' earlier minutes counted in; 0 for none.
        max_steps: budget in optimiser steps; 0 for none.
        learning_rate: peak of the schedule.
        warmup: steps over which it rises.
        schedule: then ``cosine``, down to a hundredth over the budget, or ``constant``.
        ema_decay: of the weight average that is saved.
        mixed_precision: ``bf16`` or ``no``.
        gradient_accumulation: batches a step.
        evaluate_every, save_every: minutes.
    """

    output: Path
    minutes: float = 20.0
    max_steps: int = 0
    learning_rate: float = 4e-4
    warmup: int = 100
    schedule: str = "cosine"
    weight_decay: float = 0.01
    ema_decay: float = 0.998
    mixed_precision: str = "bf16"
    gradient_accumulation: int = 1
    gradient_clip: float = 1.0
    seed: int = 0
    workers: int = 1
    log_every: int = 25
    evaluate_every: float = 5.0
    evaluation_batches: int = 8
    save_every: float = 5.0
    cpu: bool = False
    notes: dict[str, Any] = field(default_factory=dict)


class _Progress:
    """Steps and seconds so far; saved with the checkpoint."""

    def __init__(self) -> None:
        self.step = 0
        self.seconds = 0.0

    def state_dict(self) -> dict[str, float]:
        return {"step": self.step, "seconds": self.seconds}

    def load_state_dict(self, state: dict[str, float]) -> None:
        self.step, self.seconds = int(state["step"]), float(state["seconds"])


def _one_thread(_: int) -> None:
    torch.set_num_threads(1)


def _learning_rate_factor(step: int, spent: float, config: TrainingConfig) -> float:
    risen = min(1.0, (step + 1) / config.warmup) if config.warmup else 1.0
    if config.schedule == "constant":
        return risen
    return risen * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(1.0, spent))))


def fit(
    model: ModelMixin,
    objective: nn.Module,
    training: BatchSource,
    validation: BatchSource,
    config: TrainingConfig,
    after_save: Callable[[Path], None] | None = None,
    companions: dict[str, ModelMixin] | None = None,
) -> dict[str, float]:
    """Train until the budget is spent.

    Args:
        model: what is averaged and saved; a submodule of ``objective``.
        objective: maps a batch to a dictionary of scalar losses, of which ``loss`` is minimised.
        training, validation: batch sources; speakers must be disjoint.
        config: see ``TrainingConfig``.
        after_save: called with the ``model/`` folder whenever it was written.
        companions: other parts of ``objective`` that learn beside the model; averaged too, and saved under their names.
    Returns:
        The last validation losses, measured with the averaged weights.
    Raises:
        ValueError: neither minutes nor max_steps is given.
    """
    if config.minutes <= 0 and config.max_steps <= 0:
        raise ValueError("give minutes or max_steps: a run needs a budget")
    set_seed(config.seed)
    accelerator = Accelerator(
        mixed_precision=config.mixed_precision,
        gradient_accumulation_steps=config.gradient_accumulation,
        cpu=config.cpu or not torch.cuda.is_available(),
    )
    trained = [p for p in objective.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=config.learning_rate, weight_decay=config.weight_decay, betas=(0.9, 0.99))
    saved_models = {"model": model, **(companions or {})}
    averaged = [p for network in saved_models.values() for p in network.parameters() if p.requires_grad]
    ema = EMAModel(averaged, decay=config.ema_decay, use_ema_warmup=True, inv_gamma=1.0, power=0.75)
    progress = _Progress()
    objective, optimizer = accelerator.prepare(objective, optimizer)
    ema.to(accelerator.device)
    accelerator.register_for_checkpointing(ema, progress)
    checkpoint = config.output / "checkpoint"
    _finish_exchange(checkpoint, accelerator)
    if (checkpoint / "complete").is_file():
        accelerator.load_state(str(checkpoint))
        logger.info("resumed %s at step %d, %.1f minutes", config.output, progress.step, progress.seconds / 60)
    elif accelerator.is_main_process:
        config.output.mkdir(parents=True, exist_ok=True)
        _describe(config, model, accelerator)

    def spent() -> float:
        by_time = progress.seconds / (60 * config.minutes) if config.minutes > 0 else 0.0
        by_step = progress.step / config.max_steps if config.max_steps > 0 else 0.0
        return max(by_time, by_step)

    def save() -> None:
        fresh = checkpoint.with_name(_FRESH)
        if accelerator.is_main_process:
            shutil.rmtree(fresh, ignore_errors=True)
        accelerator.wait_for_everyone()
        accelerator.save_state(str(fresh))  # every process has a random state of its own to keep
        accelerator.wait_for_everyone()
        if accelerator.is_main_process:
            (fresh / "complete").touch()
            shutil.rmtree(checkpoint, ignore_errors=True)
            fresh.rename(checkpoint)
            ema.store(averaged)
            ema.copy_to(averaged)
            for name, network in saved_models.items():
                network.save_pretrained(config.output / name)
            ema.restore(averaged)
            if after_save is not None:
                after_save(config.output / "model")
        accelerator.wait_for_everyone()

    def evaluate() -> dict[str, float]:
        ema.store(averaged)
        ema.copy_to(averaged)
        objective.eval()
        totals: dict[str, float] = {}
        state = torch.get_rng_state()
        with torch.inference_mode():
            for index in range(config.evaluation_batches):
                torch.manual_seed(index)
                batch = validation(np.random.default_rng((12345, index)))
                losses = objective({key: value.to(accelerator.device) for key, value in batch.items()})
                for key, value in losses.items():
                    totals[key] = totals.get(key, 0.0) + float(value) / config.evaluation_batches
        torch.set_rng_state(state)
        objective.train()
        ema.restore(averaged)
        return totals

    def log(entry: dict[str, Any]) -> None:
        if accelerator.is_main_process:
            with (config.output / "metrics.jsonl").open("a") as file:
                file.write(json.dumps(entry) + "\n")

    total = config.max_steps * config.gradient_accumulation if config.max_steps else 10_000_000
    first = progress.step * config.gradient_accumulation
    loader = DataLoader(
        NumberedBatches(
            training, config.seed, accelerator.process_index, first, max(0, total - first), accelerator.num_processes
        ),
        batch_size=None,
        num_workers=config.workers,
        prefetch_factor=4 if config.workers else None,
        persistent_workers=config.workers > 0,
        worker_init_fn=_one_thread,
        # Its own, as it draws a number whenever it starts: a resumed run would go on with other noise.
        generator=torch.Generator(),
    )
    objective.train()
    bar = tqdm(total=100.0, desc=config.output.name, unit="%", disable=not accelerator.is_main_process)
    bar.update(100 * min(1.0, spent()))
    running: dict[str, float] = {}
    counted = 0
    before = time.monotonic()
    evaluated = saved = progress.seconds
    result: dict[str, float] = {}
    for batch in loader:
        with accelerator.accumulate(objective):
            for group in optimizer.param_groups:
                group["lr"] = config.learning_rate * _learning_rate_factor(progress.step, spent(), config)
            losses = objective({key: value.to(accelerator.device) for key, value in batch.items()})
            accelerator.backward(losses["loss"])
            if accelerator.sync_gradients:
                accelerator.clip_grad_norm_(trained, config.gradient_clip)
            optimizer.step()
            optimizer.zero_grad()
        if not accelerator.sync_gradients:
            continue
        ema.step(averaged)
        progress.step += 1
        now = time.monotonic()
        progress.seconds = _agreed(progress.seconds + now - before, accelerator)
        before = now
        for key, value in losses.items():
            running[key] = running.get(key, 0.0) + float(value.detach())
        counted += 1
        if progress.step % config.log_every == 0:
            means = {key: round(_mean(value / counted, accelerator), 6) for key, value in running.items()}
            minutes = round(progress.seconds / 60, 3)
            log({"step": progress.step, "minutes": minutes, "lr": optimizer.param_groups[0]["lr"], **means})
            bar.set_postfix(step=progress.step, loss=means["loss"])
            running, counted = {}, 0
        bar.update(100 * min(1.0, spent()) - bar.n)
        finished = spent() >= 1.0
        if finished or progress.seconds - evaluated > 60 * config.evaluate_every:
            evaluated = progress.seconds
            result = evaluate()
            log({"step": progress.step, "minutes": round(progress.seconds / 60, 3), "validation": result})
            before = time.monotonic()
        if finished or progress.seconds - saved > 60 * config.save_every:
            saved = progress.seconds
            save()
            before = time.monotonic()
        if finished:
            break
    bar.close()
    return result


def _finish_exchange(checkpoint: Path, accelerator: Accelerator) -> None:
    """Where a run was killed between taking the old checkpoint away and putting the new one there, do the latter."""
    fresh = checkpoint.with_name(_FRESH)
    if accelerator.is_main_process and (fresh / "complete").is_file() and not (checkpoint / "complete").is_file():
        shutil.rmtree(checkpoint, ignore_errors=True)
        fresh.rename(checkpoint)
    accelerator.wait_for_everyone()


def _agreed(value: float, accelerator: Accelerator) -> float:
    """The first process's value: all must find the budget spent, and save, after the same step."""
    if accelerator.num_processes == 1:
        return value
    return float(broadcast(torch.tensor(value, dtype=torch.float64, device=accelerator.device)))


def _mean(value: float, accelerator: Accelerator) -> float:
    """Over the processes, each of which saw its own part of the batches."""
    if accelerator.num_processes == 1:
        return value
    return float(accelerator.reduce(torch.tensor(value, device=accelerator.device), "mean"))


def _describe(config: TrainingConfig, model: ModelMixin, accelerator: Accelerator) -> None:
    described = {
        **{key: str(value) if isinstance(value, Path) else value for key, value in asdict(config).items()},
        "model": type(model).__name__,
        "model_config": {key: value for key, value in dict(model.config).items() if not key.startswith("_")},
        "parameters": sum(p.numel() for p in model.parameters()),
        "processes": accelerator.num_processes,
        "device": str(accelerator.device),
        "threads": torch.get_num_threads(),
        "machine": platform.processor() or platform.machine(),
        "torch": torch.__version__,
    }
    (config.output / "run.json").write_text(json.dumps(described, indent=1))
