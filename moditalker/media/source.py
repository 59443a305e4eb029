"""Is a path a file that can be opened without waiting for anything?"""

import os
import stat
from pathlib import Path

from moditalker.utils.errors import InputError

_SHOWN = 60
"""Characters of a path that the system refuses, in the message about it."""


def existing_file(path: str | Path, kind: str) -> Path:
    """The absolute path of a regular file that may be read.

    A named pipe or a device would let whoever opens it wait for ever; neither is opened here.

    Args:
        path: as a user gave it.
        kind: what the file should be, as it stands in messages: "recording", "video", "picture".

    Raises:
        InputError: it is missing, not a regular file, may not be read, or is no path at all.
    """
    path = Path(path)
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError) as error:
        raise InputError(f"{path} does not exist: check the path of the {kind}.") from error
    except PermissionError as error:
        raise _not_allowed(path, kind) from error
    # ValueError: a NUL character; OSError: a name that is too long, or links in a circle.
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it has a NUL character"
        shown = ascii(str(path))[1:-1]
        shown = shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}..."
        raise InputError(f"{shown} cannot be a path ({reason}): rename the {kind}.") from error
    if stat.S_ISDIR(mode):
        raise InputError(f"{path} is a directory: give the path of one {kind} in it.")
    if not stat.S_ISREG(mode):
        raise InputError(f"{path} is not a regular file: save the {kind} to a file and give its path.")
    if not os.access(path, os.R_OK):
        raise _not_allowed(path, kind)
    return path.absolute()


def _not_allowed(path: Path, kind: str) -> InputError:
    return InputError(f"{path} may not be read: change its permissions or choose another {kind}.")
