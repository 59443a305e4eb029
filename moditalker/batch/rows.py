"""The table of jobs: one video a row."""

import csv
import hashlib
import io
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from moditalker.engine.places import contents, file_name, folder_of, joined
from moditalker.options import AnimateOptions, is_words, option_names
from moditalker.utils.errors import InputError

OURS = "ours"
_OWN = ("name", "portrait", "audio", "text", "voice", "method", "head_motion")
COLUMNS = (*_OWN, *option_names())
"""Of a table of jobs; ``portrait`` must be there, and ``audio`` or ``text``."""
_OF_METHODS = {"seed", "atom_steps", "mtov_steps", "guidance", "crop", "max_seconds"}
"""Options that methods other than ours take."""
_MORE = "more"
"""What is in a line behind the last column."""
_NAME = re.compile(r"[\w][\w.-]{0,150}")


@dataclass(frozen=True)
class Row:
    """One job.

    Attributes:
        name: of its video; no other row has it.
        portrait, audio: paths or addresses; ``audio`` is empty where a text is spoken.
        text: empty where there is a recording.
        method: `OURS`, or one of ``baselines.registry``.
        head_motion: ``natural``, ``still``, or the path or address of a video.
        options: fields of ``AnimateOptions``; the seed is among them.
        preset: a preset's name, or a folder or hub id of weights.
        refused: a sentence when the row cannot be used.
        voice: that speaks the text; empty for the default one.
    """

    name: str
    portrait: str
    audio: str
    text: str
    method: str
    head_motion: str
    options: Mapping[str, Any] = field(default_factory=dict)
    preset: str = "compact"
    refused: str = ""
    voice: str = ""

    @property
    def key(self) -> str:
        """16 hex digits of all that decides what is seen and heard; the name is not among it."""
        told = {one.name: getattr(self, one.name) for one in fields(self) if one.name not in ("name", "refused")}
        if not self.voice:
            del told["voice"]  # tables from before there were several keep their keys
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:16]


def read_rows(table: str, *, preset: str = "compact", seed: int = 0) -> list[Row]:
    """Read a CSV with the columns `COLUMNS`, in any order; places in it are relative to its own folder.

    Args:
        table: path or address.
        preset: of all rows.
        seed: of rows without one.
    Returns:
        The rows in their order. One that cannot be used says so in ``refused``.
    Raises:
        InputError: no such file, a column is missing or unknown, it lists nothing, or two rows have one name.
    """
    try:
        reader = csv.DictReader(io.StringIO(contents(table).decode("utf-8-sig")), restkey=_MORE)
        lines = list(reader)
    except UnicodeDecodeError as error:
        raise InputError(f"{table} is no text in UTF-8: save it as CSV again.") from error
    given = set(reader.fieldnames or ()) if lines else set()
    if "portrait" not in given or not given & {"audio", "text"}:
        raise InputError(f"{table} lists no jobs; it needs the columns portrait and audio, or portrait and text.")
    unknown = sorted(str(name) for name in given - set(COLUMNS))
    if unknown:
        raise InputError(f"{table} has the unknown column(s) {', '.join(unknown)}; choose from {', '.join(COLUMNS)}.")
    folder = folder_of(table)
    rows = [_row(line, folder, preset, seed) for line in lines]
    known: dict[str, int] = {}
    for number, row in enumerate(rows, 2):
        if row.name in known:
            raise InputError(
                f"Lines {known[row.name]} and {number} of {table} would both be {row.name}: give them other names."
            )
        known[row.name] = number
    return rows


def _row(given: dict[str, Any], folder: str, preset: str, seed: int) -> Row:
    refused, options = "", {}
    line = {name: (value or "").strip() for name, value in given.items() if name != _MORE}
    try:
        if _MORE in given:
            raise InputError("The line has more fields than the table has columns: put a text with commas into quotes.")
        options = {"seed": seed, **_options(line)}
        _check(line, options)
    except InputError as error:
        refused = str(error)
    portrait, audio, head = line["portrait"], line.get("audio", ""), line.get("head_motion") or "natural"
    row = Row(
        name="",
        portrait=joined(folder, portrait) if portrait else "",
        audio=joined(folder, audio) if audio else "",
        text=line.get("text", ""),
        method=line.get("method") or OURS,
        head_motion=head if head in ("natural", "still") else joined(folder, head),
        options=options,
        preset=preset,
        voice=line.get("voice", ""),
    )
    stems = [re.sub(r"\W+", "_", file_name(place).rpartition(".")[0])[:60] for place in (portrait, audio or "text.")]
    name = line.get("name") or f"{stems[0]}-{stems[1]}-{row.key[:8]}"
    if not _NAME.fullmatch(name):
        refused = refused or f"{name!r:.60} is no name for a file: use letters, digits, dots and dashes."
        name = row.key
    return replace(row, name=name, refused=refused)


def _options(line: dict[str, str]) -> dict[str, Any]:
    """The fields of ``AnimateOptions`` that are given, checked."""
    given: dict[str, Any] = {}
    for name in option_names():
        text = line.get(name, "")
        if not text:
            continue
        try:
            given[name] = text if is_words(name) else float(text) if "." in text or "e" in text else int(text)
        except ValueError as error:
            raise InputError(f"{name} must be a number, got {text!r:.40}.") from error
    checked = AnimateOptions(**given)
    return {name: getattr(checked, name) for name in given}


def _check(line: dict[str, str], options: dict[str, Any]) -> None:
    if not line["portrait"]:
        raise InputError("There is no portrait: name a picture.")
    if bool(line.get("audio")) == bool(line.get("text")):
        raise InputError("Give either a recording (audio) or a text, one of the two.")
    if line.get("voice") and not line.get("text"):
        raise InputError("A voice speaks a text, and there is none: leave voice empty.")
    method = line.get("method") or OURS
    untaken = sorted(set(options) - _OF_METHODS)
    if method != OURS and untaken:
        raise InputError(f"The method {method} does not take {', '.join(untaken)}: leave that empty.")
    if method != OURS and (line.get("head_motion") or "natural") not in ("natural", "still"):
        raise InputError(f"The method {method} follows no video: head_motion must be natural or still.")
