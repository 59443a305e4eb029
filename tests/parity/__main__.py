"""``PYTHONPATH=tests python -m parity``: see README.md in this folder."""

import argparse
import sys
from pathlib import Path

from paper_states import FILES, TINY

from moditalker.utils.errors import InputError
from parity.compare import LIMIT, compare
from parity.reference import Reference
from parity.released import Released
from parity.side import Published


def main(arguments: list[str] | None = None) -> int:
    """Print a table of largest absolute differences.

    Returns:
        0 where everything agrees to ``LIMIT``, 1 where something differs, 2 where it cannot be compared.
    """
    parser = argparse.ArgumentParser(prog="python -m parity", description="Compare our networks with theirs.")
    other = parser.add_mutually_exclusive_group(required=True)
    other.add_argument("--released", type=Path, metavar="DIR", help="a checkout of the released code")
    other.add_argument("--reference", action="store_true", help="the tests' own reference in its place")
    parser.add_argument("--sizes", choices=("published", "tiny"), default="published", help="tiny needs --reference")
    parser.add_argument("--only", nargs="+", choices=tuple(FILES), default=tuple(FILES), metavar="NETWORK",
                        help=f"some of {', '.join(FILES)}")  # fmt: skip
    parser.add_argument("--seed", type=int, default=0, help="of weights and inputs")
    options = parser.parse_args(arguments)
    if options.sizes == "tiny" and options.released:
        parser.error("the released code has published sizes only: leave --sizes tiny out, or compare with --reference")
    configs = TINY if options.sizes == "tiny" else {}
    agree = True
    try:
        published: Published = Released(options.released) if options.released else Reference(configs)
        print(f"{'network':<19} {'output':<46} {'difference':>10} {'largest':>9}")
        for row in compare(published, configs, options.only, options.seed):
            agree &= row.agrees
            mark = "" if row.agrees else f"   more than {LIMIT:.0e}"
            print(f"{row.network:<19} {row.what:<46} {row.difference:>10.1e} {row.largest:>9.2f}{mark}", flush=True)
    except InputError as error:
        print(error, file=sys.stderr)
        return 2
    return 0 if agree else 1


if __name__ == "__main__":
    sys.exit(main())
