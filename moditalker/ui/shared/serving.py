"""Starts the server at an address that is free, and ends it within three seconds with nothing left behind."""

import os
import shutil
import signal
import socket
import sys
import threading
import time
from types import FrameType
from typing import Any, NoReturn

from moditalker.ui.shared.hosts import server_name
from moditalker.ui.shared.workspace import Workspace
from moditalker.utils.errors import InputError

PORT = 7860
PATIENCE_SECONDS = 1.5
"""How long the end waits for requests that are given up; most stop within a block of frames."""


def address() -> tuple[str, int]:
    """The name and the port to listen at: Gradio's environment variables, or 127.0.0.1 and `PORT`.

    Raises:
        InputError: the port is no port, or cannot be listened at.
    """
    told = os.environ.get("GRADIO_SERVER_PORT") or str(PORT)
    if not told.isdecimal() or not 0 < int(told) < 65536:
        raise InputError(f"GRADIO_SERVER_PORT is {told!r}: give a number from 1 to 65535.")
    name, port = server_name(), int(told)
    check_free(name, port)
    return name, port


def check_free(name: str, port: int) -> None:
    """Raise an `InputError` where nobody can listen at a port now."""
    host = name.strip("[]")
    try:
        socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET).close()
    except OSError as error:
        # Of names that cannot be resolved the numbers are negative, and not the system's.
        reason = os.strerror(error.errno) if error.errno is not None and error.errno > 0 else error.strerror
        raise InputError(
            f"Port {port} of {name} cannot be used ({reason}): end what listens there, or choose another port."
        ) from error


def end_at_signals() -> None:
    """Have SIGTERM and SIGINT end the main thread by `SystemExit`, so that what it holds is put away."""

    def end(number: int, frame: FrameType | None) -> NoReturn:
        raise SystemExit(0)

    for one in (signal.SIGTERM, signal.SIGINT):
        signal.signal(one, end)


def serve_until_ended(page: Any, workspace: Workspace, **options: Any) -> NoReturn:
    """Serve a page until a signal comes; the process ends here.

    Args:
        page: `gr.Blocks`.
        workspace: of its requests; removed with all that is in it.
        **options: of `gr.Blocks.launch`.
    """
    try:
        page.launch(**options, prevent_thread_lock=True)
        threading.Event().wait()
    except SystemExit:
        _end(page, workspace)
    raise AssertionError("nothing but a signal ends the wait")


def _end(page: Any, workspace: Workspace) -> NoReturn:
    # A second signal must not break this off.
    for one in (signal.SIGTERM, signal.SIGINT):
        signal.signal(one, signal.SIG_IGN)
    # It waits for visitors who still listen; the process does not.
    threading.Thread(target=page.close, kwargs={"verbose": False}, daemon=True).start()
    workspace.give_up_all()
    deadline = time.monotonic() + PATIENCE_SECONDS
    while workspace.is_busy() and time.monotonic() < deadline:
        time.sleep(0.02)
    shutil.rmtree(workspace.root, ignore_errors=True)
    sys.stdout.flush()
    # Python would wait for the threads that draw.
    os._exit(0)
