"""Workers on a Ray cluster (P. Moritz et al., OSDI 2018; Apache-2.0): actors that keep what they have loaded."""

import logging
import os
from concurrent.futures import Future
from typing import Any

from moditalker.engine.protocol import Held, Make, Outcome
from moditalker.utils.errors import InputError

logger = logging.getLogger(__name__)

_STORE_BYTES = 200 << 20
"""Of a cluster of this machine alone: jobs and results are names of files."""


class RayEngine:
    """Actors of a Ray cluster.

    Args:
        address: ``auto`` for the cluster that this machine belongs to, ``ray://HOST:10001`` for one elsewhere; None
            starts one of this machine alone.
        workers: actors; as many as the cluster has room for when None. More than that wait for machines to come.
        cpus: cores of each.
        gpus: of each; a fraction shares one.
    Raises:
        InputError: Ray is not installed, no cluster is there, or it has no room for one worker.
    """

    def __init__(
        self, address: str | None = None, workers: int | None = None, cpus: float = 1, gpus: float = 0
    ) -> None:
        # Of this program nothing is told to anybody.
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        try:
            import ray
        except ImportError as error:
            raise InputError("--engine ray needs Ray; run 'pip install -r requirements-ray.txt'.") from error
        self._ray = ray
        self._mine = not ray.is_initialized()
        if self._mine:
            alone: dict[str, Any] = {"include_dashboard": False, "object_store_memory": _STORE_BYTES}
            try:
                ray.init(address=address, logging_level=logging.WARNING, **({} if address else alone))
            except (ConnectionError, ValueError) as error:
                raise InputError(
                    f"No Ray cluster answers at {address!r}; start one with 'ray start --head', or leave --address out."
                ) from error
        self.lost: tuple[type[BaseException], ...] = (ray.exceptions.RayError,)
        room = ray.cluster_resources()
        fitting = int(room.get("CPU", 0) // cpus) if cpus else int(room.get("GPU", 0) // gpus)
        if gpus:
            fitting = min(fitting, int(room.get("GPU", 0) // gpus))
        if fitting < 1:
            self.close()
            raise InputError(f"The cluster has no room for a worker of {cpus:g} cores and {gpus:g} GPUs: ask for less.")
        self.workers = workers or fitting
        self._actor = ray.remote(Held).options(num_cpus=cpus, num_gpus=gpus, max_restarts=0)

    def start(self, make: Make) -> "_Actor":
        """See `Engine.start`."""
        return _Actor(self._ray, self._actor.remote(make))

    def close(self) -> None:
        """Leave the cluster; one that was started here ends."""
        if self._mine:
            self._ray.shutdown()


class _Actor:
    """A worker, see `Worker`."""

    def __init__(self, ray: Any, actor: Any) -> None:
        self._ray, self._actor = ray, actor
        self.ready: Future[Outcome] = actor.load.remote().future()

    def submit(self, job: Any) -> Future[Outcome]:
        future: Future[Outcome] = self._actor.do.remote(job).future()
        return future

    def close(self) -> None:
        self._ray.kill(self._actor)
