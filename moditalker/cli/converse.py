"""Let several faces speak with one another: ``converse``."""

import argparse
from pathlib import Path

from moditalker.cli.parsing import Commands, add_option
from moditalker.options import CONVERSATION_OPTIONS
from moditalker.utils.errors import InputError


def add_commands(commands: Commands) -> None:
    """Add ``converse`` to the parser."""
    command = commands.add_parser("converse", help="several faces that speak and listen")
    command.add_argument(
        "sources",
        nargs="+",
        type=Path,
        metavar="PICTURE... [SCRIPT.toml]",
        help="one picture with several faces, or several portraits; then the script",
    )
    command.add_argument("-o", "--output", type=Path, required=True, help="OUT.mp4; OUT.json is written beside it")
    command.add_argument(
        "--tracks",
        nargs="+",
        type=Path,
        default=[],
        metavar="FILE",
        help="in place of a script: a recording for each face, from the left, or one in stereo",
    )
    command.add_argument(
        "--diarize",
        type=Path,
        metavar="FILE",
        help="in place of a script: one recording of all, taken apart by their voices; who speaks first is face 1",
    )
    command.add_argument("--layout", choices=("side", "cut"), help="several portraits side by side, or cut (side)")
    command.add_argument("--preset", default="compact", help="a preset's name, or a folder or hub id of weights")
    command.add_argument("--mark", action="store_true", help='write "AI-generated" into a corner of the picture')
    for name in CONVERSATION_OPTIONS:
        add_option(command, name)
    command.set_defaults(run=_converse)


def _converse(options: argparse.Namespace) -> None:
    from moditalker.conversation.script import read_script
    from moditalker.loading import load_pipeline
    from moditalker.utils.progress import StageBars

    *pictures, last = options.sources
    script = last if last.suffix.lower() == ".toml" else None
    if script is None:
        pictures.append(last)
    if script is None and not options.tracks and options.diarize is None:
        raise InputError("There is nothing to say: end the list with a script (.toml), or give --tracks or --diarize.")
    if script is not None:
        read_script(script)  # before the weights are loaded
    pipeline = load_pipeline(options.preset)
    with StageBars() as bars:
        report = pipeline.converse(
            pictures,
            script,
            options.output,
            tracks=options.tracks,
            mixed=options.diarize,
            layout=options.layout,
            mark=options.mark or None,
            **{name: value for name in CONVERSATION_OPTIONS if (value := getattr(options, name)) is not None},
            progress=bars,
        )
    print(f"{report['output']}: {report['frames']} frames, {report['faces']} faces, seed {report['seed']}; ", end="")
    print(f"{report['real_time_factor']:.2f} seconds of work a second of video")
