"""Processes that a test has started, as the system sees them."""

import os
import time
from collections.abc import Callable
from pathlib import Path


def descendants(of: int | None = None) -> set[int]:
    """Running processes that one (this one by default) has started, and those that they have."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has just ended
        if fields[0] != "Z":
            parents[int(stat.parent.name)] = int(fields[1])
    root = os.getpid() if of is None else of
    found, last = {root}, set[int]()
    while found != last:
        last, found = found, found | {process for process, parent in parents.items() if parent in found}
    return found - {root}


def wait_until(condition: Callable[[], bool], otherwise: str) -> None:
    """Wait ten seconds at most for a condition, and fail with a sentence."""
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, otherwise
        time.sleep(0.02)
