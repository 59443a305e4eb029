"""Speech to the motion of an avatar: ``motion``."""

import argparse
from pathlib import Path

from moditalker.cli.parsing import Commands, add_option
from moditalker.options import EXPORT_STEPS, option_names

_NOT_HERE = ("mtov_steps", "crop", "mark")


def add_commands(commands: Commands) -> None:
    """Add ``motion`` to the parser."""
    command = commands.add_parser(
        "motion", help="52 blendshapes, head and eyes of a portrait that speaks, without video"
    )
    command.add_argument("portrait", type=Path, help="JPEG, PNG or WebP picture of a face")
    command.add_argument("audio", type=Path, help="recording, or a video whose sound track is used")
    command.add_argument(
        "-o",
        "--output",
        type=Path,
        required=True,
        metavar="OUT",
        help="OUT.csv (Live Link Face), .json, .glb or .usda; OUT.npz or OUT.motion.json keeps the motion itself",
    )
    command.add_argument("--fps", choices=("30", "60"), default="60", help="frames a second (60)")
    command.add_argument("--preset", default="compact", help="a preset's name, or a folder or hub id of weights")
    for name in option_names():
        if name not in _NOT_HERE:
            add_option(command, name, default=EXPORT_STEPS if name == "atom_steps" else None)
    command.add_argument("--head-motion", default="natural", metavar="natural|still|VIDEO")
    command.add_argument("--style", type=Path, metavar="CLIP", help="ten seconds of somebody, for their way of talking")
    shown = command.add_mutually_exclusive_group()
    shown.add_argument("--keys", type=Path, metavar="FILE.json", help="what the face does at which moment")
    shown.add_argument("--motion", type=Path, metavar="FILE", help="write this one and no new one")
    command.set_defaults(run=_motion)


def _motion(options: argparse.Namespace) -> None:
    import time

    from moditalker.atom.motion_file import given_motion, is_motion_file, write_motion
    from moditalker.constants import FPS
    from moditalker.export.write import check_suffix, made_motion, write_animation
    from moditalker.loading import load_pipeline
    from moditalker.utils.progress import StageBars
    from moditalker.utils.targets import check_targets

    if not is_motion_file(options.output):
        check_suffix(options.output)
    inputs = {"portrait": options.portrait, "recording": options.audio, "file of keys": options.keys}
    inputs["video for the style"] = options.style
    check_targets({"animation": options.output}, {**inputs, "motion file": options.motion})
    pipeline = load_pipeline(options.preset)
    given = {
        name: value
        for name in option_names()
        if name not in _NOT_HERE and (value := getattr(options, name)) is not None
    }
    given |= {"head_motion": options.head_motion, "keys": options.keys, "style": options.style}
    started, fps = time.perf_counter(), int(options.fps)
    with StageBars() as bars:
        if is_motion_file(options.output):
            shown = given_motion(options.motion, style=options.style)
            if shown is None:
                _, shown, seed = made_motion(pipeline, options.portrait, options.audio, progress=bars, **given)
            write_motion(options.output, shown)
            frames, fps = len(shown), FPS
        else:
            animation, seed = write_animation(
                pipeline,
                options.portrait,
                options.audio,
                options.output,
                fps=fps,
                motion=options.motion,
                progress=bars,
                **given,
            )
            frames = len(animation)
    spent, seconds = time.perf_counter() - started, frames / fps
    print(f"{options.output}: {frames} frames at {fps} a second", end="")
    print("" if options.motion else f", seed {seed}", end="")
    print(f"; {spent:.1f} s of work for {seconds:.1f} s of speech")
