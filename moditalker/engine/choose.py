"""The engine that a command line names."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from moditalker.engine.local import HereEngine, LocalEngine
from moditalker.engine.protocol import Engine

ENGINES = ("local", "ray")


@dataclass(frozen=True)
class EngineOptions:
    """Where work is done.

    Attributes:
        name: one of `ENGINES`.
        workers: processes or actors; None for one a core.
        address: of a Ray cluster, see `RayEngine`.
        cpus: cores of each worker; on this machine, as many threads.
        gpus: of each worker; Ray alone.
    """

    name: str = "local"
    workers: int | None = None
    address: str | None = None
    cpus: int = 1
    gpus: float = 0


@contextmanager
def open_engine(options: EngineOptions, modules: Sequence[str] = (), *, apart: bool = True) -> Iterator[Engine]:
    """An engine for a block.

    Args:
        options: see `EngineOptions`.
        modules: that the workers need; imported once on this machine.
        apart: whether a single local worker is a process too, so that it costs a job and not the run if it dies.
    Raises:
        InputError: Ray cannot be used, see `RayEngine`.
    """
    engine: Engine
    if options.name == "ray":
        from moditalker.engine.ray_cluster import RayEngine

        engine = RayEngine(options.address, options.workers, options.cpus, options.gpus)
    else:
        workers = options.workers or max(1, (os.cpu_count() or 1) // options.cpus)
        engine = LocalEngine(workers, modules) if apart or workers > 1 else HereEngine()
    try:
        yield engine
    finally:
        engine.close()
