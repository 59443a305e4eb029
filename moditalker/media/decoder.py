"""Has files decoded in the decoder's process and hands on what it sends."""

import json
import logging
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from moditalker.utils.errors import InputError

logger = logging.getLogger(__name__)

_BOOT = "from moditalker.media.fork_server import serve; serve()"


class DecodingError(Exception):
    """A file could not be decoded: it is damaged, of another kind, or asks for more time or memory than there is."""


def decode(task: str, cpu_seconds: int, **arguments: Any) -> Iterator[tuple[dict[str, Any], np.ndarray]]:
    """Have a file decoded in a process of its own, which ends when this iterator is exhausted, closed or dropped.

    Args:
        task: one of those in ``fork_server``.
        cpu_seconds: processor time after which the kernel ends that process. It is ended as well when it brings
            nothing for `STALL_SECONDS`, takes more than 3 GB of memory, or when this process ends.
        arguments: of the task.

    Yields:
        What a part is, and its bytes, uint8 (n,).

    Raises:
        InputError: the file cannot be used, for a reason that is known.
        DecodingError: any other failure.
    """
    results, life = _server.start({"task": task, "cpu_seconds": cpu_seconds, **arguments})
    with os.fdopen(results, "rb") as stream, os.fdopen(life, "wb"):
        while line := stream.readline():
            part = json.loads(line)
            if "refused" in part:
                raise InputError(part["refused"])
            if "failed" in part:
                raise DecodingError(part["failed"])
            if "end" in part:
                return
            content = np.empty(part["bytes"], np.uint8)
            if stream.readinto(content.data) < len(content):
                break
            if "warning" in part:
                logger.warning("%s", part["warning"])
            else:
                yield part, content
    raise DecodingError("its decoder ended early, or took too long")


class _Server:
    """The other end of ``fork_server.serve``, started with the first file."""

    def __init__(self) -> None:
        self._forget()
        # A fork must not wait for a lock that a thread of its parent holds, nor talk on its parent's socket.
        os.register_at_fork(after_in_child=self._forget)

    def _forget(self) -> None:
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, request: dict[str, Any]) -> tuple[int, int]:
        """Send a request; returns the pipe to read its results from, and the one to close when nobody reads any more.

        Raises:
            DecodingError: there is no process to do it.
        """
        results, to_child = os.pipe()
        from_parent, life = os.pipe()
        try:
            with self._lock:
                for _ in range(2):
                    if self._socket is None:
                        self._launch()
                    if self._ask(json.dumps(request).encode() + b"\n", [to_child, from_parent]):
                        return results, life
                    self._close()
            raise DecodingError("the decoder's process cannot be started")
        except BaseException:
            os.close(results)
            os.close(life)
            raise
        finally:
            os.close(to_child)
            os.close(from_parent)

    def _ask(self, line: bytes, handles: list[int]) -> bool:
        """Whether a child runs that has taken the request."""
        assert self._socket is not None
        try:
            sent = socket.send_fds(self._socket, [line], handles)
            self._socket.sendall(line[sent:])
            return self._socket.recv(1) == b"1"
        except OSError as error:
            logger.debug("the decoder's process is gone: %s", error)
            return False

    def _launch(self) -> None:
        self._socket, theirs = socket.socketpair()
        # The last is for a path of this process that is relative, and was meant for another working directory.
        path = os.pathsep.join(str(Path(entry).absolute()) for entry in (*sys.path, str(Path(__file__).parents[2])))
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-S", "-P", "-c", _BOOT],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env={**os.environ, "PYTHONPATH": path},
            )

    def _close(self) -> None:
        """Give up a process that does not answer."""
        assert self._socket is not None
        assert self._process is not None
        self._socket.close()
        self._process.kill()
        self._process.wait()
        self._socket = self._process = None


_server = _Server()
