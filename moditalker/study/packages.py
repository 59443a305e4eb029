"""Packages that only the study's statistics need."""

import importlib.util

from moditalker.utils.errors import InputError


def need_statistics(command: str) -> None:
    """Refuse to begin without them.

    Raises:
        InputError: one of them is not installed.
    """
    for package in ("statsmodels", "pandas", "jinja2"):
        if importlib.util.find_spec(package) is None:
            raise InputError(
                f"{command} needs the package {package!r}, which is not here; run 'pip install -r "
                "requirements-study.txt'."
            )
