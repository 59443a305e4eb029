"""Where requests work: a folder each, which is gone when the request is done with or given up."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_WANTED = "wanted"
_BUSY = "busy"


class Workspace:
    """Folders of requests, under one that only this user may read.

    A request is given up by removing the file ``wanted`` from its folder: that is seen by another process too, which
    on a ZeroGPU Space is where the work is done.

    Args:
        root: made when missing; a new temporary folder when None.
    """

    def __init__(self, root: Path | None = None) -> None:
        self.root = Path(tempfile.mkdtemp(prefix="moditalker-")) if root is None else root
        self.root.mkdir(parents=True, exist_ok=True)

    @contextmanager
    def folder(self, keep: bool = False) -> Iterator[Path]:
        """A new folder for one request; removed at the end, by whoever works in it last.

        Args:
            keep: leave it where the request ends well; `delete_by_age` removes it later.
        """
        folder = Path(tempfile.mkdtemp(prefix="request-", dir=self.root))
        (folder / _WANTED).touch()
        ended_well = False
        try:
            yield folder
            ended_well = True
        finally:
            give_up(folder)
            if not (keep and ended_well) and not (folder / _BUSY).exists():
                shutil.rmtree(folder, ignore_errors=True)

    def give_up_all(self) -> None:
        """Ask whoever works here to stop."""
        for folder in self.root.glob("request-*"):
            give_up(folder)

    def is_busy(self) -> bool:
        """Whether somebody still works here."""
        return any(self.root.glob(f"request-*/{_BUSY}"))


def is_wanted(folder: Path) -> bool:
    """Whether somebody still waits for what is made in a request's folder."""
    return (folder / _WANTED).exists()


def give_up(folder: Path) -> None:
    """Ask whoever works in a folder to stop."""
    (folder / _WANTED).unlink(missing_ok=True)


def mark_busy(folder: Path) -> None:
    """Say that somebody is about to work in a folder: it then stays until `at_work` is left."""
    (folder / _BUSY).touch()


@contextmanager
def at_work(folder: Path) -> Iterator[None]:
    """Work in a folder that was marked as busy; it is removed afterwards when it is not wanted any more."""
    try:
        yield
    finally:
        # In this order: whoever looks last, here or in `Workspace.folder`, finds it neither busy nor wanted.
        (folder / _BUSY).unlink(missing_ok=True)
        if not is_wanted(folder):
            shutil.rmtree(folder, ignore_errors=True)
