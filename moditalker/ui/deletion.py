"""Deletes what was uploaded and made, by age.

Gradio's own ``delete_cache`` knows uploads, and not the results that an endpoint gives back.
"""

import os
import threading
import time
from pathlib import Path

from moditalker.ui.settings import Settings


def delete_by_age(settings: Settings) -> None:
    """Look from now on, every ``delete_every`` seconds, for files older than ``delete_after`` in ``GRADIO_TEMP_DIR``.

    Without that variable nothing is done: the folder that Gradio then takes may be another program's too.
    """
    folder = os.environ.get("GRADIO_TEMP_DIR")
    if folder:
        threading.Thread(target=_look, args=(Path(folder), settings), name="deletion", daemon=True).start()


def _look(folder: Path, settings: Settings) -> None:
    while True:
        time.sleep(settings.delete_every)
        for path in folder.rglob("*"):
            try:
                if path.is_file() and time.time() - path.stat().st_mtime > settings.delete_after:
                    path.unlink()
            except FileNotFoundError:
                continue
