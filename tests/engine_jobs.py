"""Work that tests give to engines; workers import it from here."""

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from moditalker.utils.errors import InputError


@dataclass(frozen=True)
class Journal:
    """Makes work that writes down which worker did which job.

    Attributes:
        folder: for one file a job that was begun.
        refused: why no worker can be set up.
    """

    folder: Path
    refused: str = ""

    def __call__(self) -> "Writer":
        if self.refused:
            raise InputError(self.refused)
        return Writer(self.folder)


class Writer:
    """A job is a word and what is to happen to it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, job: tuple[str, str]) -> str:
        word, fate = job
        begun = len(list(self.folder.glob(f"{word}.*")))
        (self.folder / f"{word}.{begun}").write_text(str(os.getpid()))
        if fate == "dies" or (fate == "dies once" and begun == 0):
            os.kill(os.getpid(), signal.SIGKILL)
        if fate == "refused":
            raise InputError(f"{word} cannot be used.")
        if fate == "broken":
            raise ZeroDivisionError(word)
        if fate == "slow":
            time.sleep(60)
        return word.upper()
