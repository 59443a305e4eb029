"""Work for a request in a thread of its own: its events on the way, and how it ended."""

import json
import logging
import queue
from collections.abc import Callable, Generator
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

from moditalker.ui.shared.workspace import at_work, is_wanted, mark_busy
from moditalker.utils.errors import AbandonedError, InputError

logger = logging.getLogger(__name__)

BEAT_SECONDS = 0.4
"""At most so long between two signs of life; a visitor who left is noticed at the next one."""

Events = queue.SimpleQueue[tuple[str, Any]]
"""What happened in the work, each with its kind."""


class MachineError(RuntimeError):
    """Something failed here for a reason that is not the visitor's; the log has it."""


def write_report(video: Path, report: dict[str, Any]) -> tuple[Path, dict[str, Any]]:
    """Write what is told of a video beside it.

    Returns:
        The JSON file, and what is in it: the report without a path of this machine.
    """
    shown = {**report, "output": video.name}
    file = video.with_suffix(".json")
    file.write_text(json.dumps(shown, indent=1))
    return file, shown


def raise_if_it_failed(kind: str, content: Any) -> None:
    """Raise what ended the work of `do_work`, in the place that follows its events.

    Raises:
        InputError: the work was refused.
        MachineError: it failed.
    """
    if kind == "refused":
        raise InputError(content)
    if kind == "failed":
        raise MachineError(content)


def raise_if_cancelled(folder: Path) -> None:
    """Raise an `AbandonedError` when nobody waits any more for what is made in a folder."""
    if not is_wanted(folder):
        raise AbandonedError


def do_work(
    engine: Executor, folder: Path, what: str, work: Callable[[Events], None]
) -> Generator[tuple[str, Any], None, None]:
    """Do a request's work in a thread and pass on its events.

    Whoever follows them names the iterator and does not write it into the head of a loop: an iterator without a name
    ends before the `with` around the loop, and on a ZeroGPU Space its end waits for the forked process, which works on
    until the folder is given up.

    Args:
        engine: whose thread.
        folder: the request's; from here on the thread's to remove.
        what: "A request", for the log.
        work: puts ("progress", how far it is) and its other events into the queue; it calls `raise_if_cancelled` now
            and then.
    Yields:
        The events of the work, of many progresses the newest alone; ("beat", None) where it is silent for long; and at
        the end ("refused", sentence), ("failed", "") or nothing more, as the work was refused, failed, or was done or
        given up.
    """
    events: Events = queue.SimpleQueue()
    mark_busy(folder)
    engine.submit(_work, folder, what, work, events)
    while True:
        try:
            kind, content = events.get(timeout=BEAT_SECONDS)
            # Only the newest of many reports is worth a message to the page.
            while kind == "progress" and not events.empty():
                kind, content = events.get()
        except queue.Empty:
            kind, content = "beat", None
        if kind == "ended":
            return
        yield kind, content


def _work(folder: Path, what: str, work: Callable[[Events], None], events: Events) -> None:
    try:
        with at_work(folder):
            work(events)
    except InputError as error:
        logger.info("%s was refused: %s", what, error)
        events.put(("refused", str(error)))
    except AbandonedError:
        logger.info("%s was given up", what)
    # Whatever it is, the visitor must hear of it; the log has the rest.
    except Exception:
        logger.exception("%s failed", what)
        events.put(("failed", ""))
    finally:
        # Only now is the folder nobody's: who hears this may work in it.
        events.put(("ended", None))
