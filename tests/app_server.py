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

import pytest

ROOT = Path(__file__).parents[1]
START_SECONDS = 240


@dataclass(frozen=True)
class Server:
    """A running app: its address, process id and the folder that it keeps its temporary files in."""

    url: str
    pid: int
    folder: Path


@contextmanager
def serve(folder: Path, *options: str, script: str = "app.py") -> Iterator[Server]:
    """Run `app.py`, or a script that does, with its temporary files in a folder until the block is left."""
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
    with log.open("wb") as output:
        server = subprocess.Popen(
            [sys.executable, script, *options],
            cwd=ROOT,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            process_group=0,
        )
        try:
            url = f"http://127.0.0.1:{port}"
            _wait(url, server, log)
            yield Server(url, server.pid, scratch)
        finally:
            server.terminate()
            server.wait(timeout=60)
            # What it forked (a ZeroGPU's workers) outlives it otherwise.
            with suppress(ProcessLookupError):
                os.killpg(server.pid, signal.SIGKILL)


def _wait(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        assert server.poll() is None, f"app.py ended at its start:\n{log.read_text()}"
        try:
            urllib.request.urlopen(url, timeout=5).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    pytest.fail(f"app.py did not answer within {START_SECONDS} s:\n{log.read_text()}")
