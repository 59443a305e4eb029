"""Work that runs ahead of whoever uses it, so that two stages of a pipeline keep two cores busy."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from queue import Full, Queue
from threading import Event, Thread
from typing import TypeVar

T = TypeVar("T")

_LOOK_SECONDS = 0.1


class _End:
    """Ends the queue; carries what ended the work."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


def ahead(source: Iterable[T], items: int = 1) -> Iterator[T]:
    """What a source gives, worked out in a thread of its own.

    Args:
        source: used up in that thread. When the result is closed or dropped, the source is closed after its next item.
        items: how many may wait to be used; the source rests when there are so many.
    Yields:
        The source's items, in order. What the source raises is raised here, in its place.
    """
    queue: Queue[T | _End] = Queue(items)
    left = Event()

    def hand_over(item: T | _End) -> bool:
        while not left.is_set():
            with suppress(Full):
                queue.put(item, timeout=_LOOK_SECONDS)
                return True
        return False

    def work() -> None:
        error: BaseException | None = None
        iterator = iter(source)
        try:
            for item in iterator:
                if not hand_over(item):
                    break
        # Whatever it is belongs to whoever waits for the items.
        except BaseException as raised:  # noqa: BLE001
            error = raised
        finally:
            if hasattr(iterator, "close"):
                iterator.close()
        hand_over(_End(error))

    thread = Thread(target=work, name="ahead", daemon=True)
    thread.start()
    try:
        while not isinstance(item := queue.get(), _End):
            yield item
        if item.error is not None:
            raise item.error
    finally:
        left.set()
        thread.join()
