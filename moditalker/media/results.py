"""What a decoding child sends back: one line of JSON for each part, followed by the part's bytes."""

import json
import os
import signal
from typing import Any

STALL_SECONDS = 30
"""Seconds within which the next part must come; SIGALRM ends a child that takes longer."""


class Results:
    """Writes parts into a pipe.

    Args:
        handle: file descriptor of the pipe.
    """

    def __init__(self, handle: int) -> None:
        self._stream = os.fdopen(handle, "wb", buffering=0)

    def send(self, content: bytes | memoryview | None = None, **header: Any) -> None:
        """Send one part; a reader that takes its time is waited for.

        Raises:
            BrokenPipeError: nobody reads any more.
        """
        signal.alarm(0)
        view = memoryview(content or b"").cast("B")
        line = json.dumps({**header, "bytes": len(view)}).encode() + b"\n"
        self._write(memoryview(line))
        self._write(view)
        signal.alarm(STALL_SECONDS)

    def _write(self, view: memoryview) -> None:
        while view:
            view = view[self._stream.write(view) :]
