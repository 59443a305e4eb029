"""What the commands share: the parser of sub-commands, options of a video, loading."""

import argparse
from typing import Any

from moditalker.options import DEFAULTS, choices_of, help_of

Commands = Any
"""What argparse adds commands to; it gives that type no public name."""


def load(source: str) -> Any:
    """``load_pipeline``, imported when it is needed, so that ``--help`` is quick."""
    from moditalker.loading import load_pipeline

    return load_pipeline(source)


def add_option(command: argparse.ArgumentParser, name: str, default: Any = None) -> None:
    """Add a field of ``AnimateOptions`` as an argument; what is not given is ``default``.

    Ranges are checked where the options are made, once for command line, app and API.
    """
    own = getattr(DEFAULTS, name)
    about = help_of(name) + ("" if own is None else f" ({own:g})" if not isinstance(own, str) else f" ({own})")
    kind = str if isinstance(own, str) else int if own is None or isinstance(own, int) else float
    flag = "--" + name.replace("_", "-")
    command.add_argument(flag, type=kind, default=default, help=about, choices=choices_of(name))
