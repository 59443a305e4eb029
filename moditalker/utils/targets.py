"""Files that are going to be written: looked at before the work, so that no input is lost and no work is in vain."""

import os
from collections.abc import Mapping
from itertools import combinations
from pathlib import Path

from moditalker.utils.errors import InputError


def check_targets(targets: Mapping[str, Path | None], inputs: Mapping[str, object]) -> None:
    """Refuse to write over an input, over another output, where a directory is, or where nothing can be made.

    Symbolic and hard links are followed: two names of one file are one file.

    Args:
        targets: what is written, by what it is called in a sentence ("video"); None where nothing is.
        inputs: what is read, in the same way; what is neither text nor a path is no file.

    Raises:
        InputError: says which two are the same file, which is a directory, or which cannot be made.
    """
    written = {name: path for name, path in targets.items() if path is not None}
    read = {name: Path(given) for name, given in inputs.items() if isinstance(given, (str, Path))}
    try:
        for name, path in written.items():
            if path.is_dir():
                raise InputError(f"{path} is a directory, and the {name} would be written there: choose another name.")
            folder = next(above for above in path.absolute().parents if above.exists())
            if not folder.is_dir() or not os.access(folder, os.W_OK):
                raise InputError(f"{path} cannot be written, as nothing can be made in {folder}: choose another place.")
            for source, given in read.items():
                if _same(path, given):
                    raise InputError(f"{path} is the {source} itself: choose another name for the {name}.")
        for (first, one), (second, other) in combinations(written.items(), 2):
            if _same(one, other):
                raise InputError(f"{one} would be both the {first} and the {second}: choose two names.")
    # A name that is too long, or with a NUL character: whoever opens the file says so.
    except (OSError, ValueError) as error:
        if isinstance(error, InputError):
            raise


def _same(one: Path, other: Path) -> bool:
    if one.exists() and other.exists():
        return one.samefile(other)
    return one.resolve() == other.resolve()
