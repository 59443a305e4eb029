"""`python app.py` as a server of its own, for tests that ask it from outside."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from forked import ROOT, fork_program

START_SECONDS = 240


@dataclass(frozen=True)
class Server:
    """A running app: its address, process id and the folder that it keeps its temporary files in."""

    url: str
    pid: int
    folder: Path


@contextmanager
def serve(folder: Path, *options: str, script: str = "app.py", forked: bool = False) -> Iterator[Server]:
    """Run `app.py`, or a script that does, with its temporary files in a folder until the block is left.

    Args:
        folder: for its log too.
        *options: of its command line.
        script: path in the repository.
        forked: from a process in which everything is imported; it is there sooner.
    """
    log = folder / "app.log"
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    scratch = folder / "tmp"
    scratch.mkdir(exist_ok=True)
    environment = os.environ | {
        "GRADIO_SERVER_NAME": "127.0.0.1",
        "GRADIO_SERVER_PORT": str(port),
        "TMPDIR": str(scratch),
    }
    environment.pop("GRADIO_TEMP_DIR", None)
    start = fork_program if forked else _start
    started = start(script, *options, environment=environment, output=log)
    assert started.pid is not None
    server = psutil.Process(started.pid)
    try:
        url = f"http://127.0.0.1:{port}"
        _wait(url, server, log)
        yield Server(url, server.pid, scratch)
    finally:
        with suppress(psutil.NoSuchProcess):
            server.terminate()
        server.wait(timeout=60)
        # What it forked (a ZeroGPU's workers) outlives it otherwise.
        with suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGKILL)


def _start(script: str, *options: str, environment: dict[str, str], output: Path) -> subprocess.Popen[bytes]:
    with output.open("wb") as log:
        return subprocess.Popen(
            [sys.executable, script, *options],
            cwd=ROOT,
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
            process_group=0,
        )


def _wait(url: str, server: psutil.Process, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        assert _runs(server), f"app.py ended at its start:\n{log.read_text()}"
        try:
            urllib.request.urlopen(url, timeout=5).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    pytest.fail(f"app.py did not answer within {START_SECONDS} s:\n{log.read_text()}")


def _runs(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
