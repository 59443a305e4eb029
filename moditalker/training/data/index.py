"""What a folder of prepared clips says of itself."""

import json
from pathlib import Path
from typing import Any

from moditalker.utils.errors import InputError


def read_index(folder: Path) -> dict[str, Any]:
    """``index.json`` of a folder that ``prepare`` wrote.

    Raises:
        InputError: there is none.
    """
    index = folder / "index.json"
    if not index.is_file():
        raise InputError(f"{folder} holds no prepared clips; run 'python -m moditalker prepare CLIPS.csv -o {folder}'.")
    content: dict[str, Any] = json.loads(index.read_text())
    return content
