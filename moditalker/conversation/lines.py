"""A conversation as lines that anybody can type: ``1: Hello.`` or ``2 (jf_alpha) @3.5: ...``."""

import re

from moditalker.conversation.script import Script, TurnEntry
from moditalker.utils.errors import InputError

_LINE = re.compile(r"(\d{1,3})\s*(?:\(\s*([\w-]{1,40})\s*\))?\s*(?:@\s*(\d{1,5}(?:\.\d{1,3})?))?\s*:\s*(\S.*)")


def script_of_lines(text: str) -> Script:
    """Read lines: a face's number, its voice in brackets, its start in seconds, a colon, and what it says.

    Args:
        text: a turn a line; voice and start may be left out, and empty lines mean nothing.
    Raises:
        InputError: there is no line, or one of another form.
    """
    entries = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        found = _LINE.fullmatch(line.strip())
        if found is None or int(found[1]) == 0:
            raise InputError(
                f"Line {number} is {line.strip()!r:.60}: write a face's number from 1 on, a colon and what it says, as "
                "in 1: Hello."
            )
        face, voice, start, said = found.groups()
        entries.append(TurnEntry(int(face), text=said, voice=voice, start=None if start is None else float(start)))
    if not entries:
        raise InputError("Nobody says anything: write a line for each turn, as in 1: Hello.")
    return Script(tuple(entries))
