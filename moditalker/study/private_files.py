"""Files that nobody but their owner may read: answers are personal data."""

import os
from pathlib import Path

from moditalker.utils.errors import InputError

OWNER_ONLY = 0o600


def keep_private(path: Path) -> None:
    """Make a file that is missing, and take every right from others.

    Raises:
        InputError: it cannot be made, is no file, or belongs to somebody else.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # A file that is there is not opened: closing it again would drop the locks that SQLite has on it.
        if path.is_file():
            path.chmod(OWNER_ONLY)
        else:
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY))
    except OSError as error:
        raise InputError(f"{path} cannot be used for answers ({error.strerror}): name a file of your own.") from error
