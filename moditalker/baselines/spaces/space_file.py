"""What a TOML file says of a Gradio server that makes portraits speak.

    name = "mine"                     # by which it is chosen: small letters, digits and hyphens
    title = "My talker"               # for people
    what = "How it works."            # one sentence
    licence = "MIT"
    server = "someone/space"          # a Space, or an address such as http://127.0.0.1:7861
    endpoint = "/predict"
    arguments = ["$portrait", "$audio", 25]     # in the endpoint's order; or a table [parameters] by their names
    result = 0                        # which output is the video: its number, or a path as in "0.video"
    timeout_seconds = 600             # for the whole of one request
    connect_seconds = 20              # for an answer to anything at all
    retries = 2                       # when it is busy or not reached

In arguments and parameters, ``$portrait``, ``$portrait_video`` (the still portrait as a video with the sound),
``$audio`` and ``$seed`` stand for the request's own.
"""

import re
import tomllib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from moditalker.utils.errors import InputError

PLACES = ("$portrait", "$portrait_video", "$audio", "$seed")
SHIPPED = Path(__file__).parent

_NAME = re.compile(r"[a-z0-9-]+")
_TEXTS = ("name", "title", "what", "licence", "server", "endpoint")


@dataclass(frozen=True)
class SpaceDescription:
    """A TOML file, checked; the module's text has what each entry means."""

    name: str
    title: str
    what: str
    licence: str
    server: str
    endpoint: str
    arguments: tuple[Any, ...] = ()
    parameters: dict[str, Any] | None = None
    result: int | str = 0
    timeout_seconds: float = 600.0
    connect_seconds: float = 20.0
    retries: int = 2


def read_description(path: Path) -> SpaceDescription:
    """Read and check one file.

    Raises:
        InputError: it is not TOML, or an entry is missing, unknown or of the wrong kind.
    """
    try:
        told = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(f"{path.name} cannot be read as TOML ({error}): correct it.") from error
    unknown = sorted(set(told) - {field.name for field in fields(SpaceDescription)})
    if unknown:
        raise InputError(f"{path.name} has unknown entries: {', '.join(unknown)}; correct or remove them.")
    missing = [key for key in _TEXTS if not isinstance(told.get(key), str) or not told[key].strip()]
    if missing:
        raise InputError(f"{path.name} lacks {', '.join(missing)}: add a text for each.")
    if not _NAME.fullmatch(told["name"]):
        raise InputError(f"{path.name}: the name {told['name']!r} may have small letters, digits and hyphens only.")
    if ("arguments" in told) == ("parameters" in told):
        raise InputError(f"{path.name} needs either arguments, a list, or parameters, a table.")
    values = told.get("arguments", told.get("parameters"))
    if not isinstance(values, list if "arguments" in told else dict):
        raise InputError(f"{path.name}: arguments are a list, parameters a table; correct it.")
    given = list(values) if isinstance(values, list) else list(values.values())
    strange = [v for v in given if isinstance(v, str) and v.startswith("$") and v not in PLACES]
    if strange:
        raise InputError(f"{path.name}: {', '.join(strange)} is none of {', '.join(PLACES)}.")
    if "$audio" not in given or not {"$portrait", "$portrait_video"} & set(map(str, given)):
        raise InputError(f"{path.name} sends no $audio or no $portrait: add both to what is sent.")
    for key, least in (("timeout_seconds", 1), ("connect_seconds", 1), ("retries", 0)):
        value = told.get(key, least)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or value < least:
            raise InputError(f"{path.name}: {key} must be a number from {least} on.")
    if not isinstance(told.get("result", 0), (int, str)):
        raise InputError(f'{path.name}: result is the number of an output, or a path as in "0.video".')
    if "arguments" in told:
        told["arguments"] = tuple(told["arguments"])
    return SpaceDescription(**told)


def find_descriptions(*folders: Path) -> list[SpaceDescription]:
    """The descriptions in all ``*.toml`` of folders, in the order of their names; a later folder's replaces a name.

    Raises:
        InputError: a folder is missing, or a file is wrong.
    """
    found: dict[str, SpaceDescription] = {}
    for folder in folders:
        if not folder.is_dir():
            raise InputError(f"There is no folder {folder}: name one that holds TOML files of Gradio servers.")
        for path in sorted(folder.glob("*.toml")):
            description = read_description(path)
            found[description.name] = description
    return list(found.values())
