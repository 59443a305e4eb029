"""A Ray cluster of two machines, one of which dies: what comes out is what this machine alone would have made."""

import contextlib
import json
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from test_batch import manifest_of

from moditalker.batch.rows import read_rows
from moditalker.batch.run import run_batch
from moditalker.engine.choose import EngineOptions, open_engine
from moditalker.engine.local import HereEngine
from moditalker.training.data.prepare import prepare

ray = pytest.importorskip("ray", reason="Ray is not installed (requirements-ray.txt)")
pytestmark = pytest.mark.slow

NODE = {"num_cpus": 1, "object_store_memory": 80 << 20}


class Machines:
    """Two nodes with a core each. The second may die; the first is where the cluster keeps its books."""

    def __init__(self) -> None:
        from ray.cluster_utils import Cluster

        self._cluster = Cluster(initialize_head=True, head_node_args={**NODE, "include_dashboard": False})
        self._second = self._cluster.add_node(**NODE)

    @property
    def address(self) -> str:
        return str(self._cluster.address)

    def kill_one_when(self, begun: Any) -> threading.Thread:
        """One machine ends without a word, its worker with it, as soon as ``begun()`` is true."""

        def kill() -> None:
            while not begun():
                time.sleep(0.05)
            self._cluster.remove_node(self._second, allow_graceful=False)

        thread = threading.Thread(target=kill, daemon=True)
        thread.start()
        return thread

    def replace(self) -> None:
        """Put a new machine in the place of the one that is gone."""
        self._second = self._cluster.add_node(**NODE)

    def shutdown(self) -> None:
        ray.shutdown()
        self._cluster.shutdown()


def started() -> Machines:
    """A cluster; Ray gives a node's own programs 15 seconds to start, which a busy machine may exceed."""
    for _ in range(3):
        # Of what it raises then, Ray has no class of its own.
        with contextlib.suppress(Exception):
            return Machines()
    pytest.skip("this machine is too busy: Ray's own programs do not start within the 15 seconds that Ray waits")


@pytest.fixture(scope="module")
def machines() -> Iterator[Machines]:
    running = started()
    yield running
    running.shutdown()


def test_a_batch_and_a_preparation_outlive_a_machine(
    machines: Machines, weights: Path, portrait_file: Path, brief_file: Path, clips: Path, tmp_path: Path
) -> None:
    # 24 videos, of which every sixth is by the whole pipeline.
    methods = ["", "still", "rules", "still", "still", "rules"]
    lines = [f"v{seed:02},{seed},{methods[seed % 6]}" for seed in range(24)]
    table = tmp_path / "jobs.csv"
    table.write_text(
        "name,seed,method,portrait,audio,atom_steps,mtov_steps\n"
        + "".join(f"{line},{portrait_file},{brief_file},1,1\n" for line in lines)
    )
    rows = read_rows(str(table), preset=str(weights))
    here, there = tmp_path / "here", tmp_path / "there"
    assert run_batch(rows, str(here), HereEngine()).made == 24

    options = EngineOptions("ray", address=machines.address)
    with open_engine(options) as engine:
        assert engine.workers == 2
        killing = machines.kill_one_when(lambda: len(list(there.glob("records/*.json"))) >= 8)
        counted = run_batch(rows, str(there), engine)
    killing.join(30)
    assert not killing.is_alive()
    assert (counted.made, counted.failed) == (24, 0)
    expected, found = manifest_of(here), manifest_of(there)
    same = ("name", "status", "seed", "method", "frames", "warnings", "weights", "frames_sha256", "key")
    assert [[row[name] for name in same] for row in found.values()] == [
        [row[name] for name in same] for row in expected.values()
    ]
    assert len({row["frames_sha256"] for row in found.values()}) > 4
    assert len(list(there.glob("videos/*.mp4"))) == 24

    # Twelve clips, half of which show nobody.
    machines.replace()
    folder = clips.parent
    names = [f"{name}{number}" for number in range(6) for name in ("ada-short", "nobody")]
    for name in names:
        shutil.copy(folder / f"{name[:-1]}.mp4", tmp_path / f"{name}.mp4")
    listed = tmp_path / "clips.csv"
    listed.write_text("path,split,speaker\n" + "".join(f"{name}.mp4,train,{name[:3]}\n" for name in names))
    assert prepare(listed, tmp_path / "alone", variants=1) == (6, 6)
    with open_engine(options) as engine:
        killing = machines.kill_one_when(lambda: len(list(tmp_path.glob("cluster/clips/*/speech-*.npz"))) >= 2)
        assert prepare(listed, tmp_path / "cluster", variants=1, engine=engine) == (6, 6)
    killing.join(30)
    assert not killing.is_alive()
    assert files_of(tmp_path / "cluster") == files_of(tmp_path / "alone")
    rejected = json.loads((tmp_path / "cluster" / "rejected.json").read_text())
    assert {row["speaker"] for row in rejected} == {"nob"}


def files_of(folder: Path) -> dict[str, bytes]:
    """Everything that was prepared, byte by byte; what a lost worker left unfinished is not part of it."""
    files = (path for path in folder.rglob("*") if path.is_file())
    parts = {path: path.relative_to(folder) for path in files}
    return {
        str(part): path.read_bytes()
        for path, part in parts.items()
        if not any(name.startswith(".") for name in part.parts) and not part.name.endswith(".part.npy")
    }
