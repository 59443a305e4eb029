"""The command line as a test runs it: one process is killed when it asks for the batch of a number that it is given."""

import os
import signal
import sys

from moditalker.cli.main import main as cli
from moditalker.training.data.batch_source import Batch
from moditalker.training.data.paper_clips import WindowBatches

LAST = int(os.environ["LAST_BATCH"])
made = WindowBatches.part


def part(self: WindowBatches, seed: int, index: int, process: int, processes: int) -> Batch:
    if index == LAST and process == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return made(self, seed, index, process, processes)


WindowBatches.part = part  # type: ignore[method-assign]
sys.exit(cli())
