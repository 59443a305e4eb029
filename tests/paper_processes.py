"""The command line in several processes that train together, one of which may be killed."""

import os
import signal
import socket
import sys

import torch
from forked import FORKED

PATIENCE_SECONDS = 300


def launch(*arguments: object, last_batch: int | None = None) -> list[int | None]:
    """Two processes of this machine that talk through gloo, told of each other as ``accelerate launch`` tells them.

    Not by the launcher itself: it starts sessions of their own, which a busy machine serves last.

    Args:
        arguments: of the command line.
        last_batch: the second process is killed when it asks for the batch of this number.
    Returns:
        Their exit statuses; negative for a signal, None for one that did not end.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    shared = {"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    shared["ACCELERATE_USE_CPU"] = "true"
    command = list(map(str, arguments))
    processes = [
        FORKED.Process(target=_run, args=(command, shared | {"RANK": rank, "LOCAL_RANK": rank}, last_batch))
        for rank in "01"
    ]
    for process in processes:
        process.start()
    try:
        for process in processes:
            process.join(PATIENCE_SECONDS)
        return [process.exitcode for process in processes]
    finally:
        for process in processes:
            process.kill()


def _run(command: list[str], environment: dict[str, str], last_batch: int | None) -> None:
    """In the new process."""
    from moditalker.cli.main import main

    os.environ.update(environment)
    torch.set_num_threads(1)
    if last_batch is not None and environment["RANK"] == "1":
        _cut_the_power_at(last_batch)
    sys.exit(main(command))


def _cut_the_power_at(last_batch: int) -> None:
    from moditalker.training.data.batch_source import Batch
    from moditalker.training.data.paper_clips import WindowBatches

    made = WindowBatches.part

    def part(self: WindowBatches, seed: int, index: int, process: int, processes: int) -> Batch:
        if index == last_batch and process == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        return made(self, seed, index, process, processes)

    WindowBatches.part = part  # type: ignore[method-assign]
