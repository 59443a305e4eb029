"""Answers as append-only JSON lines: for `study export`, and for the folder that a Space uploads."""

import json
import os
import tempfile
from contextlib import AbstractContextManager
from pathlib import Path

from moditalker.study.private_files import keep_private
from moditalker.study.store import Line, Store
from moditalker.utils.errors import InputError


class Journal:
    """A file to which a store's answers are appended, in the order they came.

    Args:
        path: ``.jsonl``; made when missing, and readable by its owner alone. What is in it is not written again.
        store: whose answers.
        lock: held while the file is written; an uploader's, where there is one.

    Raises:
        InputError: the file holds another study's answers, or those of another store.
    """

    def __init__(self, path: Path, store: Store, lock: AbstractContextManager[object]) -> None:
        self.path, self._store, self._lock = path, store, lock
        keep_private(path)
        _cut_unfinished(path)
        lines = read_json_lines(path)
        for line in lines[-1:]:
            if line["study"] != store.study_hash or line.get("store") != store.id:
                raise InputError(f"{path} holds other answers than {store.place}: name another file.")
        self._last = max([store.restored_up_to(), *(line["id"] for line in lines)])

    def catch_up(self) -> int:
        """Append what came since the last time; on the disk when it returns. Returns how many."""
        with self._lock:
            new = self._store.lines(after=self._last)
            if new:
                with self.path.open("a", encoding="utf-8") as file:
                    file.writelines(_row({**line, "store": self._store.id}) for line in new)
                    file.flush()
                    os.fsync(file.fileno())
                self._last = new[-1]["id"]
            return len(new)

    def forget(self, rater: str) -> None:
        """Take a rater's answers out of every file in the folder; each is replaced in one step."""
        with self._lock:
            for path in self.path.parent.glob("*.jsonl"):
                forget(path, rater)


def forget(path: Path, rater: str) -> int:
    """Rewrite a JSONL file without a rater's answers; returns how many it had.

    Raises:
        InputError: the file is missing, or none of answers.
    """
    lines = read_json_lines(path)
    kept = [line for line in lines if line["rater"] != rater]
    if len(kept) < len(lines):
        with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False, encoding="utf-8") as file:
            file.writelines(map(_row, kept))
            file.flush()
            os.fsync(file.fileno())
        Path(file.name).replace(path)
    return len(lines) - len(kept)


def read_json_lines(path: Path) -> list[Line]:
    """The answers in a JSONL file; what a killed process left unfinished at its end is not one.

    Raises:
        InputError: missing, or a line that is no answer.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read ({error}): name a file of answers.") from error
    lines = []
    for number, row in enumerate(text.split("\n")[:-1], 1):
        try:
            line = json.loads(row)
        except json.JSONDecodeError as error:
            raise InputError(f"{path}, line {number}, is not JSON: export the answers again.") from error
        if not isinstance(line, dict) or "rater" not in line or "question" not in line:
            raise InputError(f"{path}, line {number}, is no answer of a study: name a file that 'study export' wrote.")
        lines.append(line)
    return lines


def _row(line: Line) -> str:
    return json.dumps(line, ensure_ascii=False, sort_keys=True) + "\n"


def _cut_unfinished(path: Path) -> None:
    """Remove what a killed process left behind the last whole line."""
    content = path.read_bytes()
    whole = content.rfind(b"\n") + 1
    if whole < len(content):
        with path.open("r+b") as file:
            file.truncate(whole)
