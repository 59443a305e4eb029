"""Give a video's person other words, or bring its sound and its picture together: ``dub``."""

import argparse
from pathlib import Path
from typing import Any

from moditalker.cli.parsing import Commands, Number, add_option
from moditalker.options import bounds
from moditalker.utils.errors import InputError

_OPTIONS = ("atom_steps", "mtov_steps", "guidance", "lip_scale", "seed", "max_seconds")
_ACTIVE = "active"


def add_commands(commands: Commands) -> None:
    """Add ``dub`` to the parser."""
    command = commands.add_parser("dub", help="change the lips in a video to fit another recording")
    command.add_argument("video", type=Path, help="video of a person who is seen from the front most of the time")
    command.add_argument("audio", type=Path, nargs="?", help="recording, or a video whose sound track is used")
    command.add_argument("-o", "--output", type=Path, help="OUT.mp4; OUT.json is written beside it")
    command.add_argument("--preset", default="compact", help="a preset's name, or a folder or hub id of weights")
    for name in _OPTIONS:
        add_option(command, name)
    command.add_argument(
        "--face",
        type=_face,
        metavar="N",
        help="who is dubbed, counted from the left, or 'active', whoever speaks by the video's own sound (the largest)",
    )
    command.add_argument("--mark", action="store_true", help='write "AI-generated" into a corner')
    command.add_argument(
        "--when-longer",
        choices=("stop", "loop", "hold"),
        default="stop",
        help="a recording longer than the video is cut, or the video goes back and forth, or its last frame stands",
    )
    command.add_argument(
        "--when-shorter",
        choices=("stop", "rest"),
        default="stop",
        help="a video longer than the recording is cut, or goes on with the lips shut",
    )
    command.add_argument(
        "--original-level",
        type=Number(0, 1),
        default=0.0,
        metavar="LEVEL",
        help="how loud the video's own sound stays, 0 (none) to 1",
    )
    command.add_argument(
        "--offset-only",
        action="store_true",
        help="change no lips: measure by how much the video's own sound is late, and with -o move it",
    )
    command.set_defaults(run=_dub)


def _face(text: str) -> int | str:
    """A face's number, or the word for whoever speaks."""
    return _ACTIVE if text == _ACTIVE else int(Number(*bounds("face"), whole=True)(text))


def _dub(options: argparse.Namespace) -> None:
    if options.offset_only:
        _offset(options)
        return
    if options.audio is None or options.output is None:
        raise InputError("A dub needs a recording and -o OUT.mp4: dub VIDEO AUDIO -o OUT.mp4.")
    from moditalker.loading import load_pipeline
    from moditalker.utils.progress import StageBars
    from moditalker.utils.targets import check_targets

    targets = {"video": options.output, "report": options.output.with_suffix(".json")}
    check_targets(targets, {"video to dub": options.video, "recording": options.audio})
    pipeline = load_pipeline(options.preset)
    given = {name: value for name in (*_OPTIONS, "face") if (value := getattr(options, name)) is not None}
    with StageBars() as bars:
        report = pipeline.dub(
            options.video,
            options.audio,
            options.output,
            when_longer=options.when_longer,
            when_shorter=options.when_shorter,
            original_level=options.original_level,
            mark=options.mark,
            progress=bars,
            **given,
        )
    _tell(report)


def _tell(report: dict[str, Any]) -> None:
    from moditalker.utils.memory import in_words

    print(f"{report['output']}: {report['frames']} frames at {report['fps']:g} a second, ", end="")
    print(f"lips changed in {report['dubbed_seconds']:.1f} s, seed {report['seed']}; ", end="")
    print(f"{report['real_time_factor']:.2f} seconds of work a second of video")
    print(f"  {report['cpu_seconds_a_second']:.2f} CPU seconds a second; {in_words(report['memory_mb'])}")
    for one in report["followed"]:
        print(f"  {one['from']:.2f} to {one['to']:.2f} s: face {one['face']} speaks")
    for one in report["kept"]:
        print(f"  {one['from']:.2f} to {one['to']:.2f} s is left as it is: {one['reason']}")


def _offset(options: argparse.Namespace) -> None:
    from moditalker.constants import FPS
    from moditalker.dub.offset import measured_offset, mend_offset
    from moditalker.utils.progress import StageBars

    if options.audio is not None:
        raise InputError("--offset-only measures the video's own sound: leave the recording out.")
    if options.face == _ACTIVE:
        raise InputError("--offset-only follows one person: give --face a number, or leave it out.")
    with StageBars() as bars:
        found = measured_offset(options.video, bars, options.face)
    comes = "late" if found.frames > 0 else "early"
    print(f"{options.video}: the sound comes {abs(found.frames) / FPS * 1000:.0f} ms {comes} ", end="")
    print(f"(confidence {found.confidence:.3f}, {found.seconds:.1f} s of face)")
    if options.output is None:
        return
    if not found.clear:
        raise InputError("No offset stands out, so nothing is moved: use a longer video of a person who speaks.")
    mend_offset(options.video, options.output, found.frames)
    print(f"{options.output}: the sound is moved by {-found.frames / FPS * 1000:+.0f} ms")
