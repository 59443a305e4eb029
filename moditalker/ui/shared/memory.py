"""Keeps a server that runs for weeks at the size it needs."""

import ctypes
import gc
import sys


def keep_start_up() -> None:
    """Have `release_memory` look only at what is made from now on.

    What a server imports and builds at its start stays until its end: 700,000 objects, and looking through them takes
    nearly half a second.
    """
    gc.collect()
    gc.freeze()


def release_memory() -> None:
    """Return what a finished request no longer uses to the operating system.

    The C library keeps freed memory for each thread that ever asked for some; over twenty requests that was
    140 MB and growing (measured with the smallest of networks). Elsewhere than on Linux only Python's share is freed.
    """
    gc.collect()
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        # musl, of Alpine Linux, has none.
        if trim is not None:
            trim(0)
