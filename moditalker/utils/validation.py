"""Checks what comes from outside with pydantic; what is wrong is one sentence that names the key."""

import difflib
import functools
import inspect
import re
import tomllib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any, ParamSpec, TypeVar

from pydantic import AfterValidator, Field, TypeAdapter, ValidationError, validate_call

from moditalker.utils.errors import InputError

P = ParamSpec("P")
T = TypeVar("T")

# What pydantic calls by Python's names.
_PLAIN = {
    "bool_type": "must be true or false",
    "dataclass_type": "must be a table",
    "dict_type": "must be a table",
    "float_type": "must be a number",
    "int_type": "must be a whole number",
    "list_type": "must be a list",
    "string_type": "must be a text",
    "string_unicode": "must be a text",
    "tuple_type": "must be a list",
}


def _not_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("must be a text that is not empty")
    return text


def _without_nul(text: str) -> str:
    # PostgreSQL keeps no such text.
    if "\0" in text:
        raise ValueError("must be a text without NUL characters")
    return text


Text = Annotated[str, AfterValidator(_not_blank)]
Short = Annotated[str, Field(max_length=200), AfterValidator(_without_nul)]
"""A text from a browser. A lone surrogate, which no file takes, is refused too: with a limit, pydantic looks."""
Whole = Annotated[int, Field(strict=True, ge=0)]
"""A whole number from 0 on; neither true nor "1"."""
Number = Annotated[float, Field(strict=True, ge=0, allow_inf_nan=False)]
Flag = Annotated[bool, Field(strict=True)]


def read_toml(path: Path) -> dict[str, Any]:
    """The entries of a TOML file.

    Raises:
        InputError: missing, unreadable, not TOML, or with a NUL byte in a text, which no file name may have.
    """
    if not path.is_file():
        raise InputError(f"There is no file {path}: name a TOML file that is there.")
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    # ValueError is of bytes that are no UTF-8, of what is no TOML, and of numbers with thousands of digits.
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path} cannot be read as TOML ({error}): correct it.") from error
    for text in _texts(values):
        if "\0" in text:
            raise InputError(f"{path} has a NUL byte in {text!r}: remove it.")
    return values


def validated(kind: type[T], values: dict[str, Any], path: Path, **added: Any) -> T:
    """The entries of a TOML file as a pydantic dataclass, or another type that pydantic checks.

    Args:
        kind: the type; its validators get the file's folder as ``info.context``.
        values: see `read_toml`.
        path: of the file.
        added: what the type has and a file may not say.

    Raises:
        InputError: an entry is missing, unknown, of the wrong type or out of its range.
    """
    for key in added.keys() & values.keys():
        raise InputError(f"{path}: the file has no entry {key!r}; remove it.")
    adapter = TypeAdapter(kind)
    try:
        return adapter.validate_python(values | added, context=path.parent)
    except ValidationError as error:
        schema = adapter.json_schema()
        tables = (schema, *schema.get("$defs", {}).values())
        known = {name for table in tables for name in table.get("properties", {})}
        raise InputError(f"{path}: {sentence(error, known)}") from error


def checked(function: Callable[P, T]) -> Callable[P, T]:
    """A function whose arguments are checked against their annotations: an `InputError` names the one that is wrong."""
    call, names = validate_call(function), list(inspect.signature(function).parameters)

    @functools.wraps(function)
    def checking(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return call(*args, **kwargs)
        except ValidationError as error:
            raise InputError(sentence(error, arguments=names)) from error

    return checking


def sentence(error: ValidationError, known: Iterable[str] = (), arguments: Sequence[str] = ()) -> str:
    """The first thing that is wrong.

    Args:
        error: that pydantic raised. An `InputError` of a validator is taken as it is; another ValueError ends the
            sentence that begins with the key ("must be ...").
        known: names of entries, one of which may be what a misspelt one meant.
        arguments: names of a function's, which pydantic numbers.
    """
    first = error.errors(include_url=False)[0]
    cause = first.get("ctx", {}).get("error")
    if isinstance(cause, InputError):
        return str(cause)
    *place, key = first["loc"]
    if arguments and isinstance(first["loc"][0], int):
        *place, key = arguments[first["loc"][0]], *first["loc"][1:]
    # The third text of a list is named by the list.
    while isinstance(key, int) and place:
        key = place.pop()
    where = _where(place)
    if first["type"] in ("missing", "missing_argument"):
        return f"{where or 'the file'} lacks {key!r}; add it."
    if first["type"] in ("unexpected_keyword_argument", "extra_forbidden"):
        near = difflib.get_close_matches(str(key), set(known) - {key}, 1, cutoff=0.7)
        advice = f"did you mean {near[0]!r}?" if near else "remove it."
        return f"{where or 'the file'} has no entry {key!r}; {advice}"
    said = _PLAIN.get(first["type"]) or re.sub(r"^(\w+ should|Value error,)", "must", first["msg"])
    said = said.replace("must must", "must")
    return f"{key!r}{f' in {where}' if where else ''} {said}, and is {_short(first['input'])}; correct it."


def _where(place: list[int | str]) -> str:
    """``[design]`` or ``[[build.items]] number 2``."""
    names, number = ".".join(str(step) for step in place if isinstance(step, str)), place[-1] if place else ""
    if not names:
        return ""
    return f"[[{names}]] number {number + 1}" if isinstance(number, int) else f"[{names}]"


def _short(value: Any) -> str:
    told = repr(value)
    return told if len(told) <= 80 else f"{told[:80]}..."


def _texts(value: Any) -> Iterable[str]:
    """All texts in lists and tables, names of entries included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, entry in value.items():
            yield name
            yield from _texts(entry)
    elif isinstance(value, list):
        for entry in value:
            yield from _texts(entry)
