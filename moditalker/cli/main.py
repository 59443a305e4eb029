"""The command line of MoDiTalker: ``python -m moditalker COMMAND``."""

import logging
import sys
from collections.abc import Sequence

from moditalker.cli import animate, batch, compare, converse, data, dub, live, measure, motion, study, train, weights
from moditalker.cli.parsing import Parser
from moditalker.utils.errors import InputError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns:
        0; or 2 when the input cannot be used, after one sentence on standard error.
    """
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(message)s")
    try:
        options = build_parser().parse_args(arguments)
        options.run(options)
    except InputError as error:
        print(f"moditalker: {error}", file=sys.stderr)
        return 2
    return 0


def build_parser() -> Parser:
    """All commands with their options."""
    parser = Parser(prog="python -m moditalker", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for family in (animate, converse, dub, live, motion, batch, data, train, weights, measure, compare, study):
        family.add_commands(commands)
    return parser
