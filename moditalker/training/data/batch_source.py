"""Where the training loop's batches come from."""

from typing import Protocol, runtime_checkable

import numpy as np
import torch
from torch.utils.data import Dataset

Batch = dict[str, torch.Tensor]


class BatchSource(Protocol):
    """Where batches come from: the same generator state gives the same batch."""

    def __call__(self, rng: np.random.Generator) -> Batch: ...


@runtime_checkable
class SharedBatchSource(Protocol):
    """A ``BatchSource`` whose batches are cut among the processes: any number of them computes the same step."""

    def __call__(self, rng: np.random.Generator) -> Batch: ...

    def part(self, seed: int, index: int, process: int, processes: int) -> Batch: ...


class NumberedBatches(Dataset[Batch]):
    """Batch number n of process p is made from the seed (seed, p, n), so that a resumed run sees the same data."""

    def __init__(
        self, source: BatchSource, seed: int, process: int, first: int, count: int, processes: int = 1
    ) -> None:
        self.source, self.seed, self.process, self.first, self.count = source, seed, process, first, count
        self.processes = processes

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Batch:
        if isinstance(self.source, SharedBatchSource):
            return self.source.part(self.seed, self.first + index, self.process, self.processes)
        return self.source(np.random.default_rng((self.seed, self.process, self.first + index)))
