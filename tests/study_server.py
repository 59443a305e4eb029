"""A study's server as a process of its own that can be killed."""

import socket
import time
import urllib.request
from contextlib import closing
from pathlib import Path

from forked import FORKED

START_SECONDS = 120


def _serve(study: Path, answers: Path, port: int) -> None:
    """In the new process."""
    from moditalker.ui.study.server import serve

    serve(study, answers, None, "127.0.0.1", port)


class StudyServer:
    """Serves a study at one address, however often it is killed and started.

    Args:
        study: `study.toml`.
        answers: SQLite file.
    """

    def __init__(self, study: Path, answers: Path) -> None:
        with closing(socket.socket()) as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self.url = f"http://127.0.0.1:{self.port}"
        self._arguments = (study, answers, self.port)

    def start(self) -> None:
        """Start it and wait until it answers."""
        self._process = FORKED.Process(target=_serve, args=self._arguments, daemon=True)
        self._process.start()
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            assert self._process.is_alive(), "the study's server ended at its start"
            try:
                urllib.request.urlopen(self.url, timeout=5).close()
            except OSError:
                time.sleep(0.05)
            else:
                return
        raise AssertionError(f"the study's server did not answer within {START_SECONDS} s")

    def kill(self) -> None:
        """SIGKILL: nothing is flushed, nothing is finished."""
        self._process.kill()
        self._process.join()
