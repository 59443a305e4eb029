"""The command line's ``study``: build, check, plan, serve, analyse, export, withdraw."""

import argparse
import sys
from pathlib import Path
from typing import Any

from moditalker.cli.parsing import Commands, Number, load, whole

_ANSWERS = "SQLite file, or postgresql://..."


def add_commands(commands: Commands) -> None:
    """Add ``study`` and its own commands to the parser."""
    study = commands.add_parser("study", help="collect and analyse user-study answers")
    parts = study.add_subparsers(required=True, metavar="STUDY-COMMAND")

    build = parts.add_parser("build", help="make the videos of a recipe, and the study's file")
    build.add_argument("recipe", type=Path, metavar="RECIPE.toml")
    build.add_argument("-o", "--output", type=Path, required=True, metavar="FOLDER", help="a second run goes on")
    build.add_argument("--preset", default="compact", help="a preset's name, or a folder or hub id of weights")
    build.set_defaults(run=_build)

    check = parts.add_parser("check", help="is it what it says, blind and balanced?")
    check.add_argument("study", type=Path, metavar="STUDY.toml")
    check.set_defaults(run=_check)

    plan = parts.add_parser("plan", help="how many raters give the wanted intervals")
    plan.add_argument("study", type=Path, metavar="STUDY.toml", help="or a recipe")
    plan.add_argument("--ties", type=Number(0, 1), default=0.2, help="expected share of 'cannot tell'")
    plan.add_argument(
        "--excluded", type=Number(0, 0.99), default=0.1, help="expected share of raters that are excluded"
    )
    plan.add_argument("--correlation", type=Number(0, 1), default=0.05, help="between the answers of one rater")
    plan.add_argument("--deviation", type=Number(0.01, 100), default=1.0, help="of ratings, points")
    plan.set_defaults(run=_plan)

    serve = parts.add_parser("serve", help="serve it alone; no model is loaded")
    serve.add_argument("study", type=Path, metavar="STUDY.toml")
    serve.add_argument("--answers", type=_place, required=True, metavar="ANSWERS", help=_ANSWERS)
    serve.add_argument("--dataset", metavar="OWNER/NAME", help="private dataset that the answers are uploaded to")
    serve.add_argument("--host", default="127.0.0.1")
    serve.add_argument("--port", type=whole(0, 65_535), default=7860)
    serve.set_defaults(run=_serve)

    analyse = parts.add_parser("analyse", help="from the answers to a report")
    analyse.add_argument("study", type=Path, metavar="STUDY.toml")
    analyse.add_argument(
        "--answers", type=_place, required=True, metavar="ANSWERS", help=f"{_ANSWERS}, or exported .jsonl"
    )
    analyse.add_argument("-o", "--output", type=Path, required=True, metavar="FOLDER", help="for report.html and *.csv")
    analyse.add_argument(
        "--draws", type=whole(1, 1_000_000), default=2000, help="samples of raters that intervals are made of"
    )
    analyse.set_defaults(run=_analyse)

    export = parts.add_parser("export", help="append what is new to a file of JSON lines")
    export.add_argument("study", type=Path, metavar="STUDY.toml")
    export.add_argument("--answers", type=_place, required=True, metavar="ANSWERS", help=_ANSWERS)
    export.add_argument("-o", "--output", type=Path, required=True, metavar="ANSWERS.jsonl")
    export.set_defaults(run=_export)

    withdraw = parts.add_parser("withdraw", help="delete a rater's answers")
    withdraw.add_argument("rater", help="the number that the rater was shown at the end")
    withdraw.add_argument("study", type=Path, metavar="STUDY.toml")
    withdraw.add_argument("--answers", type=_place, required=True, metavar="ANSWERS", help=_ANSWERS)
    withdraw.add_argument("--exported", type=Path, nargs="*", default=[], metavar="ANSWERS.jsonl", help="there too")
    withdraw.set_defaults(run=_withdraw)


def _place(text: str) -> Any:
    from moditalker.study.store_tables import place_of

    return place_of(text)


def _build(options: argparse.Namespace) -> None:
    from moditalker.study.build import build_study
    from moditalker.study.makers import RegistryMaker
    from moditalker.study.recipe import read_recipe
    from moditalker.utils.progress import StageBars

    recipe = read_recipe(options.recipe)
    with StageBars() as bars:

        def tell(what: str, done: int, steps: int) -> None:
            bars.close()
            print(f"step {done + 1} of {steps}: {what}", file=sys.stderr, flush=True)

        maker = RegistryMaker(lambda: load(options.preset))
        study = build_study(recipe, options.output, maker, tell, bars)
    print(f"{options.output / 'study.toml'}: {len(study.stimuli)} videos, study {study.hash[:12]}")


def _check(options: argparse.Namespace) -> None:
    from moditalker.study.check import check_study
    from moditalker.study.definition import read_study

    print("\n".join(check_study(read_study(options.study))))


def _plan(options: argparse.Namespace) -> None:
    from moditalker.study.planning import Expectation, plan

    expected = Expectation(options.ties, options.excluded, options.correlation, options.deviation)
    print("\n".join(plan(options.study, expected)))


def _serve(options: argparse.Namespace) -> None:
    from moditalker.ui.study.server import serve

    serve(options.study, options.answers, options.dataset, options.host, options.port)


def _analyse(options: argparse.Namespace) -> None:
    from moditalker.study.packages import need_statistics

    need_statistics("study analyse")
    from moditalker.study.analysis.analysis_report import analyse

    print(analyse(options.study, options.answers, options.output, draws=options.draws), end="")


def _export(options: argparse.Namespace) -> None:
    from contextlib import nullcontext

    from moditalker.study.definition import read_study
    from moditalker.study.journal import Journal
    from moditalker.study.store import open_store

    store = open_store(options.answers, read_study(options.study).hash)
    print(f"{options.output}: {Journal(options.output, store, nullcontext()).catch_up()} answers were appended.")


def _withdraw(options: argparse.Namespace) -> None:
    from moditalker.study.definition import read_study
    from moditalker.study.journal import forget
    from moditalker.study.store import open_store
    from moditalker.utils.errors import InputError

    count = open_store(options.answers, read_study(options.study).hash).withdraw(options.rater)
    gone = sum(forget(path, options.rater) for path in options.exported)
    if count is None and not gone:
        raise InputError(f"Nobody has the number {options.rater}: copy it whole.")
    print(f"{count or 0} answers were deleted, and {gone} in exported files.")
