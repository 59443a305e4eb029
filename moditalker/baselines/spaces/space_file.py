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
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, model_validator
from pydantic.dataclasses import dataclass

from moditalker.utils.errors import InputError
from moditalker.utils.validation import Number, Text, Whole, read_toml, validated

PLACES = ("$portrait", "$portrait_video", "$audio", "$seed")
SHIPPED = Path(__file__).parent


def _name(name: str) -> str:
    if not re.fullmatch(r"[a-z0-9-]+", name):
        raise ValueError("must be small letters, digits and hyphens")
    return name


def _output(result: object) -> int | str:
    if isinstance(result, bool) or not isinstance(result, (int, str)):
        raise ValueError('must be the number of an output, or a path as in "0.video"')
    return result


@dataclass(frozen=True, config=ConfigDict(extra="forbid"))
class SpaceDescription:
    """A TOML file, checked; the module's text has what each entry means."""

    name: Annotated[str, AfterValidator(_name)]
    title: Text
    what: Text
    licence: Text
    server: Text
    endpoint: Text
    arguments: tuple[Any, ...] = ()
    parameters: dict[str, Any] | None = None
    result: Annotated[int | str, BeforeValidator(_output)] = 0
    timeout_seconds: Annotated[Number, Field(ge=1)] = 600.0
    connect_seconds: Annotated[Number, Field(ge=1)] = 20.0
    retries: Whole = 2

    @model_validator(mode="after")
    def _sends(self) -> Self:
        """A portrait and a recording, in one of two ways."""
        if bool(self.arguments) == (self.parameters is not None):
            raise InputError("it needs either arguments, a list, or parameters, a table; name what is sent in one.")
        sent = [*self.arguments, *(self.parameters or {}).values()]
        for value in sent:
            if isinstance(value, str) and value.startswith("$") and value not in PLACES:
                raise InputError(f"{value} is none of {', '.join(PLACES)}; correct it.")
        if "$audio" not in sent or not ("$portrait" in sent or "$portrait_video" in sent):
            raise InputError("it sends no $audio or no $portrait; add both to what is sent.")
        return self


def read_description(path: Path) -> SpaceDescription:
    """Read and check one file.

    Raises:
        InputError: it is not TOML, or an entry is missing, unknown or of the wrong kind.
    """
    return validated(SpaceDescription, read_toml(path), path)


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
