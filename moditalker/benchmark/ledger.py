"""What a benchmark has measured so far, on disk: one line a clip and row, so that an interrupted run goes on.

OUT.jsonl          the settings, then a line for each clip and row
OUT.features/      what the Fréchet distances of all clips together are computed from
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from moditalker.utils.errors import InputError


class Ledger:
    """Reads and appends.

    Args:
        output: ``OUT.json``; its folder is made when missing.
        settings: what the numbers depend on.
    Raises:
        InputError: the file is there and is of other settings.
    """

    def __init__(self, output: Path, settings: dict[str, Any]) -> None:
        self.path, self.folder = output.with_suffix(".jsonl"), output.with_suffix(".features")
        self.entries: dict[tuple[str, str], dict[str, Any]] = {}
        self.folder.mkdir(parents=True, exist_ok=True)
        lines = list(self._lines()) if self.path.is_file() else []
        if lines and lines[0] != settings:
            raise InputError(f"{self.path} holds measures of other weights or settings; delete it or name another -o.")
        self.entries = {(line["clip"], line["row"]): line for line in lines[1:]}
        # Written anew: a run that was killed may have left half a line.
        text = "".join(json.dumps(line) + "\n" for line in [settings, *lines[1:]])
        self.path.write_text(text, encoding="utf-8")

    def _lines(self) -> Iterator[dict[str, Any]]:
        for line in self.path.read_text(encoding="utf-8").splitlines():
            try:
                yield json.loads(line)
            except json.JSONDecodeError:
                return

    def __contains__(self, key: tuple[str, str]) -> bool:
        return key in self.entries

    def add(self, clip: str, row: str, entry: dict[str, Any], features: dict[str, np.ndarray] | None = None) -> None:
        """Note what was measured on one clip's row."""
        if features:
            arrays = {key: value.astype(np.float32) for key, value in features.items()}
            np.savez(self._features(clip, row), allow_pickle=False, **arrays)
        line = {"clip": clip, "row": row, **entry}
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        self.entries[clip, row] = line

    def of(self, row: str, clips: list[str]) -> list[dict[str, Any]]:
        """The entries of a row for these clips, without those that failed."""
        found = (self.entries.get((clip, row)) for clip in clips)
        return [entry for entry in found if entry is not None and "failed" not in entry]

    def features(self, clip: str, row: str, kind: str) -> np.ndarray | None:
        """(n, D) of one clip, or None."""
        path = self._features(clip, row)
        if not path.is_file():
            return None
        with np.load(path) as stored:
            return stored.get(kind)

    def _features(self, clip: str, row: str) -> Path:
        return self.folder / f"{clip}--{row}.npz"
