"""Reads a TOML table entry by entry; what is wrong with one is said in a sentence that names it."""

import difflib
import tomllib
from pathlib import Path
from typing import Any

from moditalker.utils.errors import InputError


class Table:
    """One table of a study's file.

    Every entry is asked for once; `done` then refuses what nobody asked for, a misspelt name for example.

    Args:
        values: what tomllib read.
        where: what the table is called in messages, ``[design]`` for example.
        file: that it stands in.
    """

    def __init__(self, values: dict[str, Any], where: str, file: Path) -> None:
        self._values, self._where, self.file = values, where, file
        self._known: list[str] = []

    def text(self, key: str, default: str | None = None) -> str:
        """A string that is not empty; optional with a default.

        Raises:
            InputError: missing, empty or of another type; so do all the methods below.
        """
        value = self._take(key, default)
        if not isinstance(value, str) or (not value.strip() and value != default):
            raise self.wrong(key, "must be a text that is not empty")
        return value

    def number(self, key: str, default: float | None = None, low: float = 0.0, high: float = float("inf")) -> float:
        """A number from low to high."""
        value = self._take(key, default)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not low <= value <= high:
            raise self.wrong(key, f"must be a number {_range(low, high)}")
        return float(value)

    def whole(self, key: str, default: int | None = None, low: int = 0, high: int | None = None) -> int:
        """A whole number from low to high."""
        value = self._take(key, default)
        top = float("inf") if high is None else high
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= top:
            raise self.wrong(key, f"must be a whole number {_range(low, top)}")
        return value

    def flag(self, key: str, default: bool) -> bool:
        """True or false."""
        value = self._take(key, default)
        if not isinstance(value, bool):
            raise self.wrong(key, "must be true or false")
        return value

    def texts(self, key: str, default: list[str] | None = None) -> tuple[str, ...]:
        """A list of strings."""
        value = self._take(key, default)
        if not isinstance(value, list) or not all(isinstance(entry, str) for entry in value):
            raise self.wrong(key, "must be a list of texts")
        return tuple(value)

    def mapping(self, key: str) -> dict[str, Any]:
        """A table whose names are free; empty when left out."""
        value = self._take(key, {})
        if not isinstance(value, dict):
            raise self.wrong(key, "must be a table")
        return value

    def table(self, key: str) -> "Table":
        """A table of its own; empty when left out."""
        return Table(self.mapping(key), f"[{key}]", self.file)

    def tables(self, key: str) -> list["Table"]:
        """The tables of a list; none when left out."""
        value = self._take(key, [])
        if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
            raise self.wrong(key, f"must be tables, each under [[{key}]]")
        return [Table(entry, f"[[{key}]] number {number}", self.file) for number, entry in enumerate(value, 1)]

    def has(self, key: str) -> bool:
        """Whether there is such an entry."""
        return key in self._values

    def done(self) -> None:
        """Refuse every entry that was not asked for.

        Raises:
            InputError: there is one.
        """
        for key in self._values:
            if key not in self._known:
                near = difflib.get_close_matches(key, self._known, 1)
                meant = f"did you mean {near[0]!r}?" if near else f"the entries are {', '.join(self._known)}."
                raise InputError(f"{self.file}: {self._where} has no entry {key!r}; {meant}")

    def wrong(self, key: str, what: str) -> InputError:
        """The error for an entry, ready to be raised."""
        if key not in self._values:
            return InputError(f"{self.file}: {self._where} lacks {key!r}, which {what}.")
        return InputError(f"{self.file}: {key!r} in {self._where} {what}, and is {self._values[key]!r}.")

    def _take(self, key: str, default: Any) -> Any:
        self._known.append(key)
        return self._values.get(key, default)


def read_table(path: Path) -> Table:
    """The whole of a TOML file.

    Raises:
        InputError: missing, unreadable or not TOML.
    """
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError(f"There is no file {path}: name the study's TOML file.") from error
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} cannot be read ({error}): name the study's TOML file.") from error
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{path} is not TOML ({error}): correct that line.") from error
    return Table(values, "the file", path)


def _range(low: float, high: float) -> str:
    return f"of {low:g} or more" if high == float("inf") else f"from {low:g} to {high:g}"
