"""The answers as a table."""

from pathlib import Path

import pandas as pd

from moditalker.study.definition import Study
from moditalker.study.journal import read_json_lines
from moditalker.study.parts import LEFT, PAIRED, RIGHT
from moditalker.study.store import Line, open_store
from moditalker.study.store_tables import Place
from moditalker.utils.errors import InputError

COLUMNS = (
    "rater", "trial", "role", "kind", "item", "question", "answer", "left", "right", "side", "winner", "value",
    "seconds", "plays",
)  # fmt: skip


def load_lines(study: Study, path: Place) -> tuple[list[Line], int]:
    """The answers in a store or an exported file, and how many raters withdrew (0 where the file cannot say).

    Raises:
        InputError: the file is missing, or of another study.
    """
    if isinstance(path, Path) and path.suffix == ".jsonl":
        lines = {(line["rater"], line["trial"], line["question"]): line for line in read_json_lines(path)}
        if any(line["study"] != study.hash for line in lines.values()):
            raise InputError(f"{path} holds answers to another version of this study: use the study.toml of its time.")
        return list(lines.values()), 0
    store = open_store(path, study.hash)
    return store.lines(), store.withdrawals()


def table_of(study: Study, lines: list[Line]) -> pd.DataFrame:
    """One row an answer.

    Returns:
        ``rater``, ``trial``, ``role``, ``kind``, ``item``, ``question``, ``answer`` as they are stored; ``left`` and
        ``right``, methods (empty for a spoilt video; ``right`` is empty in a rating); ``side``, ``left``, ``right`` or
        ``tie``; ``winner``, the method that was chosen, empty for a tie; ``value``, a rating's points or NaN;
        ``seconds`` to the answer; ``plays``, the fewest playbacks of one of the videos.
    """
    method_of = {stimulus.id: stimulus.method for stimulus in study.stimuli}
    rows = []
    for line in lines:
        methods = [method_of[name] for name in line["stimuli"]]
        paired = line["kind"] == PAIRED
        side = {LEFT: "left", RIGHT: "right"}.get(line["answer"], "tie") if paired else ""
        rows.append(
            (
                *(line[key] for key in ("rater", "trial", "role", "kind", "item", "question", "answer")),
                methods[0],
                methods[1] if paired else "",
                side,
                {"left": methods[0], "right": methods[-1]}.get(side, ""),
                float("nan") if paired else float(line["answer"]),
                line["milliseconds"] / 1000,
                min(line["plays"]),
            )
        )
    return pd.DataFrame(rows, columns=list(COLUMNS))
