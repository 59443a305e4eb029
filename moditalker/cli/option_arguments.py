"""Options of a video as arguments of a command."""

import argparse
from typing import Any

from moditalker.options import DEFAULTS, choices_of, help_of


def add_option(command: argparse.ArgumentParser, name: str, default: Any = None) -> None:
    """Add a field of ``AnimateOptions`` as an argument; what is not given is ``default``.

    Ranges are checked where the options are made, once for command line, app and API.
    """
    own = getattr(DEFAULTS, name)
    about = help_of(name) + ("" if own is None else f" ({own:g})" if not isinstance(own, str) else f" ({own})")
    kind = str if isinstance(own, str) else int if own is None or isinstance(own, int) else float
    flag = "--" + name.replace("_", "-")
    command.add_argument(flag, type=kind, default=default, help=about, choices=choices_of(name))
