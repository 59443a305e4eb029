"""Keeps off the terminal what TensorFlow Lite and absl write about their own insides at every start."""

import contextlib
import os
import re
import sys
import tempfile
import threading
from collections.abc import Iterator
from typing import BinaryIO

_NOISE = re.compile(
    rb"INFO: (Created|Initialized) TensorFlow Lite"
    rb"|WARNING: All log messages before absl::InitializeLog"
    rb"|[IW]\d{4} .*(inference_feedback_manager|landmark_projection_calculator|gl_context)"
)
"""Lines of which nobody has any use; they are written by C++ code that takes no settings."""
_STANDARD_ERROR = 2


class _Diversion:
    """Standard error of the whole process, led into a file while anybody wants that."""

    def __init__(self) -> None:
        self._lock, self._users = threading.Lock(), 0
        self._own: int | None = None
        self._file: BinaryIO | None = None
        # A forked process has one thread; what others of its parent diverted must not stay diverted in it.
        os.register_at_fork(after_in_child=self._undo)

    def begin(self) -> None:
        with self._lock:
            self._users += 1
            if self._users == 1:
                sys.stderr.flush()
                # Where there is no standard error, nothing can be written to it.
                with contextlib.suppress(OSError):
                    self._own = os.dup(_STANDARD_ERROR)
                    self._file = tempfile.TemporaryFile()  # noqa: SIM115  # closed by the last user
                    os.dup2(self._file.fileno(), _STANDARD_ERROR)

    def end(self) -> None:
        with self._lock:
            self._users -= 1
            if self._users == 0:
                self._close()

    def _close(self) -> None:
        if self._own is None or self._file is None:
            return
        sys.stderr.flush()
        os.dup2(self._own, _STANDARD_ERROR)
        self._file.seek(0)
        kept = [line for line in self._file if not _NOISE.match(line)]
        self._file.close()
        os.close(self._own)
        self._own = self._file = None
        if kept:
            os.write(_STANDARD_ERROR, b"".join(kept))

    def _undo(self) -> None:
        self._lock, self._users = threading.Lock(), 0
        if self._own is not None:
            os.dup2(self._own, _STANDARD_ERROR)
            self._own = self._file = None


_diversion = _Diversion()


@contextlib.contextmanager
def without_native_noise() -> Iterator[None]:
    """Hold back what is written to standard error meanwhile, and pass on all of it but that noise.

    Python's own messages pass too, a moment later. May be used by several threads at once.
    """
    _diversion.begin()
    try:
        yield
    finally:
        _diversion.end()
