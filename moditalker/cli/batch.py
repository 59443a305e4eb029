"""Many videos from a table: ``batch``."""

import argparse
from pathlib import Path

from moditalker.cli.engine_options import add_engine, engine_options
from moditalker.cli.parsing import Commands, add_option


def add_commands(commands: Commands) -> None:
    """Add ``batch`` to the parser."""
    command = commands.add_parser("batch", help="many videos from a table, on this machine or a Ray cluster")
    command.add_argument(
        "jobs",
        metavar="JOBS.csv",
        help="columns: portrait; audio, or text and voice; name, method, head_motion, options of animate",
    )
    command.add_argument(
        "-o", "--output", required=True, metavar="OUT", help="folder or address (s3://...); a second run goes on"
    )
    command.add_argument("--preset", default="compact", help="a preset's name, or a folder or hub id of weights")
    add_option(command, "seed", default=0)
    command.add_argument("--wav2lip", type=Path, metavar="FILE.pth", help="Wav2Lip's checkpoint")
    command.add_argument("--spaces", type=Path, metavar="FOLDER", help="TOML files of Gradio servers")
    add_engine(command)
    command.set_defaults(run=_batch)


def _batch(options: argparse.Namespace) -> None:
    from moditalker.baselines.registry import Sources
    from moditalker.batch.rows import read_rows
    from moditalker.batch.run import MODULES, run_batch
    from moditalker.engine.choose import open_engine

    rows = read_rows(options.jobs, preset=options.preset, seed=options.seed)
    environment = Sources.of_environment()
    sources = Sources(options.wav2lip or environment.wav2lip, options.spaces or environment.spaces)
    with open_engine(engine_options(options), MODULES) as engine:
        done = run_batch(rows, options.output, engine, threads=options.worker_cpus, sources=sources)
    rate = done.seconds / done.spent if done.spent else 0.0
    print(f"{options.output}: {done.made} videos made, {done.kept} were there before, {done.failed} failed", end="")
    print(" (manifest.csv says why)" if done.failed else "", end="; ")
    print(f"{done.seconds:.1f} s of video in {done.spent:.1f} s, {rate:.2f} s a second")
