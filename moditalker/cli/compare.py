"""The commands ``compare``, ``baseline`` and ``baselines``, for ``moditalker.cli.main``."""

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from moditalker.cli.parsing import Commands, add_option, load, whole
from moditalker.options import DEFAULTS
from moditalker.utils.errors import InputError


def add_commands(commands: Commands) -> None:
    """Add ``compare``, ``baseline`` and ``baselines`` to the parser."""
    compare = commands.add_parser("compare", help="several methods side by side on the same portraits and recordings")
    compare.add_argument(
        "folder",
        type=Path,
        nargs="?",
        help="of NAME.png (or .jpg), NAME.wav (or .mp3 ...), and NAME.mp4; where there is no NAME.png, it is dubbed",
    )
    compare.add_argument(
        "-o", "--output", type=Path, required=True, metavar="OUT", help="folder of videos, tables, a page"
    )
    compare.add_argument(
        "--methods", nargs="+", metavar="NAME", help="'baselines' lists them; the built-in ones if none"
    )
    compare.add_argument("--crop", choices=("face", "full"), default="full")
    compare.add_argument("--data", type=Path, help="in place of a folder: real clips, as for 'benchmark'")
    compare.add_argument("--split", default="val", help="of --data")
    compare.add_argument(
        "--every", type=whole(1, 100_000), default=1, metavar="N", help="every n-th of --data's clips under 2 s"
    )
    _add_options(compare)
    compare.set_defaults(run=_compare)

    baseline = commands.add_parser("baseline", help="make a portrait, or a video's person, speak by one method")
    baseline.add_argument("name", help="'baselines' lists them")
    baseline.add_argument("source", type=Path, metavar="PORTRAIT_OR_VIDEO", help="a video for a method that dubs")
    baseline.add_argument("audio", type=Path)
    baseline.add_argument("-o", "--output", type=Path, required=True, metavar="OUT.mp4")
    baseline.add_argument("--crop", choices=("face", "full"), default="full")
    _add_options(baseline)
    baseline.set_defaults(run=_baseline)

    listed = commands.add_parser("baselines", help="the methods, their licences, and whether they can run here")
    _add_sources(listed)
    listed.set_defaults(run=_list)


def _add_sources(command: argparse.ArgumentParser) -> None:
    command.add_argument("--preset", default="compact", help="a preset's name, or a folder or hub id of weights")
    command.add_argument("--wav2lip", type=Path, metavar="FILE.pth", help="Wav2Lip's checkpoint")
    command.add_argument("--spaces", type=Path, metavar="FOLDER", help="TOML files of Gradio servers")


def _add_options(command: argparse.ArgumentParser) -> None:
    _add_sources(command)
    add_option(command, "seed", default=0)
    command.add_argument("--head-motion", choices=("natural", "still"), default="natural")
    for name in ("atom_steps", "mtov_steps", "guidance"):
        add_option(command, name, default=getattr(DEFAULTS, name))


@dataclass(frozen=True)
class _Here:
    """What all three commands need."""

    pipeline: Any
    tracker: Any
    methods: dict[str, Any]


def _here(options: argparse.Namespace) -> _Here:
    from moditalker.baselines.registry import Sources, find_methods
    from moditalker.face.tracker import make_tracker

    pipeline = load(options.preset)
    environment = Sources.of_environment()
    sources = Sources(options.wav2lip or environment.wav2lip, options.spaces or environment.spaces)
    name = pipeline.config["tracker"]
    return _Here(pipeline, make_tracker(name), find_methods(pipeline, sources, name))


def _making(options: argparse.Namespace) -> Any:
    from moditalker.baselines.protocol import Options

    return Options(
        seed=options.seed,
        head_motion=options.head_motion,
        atom_steps=options.atom_steps,
        mtov_steps=options.mtov_steps,
        guidance=options.guidance,
    )


def _compare(options: argparse.Namespace) -> None:
    from moditalker.baselines.registry import DEFAULT, DEFAULT_DUBS, choose
    from moditalker.compare.comparison_table import markdown_of, shown_columns
    from moditalker.compare.pairs import compare_pairs, find_pairs, mean_rows
    from moditalker.compare.split import compare_split
    from moditalker.utils.progress import StageBars

    if (options.folder is None) == (options.data is None):
        raise InputError("Name either a folder of portraits and recordings, or --data with real clips.")
    pairs = [] if options.folder is None else find_pairs(options.folder)
    here = _here(options)
    only_videos = bool(pairs) and all(pair.portrait is None for pair in pairs)
    methods = choose(here.methods, options.methods or (DEFAULT_DUBS if only_videos else DEFAULT))
    if options.data is not None:
        table = compare_split(
            methods,
            options.data,
            options.output,
            here.tracker,
            split=options.split,
            every=options.every,
            options=_making(options),
            weights=here.pipeline.weight_hashes(),
        )
        _say(table, end="")
        return
    with StageBars() as bars:
        rows = compare_pairs(
            pairs,
            methods,
            options.output,
            here.tracker,
            options=_making(options),
            crop=options.crop,
            tell=lambda column, stage, done, total: bars(f"{column + 1}: {stage}", done, total),
        )
    means = mean_rows(rows)
    _say(markdown_of(means, shown_columns(means)), end="")
    for row in rows:
        if "failed" in row:
            _say(f"{row['pair']}, {row['title']}: {row['failed']}")
    _say(f"{options.output / 'index.html'}")


def _baseline(options: argparse.Namespace) -> None:
    import tempfile

    from moditalker.baselines.registry import choose
    from moditalker.compare.inputs import prepare_inputs
    from moditalker.utils.progress import StageBars
    from moditalker.utils.targets import check_targets

    check_targets({"video": options.output}, {"portrait": options.source, "recording": options.audio})
    here = _here(options)
    method = choose(here.methods, [options.name])[0]
    missing = method.available()
    if missing:
        raise InputError(missing)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch, StageBars() as bars:
        dubs, folder = method.facts.dubs, Path(scratch)
        portrait, video = (None, options.source) if dubs else (options.source, None)
        inputs = prepare_inputs(portrait, options.audio, folder, here.tracker, options.crop, video=video)
        made = method.make(inputs.video or inputs.portrait, inputs.audio, options.output, _making(options), bars)
    stages = ", ".join(f"{stage} {seconds:.1f} s" for stage, seconds in made.seconds.items())
    _say(f"{options.output}: {inputs.frames} frames by {method.facts.title}; {stages}")


def _list(options: argparse.Namespace) -> None:
    from moditalker.baselines.registry import listing

    for told in listing(_here(options).methods.values()):
        _say(f"{told['name']}: {told['title']}. {told['what']}")
        where = f" Sends both to {told['sent to']}." if told["sent to"] else ""
        _say(f"    Takes a {told['takes']} and a recording. Licence: {told['licence']}. Needs {told['needs']}.{where}")
        _say(f"    {told['missing'] or 'It can run here.'}")


def _say(text: str, end: str = "\n") -> None:
    print(text, end=end)
