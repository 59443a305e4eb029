"""Speech to the motion of an avatar: ``motion``."""

import argparse
from pathlib import Path

from moditalker.cli.parsing import Commands, add_option
from moditalker.options import option_names

_STEPS = 8
"""Of AToM, when none are given: half of a video's; see docs/experiments.md for what the other half would change."""
_NOT_HERE = ("mtov_steps", "crop", "mark")


def add_commands(commands: Commands) -> None:
    """Add ``motion`` to the parser."""
    command = commands.add_parser(
        "motion", help="52 blendshapes, head and eyes of a portrait that speaks, without video"
    )
    command.add_argument("portrait", type=Path, help="JPEG, PNG or WebP picture of a face")
    command.add_argument("audio", type=Path, help="recording, or a video whose sound track is used")
    command.add_argument(
        "-o", "--output", type=Path, required=True, metavar="OUT", help="OUT.csv (Live Link Face), .json, .glb or .usda"
    )
    command.add_argument("--fps", choices=("30", "60"), default="60", help="frames a second (60)")
    command.add_argument("--preset", default="compact", help="a preset's name, or a folder or hub id of weights")
    for name in option_names():
        if name not in _NOT_HERE:
            add_option(command, name, default=_STEPS if name == "atom_steps" else None)
    command.add_argument("--head-motion", default="natural", metavar="natural|still|VIDEO")
    command.set_defaults(run=_motion)


def _motion(options: argparse.Namespace) -> None:
    import time

    from moditalker.export.write import check_suffix, write_animation
    from moditalker.loading import load_pipeline
    from moditalker.utils.progress import StageBars
    from moditalker.utils.targets import check_targets

    check_suffix(options.output)
    check_targets({"animation": options.output}, {"portrait": options.portrait, "recording": options.audio})
    pipeline = load_pipeline(options.preset)
    started = time.perf_counter()
    with StageBars() as bars:
        animation, seed = write_animation(
            pipeline,
            options.portrait,
            options.audio,
            options.output,
            fps=int(options.fps),
            head_motion=options.head_motion,
            progress=bars,
            **{
                name: value
                for name in option_names()
                if name not in _NOT_HERE and (value := getattr(options, name)) is not None
            },
        )
    spent, seconds = time.perf_counter() - started, len(animation) / animation.fps
    print(f"{options.output}: {len(animation)} frames at {animation.fps} a second, seed {seed}; ", end="")
    print(f"{spent:.1f} s of work for {seconds:.1f} s of speech")
