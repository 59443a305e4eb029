"""The command line of MoDiTalker: ``python -m moditalker COMMAND``."""

import argparse
import logging
import sys
from collections.abc import Sequence

from moditalker.cli import animate, compare, data, measure, study, train, weights
from moditalker.utils.errors import InputError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns:
        0; or 2 when the input cannot be used, after one sentence on standard error.
    """
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(message)s")
    options = _parser().parse_args(arguments)
    try:
        options.run(options)
    except InputError as error:
        print(f"moditalker: {error}", file=sys.stderr)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m moditalker", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for family in (animate, data, train, weights, measure, compare, study):
        family.add_commands(commands)
    return parser
