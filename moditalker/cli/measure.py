"""Measure: ``evaluate``, ``bench``, ``benchmark``."""

import argparse
import functools
import json
from pathlib import Path

from moditalker.cli.parsing import Commands, Number, add_option, load, whole
from moditalker.engine.choose import ENGINES
from moditalker.options import DEFAULTS
from moditalker.utils.errors import InputError


def add_commands(commands: Commands) -> None:
    """Add ``evaluate``, ``bench``, ``benchmark`` to the parser."""
    _add_evaluate(commands)
    _add_bench(commands)
    _add_benchmark(commands)


def _add_evaluate(commands: Commands) -> None:
    command = commands.add_parser("evaluate", help="measure a generated video against the real one")
    command.add_argument("generated", type=Path)
    command.add_argument("reference", type=Path)
    command.add_argument("-o", "--output", type=Path, metavar="REPORT.json")
    command.set_defaults(run=_evaluate)


def _evaluate(options: argparse.Namespace) -> None:
    from moditalker.benchmark.evaluate import evaluate
    from moditalker.utils.targets import check_targets

    check_targets({"report": options.output}, {"generated video": options.generated, "reference": options.reference})
    print(evaluate(options.generated, options.reference, options.output))


def _add_bench(commands: Commands) -> None:
    command = commands.add_parser("bench", help="what a preset, a stream, an export, a batch, a dub or a talk cost")
    command.add_argument("--preset", help="paper; with --batch a preset's name, a folder or hub id (compact)")
    command.add_argument("-o", "--output", type=Path, metavar="REPORT.json")
    command.add_argument("--atom-steps", type=whole(1, 1000), default=50)
    command.add_argument("--mtov-steps", type=whole(1, 1000), default=25)
    command.add_argument("--device", help="cpu or cuda (default: cuda where there is one)")
    command.add_argument("--count-only", action="store_true", help="time nothing")
    command.add_argument(
        "--stream", nargs=2, type=Path, metavar=("PORTRAIT", "AUDIO"), help="the compact preset's stream instead"
    )
    command.add_argument(
        "--stages", nargs=2, type=Path, metavar=("PORTRAIT", "AUDIO"), help="each stage of the compact preset's instead"
    )
    command.add_argument(
        "--export", nargs=2, type=Path, metavar=("PORTRAIT", "AUDIO"), help="speech to blendshapes instead"
    )
    command.add_argument(
        "--seconds", type=Number(1, 36_000), help="of the stream, the stages or each clip (30), or the export (60)"
    )
    command.add_argument("--only-stream", action="store_true", help="for long ones: no whole run to compare with")
    dub = command.add_argument_group("dubbing")
    dub.add_argument("--dub", type=Path, metavar="DATA", help="real clips, dubbed with their own and with other sounds")
    dub.add_argument("--split", default="val", help="of the clips (val)")
    dub.add_argument("--clips", type=whole(2, 10_000), default=10, help="at most so many, the longest (10)")
    dub.add_argument("--wav2lip", type=Path, metavar="FILE.pth", help="Wav2Lip's checkpoint, for a row of its own")
    talk = command.add_argument_group("conversations")
    talk.add_argument(
        "--converse", nargs=2, type=Path, metavar=("PICTURE", "SCRIPT.toml"), help="how faces speak and listen"
    )
    talk.add_argument("--video", type=Path, metavar="OUT.mp4", help="keep the conversation")
    batch = command.add_argument_group("throughput")
    batch.add_argument("--batch", action="store_true", help="videos by a bare loop, by one worker and by two")
    batch.add_argument("--videos", type=whole(2, 10_000), default=12, help="of a second each (12)")
    batch.add_argument("--engine", nargs="+", choices=ENGINES, default=["local"], help="which engines (local)")
    command.set_defaults(run=_bench)


def _bench(options: argparse.Namespace) -> None:
    if options.batch:
        from moditalker.batch.bench import bench_batch, table_of

        print(table_of(bench_batch(options.videos, options.preset or "compact", engines=options.engine)), end="")
        return
    if options.dub is not None:
        _bench_dub(options)
        return
    if options.converse is not None:
        _bench_converse(options)
        return
    if options.preset not in (None, "paper"):
        raise InputError(f"Operations are counted of the preset paper, not of {options.preset}; or add --batch.")
    import torch

    from moditalker.paper.bench import bench_paper
    from moditalker.utils.targets import check_targets

    check_targets({"report": options.output}, {})
    if options.stream or options.stages or options.export:
        _bench_compact(options)
        return
    device = options.device or ("cuda" if torch.cuda.is_available() else "cpu")
    table = bench_paper(
        atom_steps=options.atom_steps,
        mtov_steps=options.mtov_steps,
        device=None if options.count_only else device,
        output=options.output,
    )
    print(table, end="")


def _bench_compact(options: argparse.Namespace) -> None:
    from moditalker.benchmark.export_bench import bench_export
    from moditalker.benchmark.stage_bench import bench_stages
    from moditalker.benchmark.stream_bench import bench_stream

    portrait, audio = options.export or options.stages or options.stream
    seconds = options.seconds or (60.0 if options.export else 30.0)
    if options.export is not None:
        table, rows = bench_export(load("compact"), portrait, audio, seconds)
    elif options.stages is not None:
        table, rows = bench_stages(load("compact"), portrait, audio, seconds)
    else:
        whole = not options.only_stream
        table, rows = bench_stream(load("compact"), portrait, audio, seconds, seed=0, whole=whole)
    if options.output is not None:
        options.output.write_text(json.dumps(rows, indent=1))
    print(table, end="")


def _bench_dub(options: argparse.Namespace) -> None:
    from moditalker.baselines.registry import Sources, find_dubs
    from moditalker.benchmark.dub_bench import bench_dub
    from moditalker.benchmark.one_picture import OnePicture
    from moditalker.face.tracker import make_tracker
    from moditalker.utils.targets import check_targets

    check_targets({"report": options.output}, {})
    wav2lip = options.wav2lip or Sources.of_environment().wav2lip
    if wav2lip is not None and not wav2lip.is_file():
        raise InputError(f"There is no Wav2Lip checkpoint at {wav2lip}: name one that is there.")
    pipeline = load(options.preset or "compact")
    found = [*find_dubs(pipeline, Sources(wav2lip)), OnePicture(pipeline)]
    methods = [method for method in found if method.available() is None]
    table, rows = bench_dub(
        methods,
        options.dub,
        make_tracker(),
        split=options.split,
        clips=options.clips,
        seconds=options.seconds or 30.0,
    )
    if options.output is not None:
        options.output.write_text(json.dumps(rows, indent=1))
    print(table, end="")


def _bench_converse(options: argparse.Namespace) -> None:
    from moditalker.benchmark.converse_bench import bench_converse
    from moditalker.face.tracker import make_tracker
    from moditalker.utils.targets import check_targets

    picture, script = options.converse
    check_targets({"report": options.output, "video": options.video}, {"picture": picture, "script": script})
    pipeline = load(options.preset or "compact")
    table, rows = bench_converse(pipeline, picture, script, make_tracker(), output=options.video)
    if options.output is not None:
        options.output.write_text(json.dumps(rows, indent=1))
    print(table, end="")


def _add_benchmark(commands: Commands) -> None:
    command = commands.add_parser("benchmark", help="measure the weights on real clips, beside controls")
    command.add_argument(
        "--data", type=Path, required=True, help="folder that 'prepare' wrote, or one of clips with clips.csv"
    )
    command.add_argument("--split", default="val", help="or several: val,test (val)")
    command.add_argument("--by", metavar="COLUMN", help="of clips.csv, such as language: measures for each value too")
    command.add_argument(
        "-o", "--output", type=Path, required=True, metavar="OUT.json", help="OUT.md beside it; a second run goes on"
    )
    command.add_argument("--weights", default="compact", help="a preset's name, or a folder or hub id of weights")
    command.add_argument(
        "--every", type=whole(1, 100_000), default=1, metavar="N", help="every n-th of the clips under two seconds"
    )
    command.add_argument("--workers", type=whole(1, 256), default=1, help="processes")
    command.add_argument("--rows", nargs="*", help="only these rows of the table (a wrong name lists them)")
    add_option(command, "seed", default=0)
    for name in ("atom_steps", "mtov_steps", "guidance"):
        add_option(command, name, default=getattr(DEFAULTS, name))
    command.set_defaults(run=_benchmark)


def _benchmark(options: argparse.Namespace) -> None:
    from moditalker.benchmark.runner import ALL_ROWS, benchmark
    from moditalker.benchmark.systems import Sampling
    from moditalker.utils.targets import check_targets

    check_targets({"report": options.output, "table": options.output.with_suffix(".md")}, {"data": options.data})
    table = benchmark(
        functools.partial(load, options.weights),
        options.data,
        options.output,
        split=options.split,
        rows=options.rows or ALL_ROWS,
        every=options.every,
        seed=options.seed,
        sampling=Sampling(options.atom_steps, options.mtov_steps, options.guidance),
        workers=options.workers,
        by=options.by,
    )
    print(table, end="")
