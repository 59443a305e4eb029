"""What the commands share: a parser that says one sentence, numbers with their ranges, options of a video, loading."""

import argparse
import math
from typing import Any, NoReturn

from moditalker.options import DEFAULTS, bounds, choices_of, help_of, is_whole, is_words, plain
from moditalker.utils.errors import InputError

Commands = Any
"""What argparse adds commands to; it gives that type no public name."""


class Parser(argparse.ArgumentParser):
    """Says what is wrong with a command line in one sentence; its sub-commands are of this class too.

    Raises:
        InputError: in place of argparse's own exit.
    """

    def error(self, message: str) -> NoReturn:
        """Refuse the command line."""
        said = message.removeprefix("argument ").replace(": ", " ", 1) if message.startswith("argument ") else message
        raise InputError(f"{said}; '{self.prog} --help' tells what can be given.")


class Number:
    """A number of the command line with its range, for ``add_argument(type=...)``.

    Args:
        low: the smallest.
        high: the largest.
        whole: whether it must be a whole number.
    """

    def __init__(self, low: float, high: float, *, whole: bool = False) -> None:
        self.low, self.high, self.whole = low, high, whole

    def __call__(self, text: str) -> float:
        """Read it.

        Raises:
            argparse.ArgumentTypeError: no number, or out of its range.
        """
        shown = text if len(text) <= 40 else f"{text[:40]}..."
        kind = "a whole number" if self.whole else "a number"
        between = f"must be {kind} between {plain(self.low)} and {plain(self.high)}, got {shown}"
        try:
            value = int(text) if self.whole else float(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(between) from error
        if math.isnan(value) or not self.low <= value <= self.high:
            raise argparse.ArgumentTypeError(between)
        return value


def whole(low: int, high: int) -> Number:
    """A whole number between two bounds."""
    return Number(low, high, whole=True)


def load(source: str) -> Any:
    """``load_pipeline``, imported when it is needed, so that ``--help`` is quick."""
    from moditalker.loading import load_pipeline

    return load_pipeline(source)


def add_option(command: argparse.ArgumentParser, name: str, default: Any = None) -> None:
    """Add a field of ``AnimateOptions`` as an argument, with its range; what is not given is ``default``."""
    own = getattr(DEFAULTS, name)
    about = help_of(name) + ("" if own is None else f" ({own:g})" if not isinstance(own, str) else f" ({own})")
    flag = "--" + name.replace("_", "-")
    choices = choices_of(name)
    if choices is not None:
        command.add_argument(flag, default=default, help=about, choices=choices)
        return
    if is_words(name):
        command.add_argument(flag, default=default, help=about, metavar=name.upper())
        return
    kind = Number(*bounds(name), whole=is_whole(name))
    command.add_argument(flag, type=kind, default=default, help=about, metavar=name.rsplit("_", 1)[-1].upper())
