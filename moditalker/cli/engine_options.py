"""Where a command's work is done: ``--engine`` and what belongs to it."""

import argparse

from moditalker.cli.parsing import Number, whole
from moditalker.engine.choose import ENGINES, EngineOptions


def add_engine(command: argparse.ArgumentParser, workers: int | None = None) -> None:
    """Add the options of `EngineOptions`; ``workers`` is the default, None for one a core."""
    told = "one a core, or what the cluster has room for" if workers is None else str(workers)
    command.add_argument("--workers", type=whole(1, 100_000), default=workers, help=f"processes or actors ({told})")
    command.add_argument("--engine", choices=ENGINES, default="local", help="processes here, or a Ray cluster (local)")
    command.add_argument(
        "--address", help="of the Ray cluster: auto, or ray://HOST:10001 (one of this machine is started)"
    )
    command.add_argument("--worker-cpus", type=whole(1, 1024), default=1, help="cores and threads of each worker (1)")
    command.add_argument(
        "--worker-gpus", type=Number(0, 64), default=0.0, help="of each Ray worker, 0.25 shares one (0)"
    )


def engine_options(options: argparse.Namespace) -> EngineOptions:
    """What was given."""
    return EngineOptions(options.engine, options.workers, options.address, options.worker_cpus, options.worker_gpus)
