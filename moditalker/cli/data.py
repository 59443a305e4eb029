"""From clips to training data: ``clips``, ``prepare``, ``views``, ``shards``."""

import argparse
from pathlib import Path

from moditalker.cli.engine_options import add_engine, engine_options
from moditalker.cli.parsing import Commands, whole


def add_commands(commands: Commands) -> None:
    """Add ``prepare``, ``views``, ``clips``, ``shards`` to the parser."""
    _add_prepare(commands)
    _add_views(commands)
    _add_clips(commands)
    _add_shards(commands)


def _add_prepare(commands: Commands) -> None:
    command = commands.add_parser("prepare", help="make training arrays from a list of clips")
    command.add_argument("clips", type=Path, help="CSV with the columns path, split, speaker")
    command.add_argument("-o", "--output", type=Path, required=True)
    command.add_argument("--encoder", default="moonshine", help="moonshine, hubert or hub:ID-OR-FOLDER")
    command.add_argument("--tracker", default="mediapipe", help="mediapipe or face-alignment")
    add_engine(command, workers=2)
    command.set_defaults(run=_prepare)


def _prepare(options: argparse.Namespace) -> None:
    from moditalker.engine.choose import open_engine
    from moditalker.training.data.prepare import prepare

    with open_engine(engine_options(options), ["moditalker.training.data.prepare"], apart=False) as engine:
        usable, left_out = prepare(
            options.clips, options.output, encoder=options.encoder, tracker=options.tracker, engine=engine
        )
    print(f"{usable} clips are ready in {options.output}; {left_out} were left out (rejected.json says why).")


def _add_views(commands: Commands) -> None:
    command = commands.add_parser("views", help="cut aligned faces for 'train renderer' out of people and clips")
    command.add_argument("clips", type=Path, nargs="*", help="CSV files with the columns path, split, speaker")
    command.add_argument("--people", type=Path, help="folder that 'train people' wrote")
    command.add_argument("-o", "--output", type=Path, required=True)
    add_engine(command, workers=2)
    command.set_defaults(run=_views)


def _views(options: argparse.Namespace) -> None:
    from moditalker.engine.choose import open_engine
    from moditalker.training.data.face_views import pack_views

    with open_engine(engine_options(options), ["moditalker.training.data.face_views"], apart=False) as engine:
        count = pack_views(options.output, options.people, options.clips, engine)
    print(f"{count} people and clips are ready in {options.output}.")


def _add_clips(commands: Commands) -> None:
    command = commands.add_parser("clips", help="list the clips of a data set's folder, for 'prepare'")
    command.add_argument("layout", choices=("hdtf", "lrs3"), help="NAME_12.mp4, or test/SPEAKER/00001.mp4")
    command.add_argument("folder", type=Path)
    command.add_argument("-o", "--output", type=Path, required=True, metavar="CLIPS.csv")
    command.set_defaults(run=_clips)


def _clips(options: argparse.Namespace) -> None:
    from moditalker.training.data.clip_lists import write_clip_list

    counts = write_clip_list(options.layout, options.folder, options.output)
    print(f"{options.output}: " + ", ".join(f"{count} clips for {split}" for split, count in sorted(counts.items())))


def _add_shards(commands: Commands) -> None:
    command = commands.add_parser("shards", help="pack prepared clips for training the paper preset")
    command.add_argument("--data", type=Path, required=True, help="folder that 'prepare' wrote")
    command.add_argument("-o", "--output", type=Path, required=True)
    command.add_argument("--size", type=whole(32, 1024), default=256, help="side of the frames, pixels")
    command.add_argument("--per-shard", type=whole(1, 100_000), default=64, help="clips of a tar file")
    command.add_argument("--source", type=Path, help="folder that the clips' paths start from (default: prepare's)")
    add_engine(command, workers=2)
    command.set_defaults(run=_shards)


def _shards(options: argparse.Namespace) -> None:
    from moditalker.engine.choose import open_engine
    from moditalker.training.data.paper_shards import write_shards

    with open_engine(engine_options(options), ["moditalker.training.data.paper_shards"], apart=False) as engine:
        clips, shards = write_shards(
            options.data,
            options.output,
            size=options.size,
            per_shard=options.per_shard,
            source=options.source,
            engine=engine,
        )
    print(f"{options.output}: {clips} clips in {shards} shards")
