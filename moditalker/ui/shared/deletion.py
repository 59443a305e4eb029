"""Deletes what was uploaded and made, by age.

Gradio's own ``delete_cache`` is not used beside this: it forgets the files that a handler's ``gr.Video(value=...)`` or
an endpoint gives back, and never looks at a request's folder that a killed process left behind. This looks at the
server's whole folder, so everything that it knows is here too.
"""

import contextlib
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from moditalker.ui.shared.settings import Settings


def delete_by_age(folder: Path, settings: Settings) -> None:
    """Look from now on, every ``delete_every`` seconds, for files older than ``delete_after`` in a folder.

    Args:
        folder: this server's own, with all that is below it; another program's files in it would be deleted too.
        settings: how long files are kept.
    """
    threading.Thread(target=_look, args=(folder, settings), name="deletion", daemon=True).start()


def _look(folder: Path, settings: Settings) -> None:
    while True:
        time.sleep(settings.delete_every)
        # Leaves first, so that a folder is empty when it is looked at.
        for path in sorted(_old(folder, settings.delete_after), reverse=True):
            # Somebody else was faster, or the folder has younger files.
            with contextlib.suppress(OSError):
                path.rmdir() if path.is_dir() else path.unlink()


def _old(folder: Path, age: float) -> Iterator[Path]:
    """What lies below a folder and was not changed, moved, or handed out again by Gradio for ``age`` seconds."""
    for path in folder.rglob("*"):
        # ctime: a copy keeps the mtime of what it was copied from.
        with contextlib.suppress(FileNotFoundError):
            if time.time() - path.lstat().st_ctime > age:
                yield path
