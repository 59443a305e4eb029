"""The decoder's process: it forks one child for each file, so that a hostile file takes down nothing but that child.

A Python process with PyAV and Pillow takes a tenth of a second of processor time to start, a fork of it a few
milliseconds. The server holds no threads, so forking is safe here, unlike in a process that runs models or a web page.
"""

import json
import os
import resource
import signal
import socket
import sys
import threading
from collections.abc import Callable
from typing import Any

from moditalker.media.frames import decode_frames, video_facts
from moditalker.media.results import STALL_SECONDS, Results
from moditalker.media.sound import decode_sound
from moditalker.media.stills import decode_picture, load_plugins
from moditalker.utils.errors import InputError

MAX_REQUEST_BYTES = 1 << 16
MEMORY_BYTES = 3 << 30
"""Address space of one child. A picture of 120 million pixels takes half of it."""

_TASKS: dict[str, Callable[..., None]] = {
    "frames": decode_frames,
    "facts": video_facts,
    "picture": decode_picture,
    "sound": decode_sound,
}


def serve() -> None:
    """Answer requests from the socket on the standard input until its other end is closed.

    A request is one line of JSON with two file descriptors: the pipe for the results, and a pipe that is closed when
    nobody wants them any more. One byte comes back when its child runs.
    """
    # Ctrl-C goes to the whole group of processes; this one ends with its parent. Ended children need no `wait`.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    load_plugins()
    with socket.socket(fileno=sys.stdin.fileno()) as requests:
        while True:
            line, handles, _, _ = socket.recv_fds(requests, MAX_REQUEST_BYTES, 2)
            while line and not line.endswith(b"\n"):
                line += requests.recv(MAX_REQUEST_BYTES)
            if not line:
                return
            if os.fork() == 0:
                requests.close()
                _decode(json.loads(line), *handles)
            for handle in handles:
                os.close(handle)
            requests.sendall(b"1")


def _decode(request: dict[str, Any], results_handle: int, life_handle: int) -> None:
    """Carry out one request within its limits; never returns."""
    try:
        _limit(request.pop("cpu_seconds"))
        threading.Thread(target=_end_with, args=(life_handle,), daemon=True).start()
        results = Results(results_handle)
        try:
            _TASKS[request.pop("task")](results, **request)
            results.send(end=True)
        except InputError as refusal:
            results.send(refused=str(refusal))
        except Exception as error:
            results.send(failed=f"{type(error).__name__}: {error}")
            raise
    finally:
        os._exit(0)


def _limit(cpu_seconds: int) -> None:
    """Bound what this process may use; the kernel ends it beyond that, in whatever library it is."""
    signal.alarm(STALL_SECONDS)
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    # macOS refuses limits of the address space.
    if sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))


def _end_with(life_handle: int) -> None:
    """End this process as soon as the pipe's other end is closed: its reader gave up or died."""
    os.read(life_handle, 1)
    os._exit(0)
