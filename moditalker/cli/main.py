"""The command line: ``animate``, ``track``, ``evaluate``, ``benchmark``, ``prepare``, ``train``, ``assemble``."""

import argparse
import functools
import logging
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from moditalker.cli.option_arguments import add_option
from moditalker.cli.study import add_study
from moditalker.options import DEFAULTS
from moditalker.utils.errors import InputError

NETWORKS = (
    "autoencoder",
    "flow",
    "mtov",
    "detail",
    "atom",
    "head",
    "regression",
    "sync",
    "offsets",
    "autoencoder-rgb",
    "autoencoder-motion",
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns:
        0; or 2 when the input cannot be used, after one sentence on standard error.
    """
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(message)s")
    options = _parser().parse_args(arguments)
    try:
        options.run(options)
    except InputError as error:
        print(f"moditalker: {error}", file=sys.stderr)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m moditalker", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_animate(commands)
    _add_track(commands)
    _add_prepare(commands)
    _add_clips(commands)
    _add_shards(commands)
    _add_train(commands)
    _add_assemble(commands)
    _add_convert(commands)
    _add_evaluate(commands)
    _add_bench(commands)
    _add_benchmark(commands)
    _add_compare(commands)
    add_study(commands, _load)
    return parser


def _load(source: str) -> Any:
    from moditalker.loading import load_pipeline

    return load_pipeline(source)


Commands = Any  # argparse gives the type of sub-parsers no public name


ANIMATE = (
    *("atom_steps", "mtov_steps", "guidance", "lip_scale", "head_scale", "blink_scale"),
    *("max_seconds", "crop", "seed"),
)


def _add_animate(commands: Commands) -> None:
    command = commands.add_parser("animate", help="make a portrait speak")
    command.add_argument("portrait", type=Path, help="JPEG, PNG or WebP picture of a face")
    command.add_argument("audio", type=Path, help="recording, or a video whose sound track is used")
    command.add_argument("-o", "--output", type=Path, required=True, help="OUT.mp4; OUT.json is written beside it")
    command.add_argument("--preset", default="compact", help="a preset's name, or a folder or hub id of weights")
    for name in ANIMATE:
        add_option(command, name)
    command.add_argument("--head-motion", default="natural", metavar="natural|still|VIDEO")
    command.add_argument("--landmarks", type=Path, metavar="FILE.npz", help="use these instead of AToM's")
    command.add_argument("--save-landmarks", type=Path, metavar="FILE.npz")
    command.set_defaults(run=_animate)


def _animate(options: argparse.Namespace) -> None:
    from moditalker.face.landmark_file import read_landmarks
    from moditalker.loading import load_pipeline
    from moditalker.utils.progress import StageBars

    landmarks = read_landmarks(options.landmarks) if options.landmarks else None
    pipeline = load_pipeline(options.preset)
    with StageBars() as bars:
        report = pipeline.animate(
            options.portrait,
            options.audio,
            options.output,
            landmarks=landmarks,
            save_landmarks=options.save_landmarks,
            head_motion=options.head_motion,
            # What was not given is the preset's own.
            **{name: value for name in ANIMATE if (value := getattr(options, name)) is not None},
            progress=bars,
        )
    stages = ", ".join(f"{stage} {seconds:.1f} s" for stage, seconds in report["seconds"].items())
    print(f"{report['output']}: {report['frames']} frames, seed {report['seed']}; {stages}; ", end="")
    print(f"{report['real_time_factor']:.2f} seconds of work a second of video")


def _add_track(commands: Commands) -> None:
    command = commands.add_parser("track", help="landmarks of the face in a video")
    command.add_argument("video", type=Path)
    command.add_argument("-o", "--output", type=Path, required=True, metavar="FILE.npz")
    command.add_argument("--tracker", default="mediapipe", help="mediapipe or face-alignment")
    command.set_defaults(run=_track)


def _track(options: argparse.Namespace) -> None:
    from moditalker.constants import FPS
    from moditalker.face.landmark_file import write_landmarks
    from moditalker.face.tracker import make_tracker
    from moditalker.utils.progress import StageBars
    from moditalker.video.read import read_video

    with StageBars() as bars:
        frames = read_video(options.video, fps=FPS)
        landmarks = make_tracker(options.tracker).track(frames, lambda done: bars("track", done, done))
    write_landmarks(options.output, landmarks)
    print(f"{options.output}: landmarks {landmarks.shape} at {FPS} frames a second")


def _add_assemble(commands: Commands) -> None:
    command = commands.add_parser("assemble", help="join trained networks into a preset's folder")
    command.add_argument(
        "--runs",
        type=Path,
        required=True,
        help="folder that holds the runs atom, head, autoencoder, flow, mtov, detail",
    )
    command.add_argument("-o", "--output", type=Path, required=True)
    command.add_argument(
        "--preset", choices=("compact", "paper"), default="compact", help="paper: atom, autoencoder-rgb, -motion, mtov"
    )
    paper = command.add_argument_group("paper preset (default: as the networks were converted or trained)")
    paper.add_argument("--inputs", choices=("released", "ours"), help="what the networks are shown")
    paper.add_argument("--chain", choices=("first", "last"), help="frame that blocks start from: portrait, or the last")
    paper.add_argument("--speech-encoder", metavar="DIR_OR_ID", help="HuBERT's folder or hub id")
    command.set_defaults(run=_assemble)


def _assemble(options: argparse.Namespace) -> None:
    from moditalker.release.assemble import assemble
    from moditalker.release.assemble_paper import assemble_paper

    of_paper = (options.inputs, options.chain, options.speech_encoder)
    if options.preset == "paper":
        size = assemble_paper(options.runs, options.output, *of_paper)
    elif any(of_paper):
        raise InputError("--inputs, --chain and --speech-encoder belong to the paper preset; add --preset paper.")
    else:
        size = assemble(options.runs, options.output)
    print(f"{options.output}: {size / 1e6:.1f} MB of weights")


def _add_convert(commands: Commands) -> None:
    command = commands.add_parser("convert", help="a published checkpoint file to a network of the paper preset")
    command.add_argument("network", choices=("atom", "autoencoder-rgb", "autoencoder-motion", "mtov"))
    command.add_argument("file", type=Path, help="what torch.save wrote, or safetensors")
    command.add_argument("-o", "--output", type=Path, required=True, metavar="DIR")
    command.add_argument(
        "--conditioning",
        choices=("released", "paper"),
        default="released",
        help="atom: whether audio is for lips alone",
    )
    command.add_argument(
        "--weights", choices=("model", "ema"), default="model", help="of a file with both (the authors read model)"
    )
    command.add_argument(
        "--inputs", choices=("released", "ours"), default="released", help="what the network was trained on"
    )
    command.add_argument("--speech-encoder", metavar="DIR_OR_ID", help="atom: HuBERT's folder or hub id")
    command.add_argument(
        "--config", type=Path, metavar="FILE.json", help="sizes, where they are not the published ones"
    )
    command.set_defaults(run=_convert)


def _convert(options: argparse.Namespace) -> None:
    from moditalker.paper.convert import convert, read_config

    config = read_config(options.config)
    if options.network == "atom":
        config = {"conditioning": options.conditioning, **config}
    done = convert(
        options.network,
        options.file,
        options.output,
        config,
        weights=options.weights,
        inputs=options.inputs,
        speech_encoder=options.speech_encoder,
    )
    print(f"{options.output}: {done}")


def _add_evaluate(commands: Commands) -> None:
    command = commands.add_parser("evaluate", help="measure a generated video against the real one")
    command.add_argument("generated", type=Path)
    command.add_argument("reference", type=Path)
    command.add_argument("-o", "--output", type=Path, metavar="REPORT.json")
    command.set_defaults(run=_evaluate)


def _evaluate(options: argparse.Namespace) -> None:
    from moditalker.benchmark.evaluate import evaluate

    print(evaluate(options.generated, options.reference, options.output))


def _add_bench(commands: Commands) -> None:
    command = commands.add_parser("bench", help="operations and seconds that 16 frames of a preset cost")
    command.add_argument("--preset", choices=("paper",), default="paper")
    command.add_argument("-o", "--output", type=Path, metavar="REPORT.json")
    command.add_argument("--atom-steps", type=int, default=50)
    command.add_argument("--mtov-steps", type=int, default=25)
    command.add_argument("--device", help="cpu or cuda (default: cuda where there is one)")
    command.add_argument("--count-only", action="store_true", help="time nothing")
    command.set_defaults(run=_bench)


def _bench(options: argparse.Namespace) -> None:
    import torch

    from moditalker.paper.bench import bench_paper

    device = options.device or ("cuda" if torch.cuda.is_available() else "cpu")
    table = bench_paper(
        atom_steps=options.atom_steps,
        mtov_steps=options.mtov_steps,
        device=None if options.count_only else device,
        output=options.output,
    )
    print(table, end="")


def _add_benchmark(commands: Commands) -> None:
    command = commands.add_parser("benchmark", help="measure the weights on real clips, beside controls")
    command.add_argument(
        "--data", type=Path, required=True, help="folder that 'prepare' wrote, or one of clips with clips.csv"
    )
    command.add_argument("--split", default="val")
    command.add_argument(
        "-o", "--output", type=Path, required=True, metavar="OUT.json", help="OUT.md beside it; a second run goes on"
    )
    command.add_argument("--weights", default="compact", help="a preset's name, or a folder or hub id of weights")
    command.add_argument("--every", type=int, default=1, metavar="N", help="every n-th of the clips under two seconds")
    command.add_argument("--workers", type=int, default=1, help="processes")
    command.add_argument("--rows", nargs="*", help="only these rows of the table (a wrong name lists them)")
    command.add_argument("--seed", type=int, default=0)
    for name in ("atom_steps", "mtov_steps", "guidance"):
        add_option(command, name, default=getattr(DEFAULTS, name))
    command.set_defaults(run=_benchmark)


def _benchmark(options: argparse.Namespace) -> None:
    from moditalker.benchmark.runner import ALL_ROWS, benchmark
    from moditalker.benchmark.systems import Sampling

    table = benchmark(
        functools.partial(_load, options.weights),
        options.data,
        options.output,
        split=options.split,
        rows=options.rows or ALL_ROWS,
        every=options.every,
        seed=options.seed,
        sampling=Sampling(options.atom_steps, options.mtov_steps, options.guidance),
        workers=options.workers,
    )
    print(table, end="")


def _add_compare(commands: Commands) -> None:
    from moditalker.cli.compare import add_commands

    add_commands(commands, _load)


def _add_prepare(commands: Commands) -> None:
    command = commands.add_parser("prepare", help="make training arrays from a list of clips")
    command.add_argument("clips", type=Path, help="CSV with the columns path, split, speaker")
    command.add_argument("-o", "--output", type=Path, required=True)
    command.add_argument("--encoder", default="moonshine", help="moonshine, hubert or hub:ID-OR-FOLDER")
    command.add_argument("--tracker", default="mediapipe", help="mediapipe or face-alignment")
    command.add_argument("--workers", type=int, default=2)
    command.set_defaults(run=_prepare)


def _prepare(options: argparse.Namespace) -> None:
    from moditalker.training.data.prepare import prepare

    usable, left_out = prepare(
        options.clips, options.output, encoder=options.encoder, tracker=options.tracker, workers=options.workers
    )
    print(f"{usable} clips are ready in {options.output}; {left_out} were left out (rejected.json says why).")


def _add_train(commands: Commands) -> None:
    command = commands.add_parser("train", help="train one network on prepared clips")
    command.add_argument("network", choices=NETWORKS)
    command.add_argument("--data", type=Path, required=True, help="folder that 'prepare' (paper: 'shards') wrote")
    command.add_argument("--output", type=Path, help="run folder; a run found there is resumed (default runs/NETWORK)")
    command.add_argument("--preset", choices=("compact", "paper"), default="compact", help="whose networks")
    command.add_argument(
        "--config", type=Path, metavar="FILE.json", help="paper: a recipe instead of the published one"
    )
    command.add_argument("--autoencoder", type=Path, help="mtov, detail: model folder of the autoencoder")
    command.add_argument("--denoiser", type=Path, help="detail: model folder of the denoiser")
    command.add_argument("--landmark-autoencoder", type=Path, help="mtov of the paper: that of drawn landmarks")
    command.add_argument(
        "--flow", type=Path, help="mtov, detail: model folder of the flow network (default: the spline alone)"
    )
    command.add_argument("--expert", type=Path, help="for offsets: the lip-sync expert's folder (default: the shipped)")
    command.add_argument(
        "--encoder", help="for atom, head, regression: whose speech features (default: prepare's last)"
    )
    command.add_argument("--minutes", type=float, help="time budget (20), 0 for none")
    command.add_argument("--start", type=Path, help="model folder of an earlier run to go on from")
    command.add_argument("--perceptual-weight", type=float, help="autoencoder (1) and mtov (5): of LPIPS in the loss")
    alone = command.add_mutually_exclusive_group()
    alone.add_argument("--decoder-only", action="store_true", help="mtov: the denoiser stays as it is")
    alone.add_argument("--denoiser-only", action="store_true", help="mtov: the decoder stays as it is")
    command.add_argument("--planes-after", type=int, default=0, help="autoencoder: steps before the planes join")
    command.add_argument("--max-steps", type=int, help="step budget (0), 0 for none")
    command.add_argument("--learning-rate", type=float, help="4e-4, or the recipe's")
    command.add_argument(
        "--batch",
        type=int,
        help="blocks (autoencoder, mtov), clips (flow, detail), frames (atom, head, regression) or spans",
    )
    command.add_argument("--gradient-accumulation", type=int, help="batches a step (1)")
    command.add_argument("--ema-decay", type=float, help="of the averaged weights (0.998)")
    command.add_argument("--precision", choices=("bf16", "no"), help="bf16 by default")
    command.add_argument("--seed", type=int, help="0 by default")
    command.add_argument("--workers", type=int, help="of the data (1)")
    command.add_argument("--cpu", action="store_true", help="use the processor even where there is a GPU")
    command.set_defaults(run=_train)


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
    command.add_argument("--size", type=int, default=256, help="side of the frames, pixels")
    command.add_argument("--per-shard", type=int, default=64, help="clips of a tar file")
    command.add_argument("--source", type=Path, help="folder that the clips' paths start from (default: prepare's)")
    command.add_argument("--workers", type=int, default=2)
    command.set_defaults(run=_shards)


def _shards(options: argparse.Namespace) -> None:
    from moditalker.training.data.paper_shards import write_shards

    clips, shards = write_shards(
        options.data,
        options.output,
        size=options.size,
        per_shard=options.per_shard,
        source=options.source,
        workers=options.workers,
    )
    print(f"{options.output}: {clips} clips in {shards} shards")


def _train(options: argparse.Namespace) -> None:
    from moditalker.cli.train_run import train

    result = train(options)
    print("\n".join(f"{name}: {value:.5f}" for name, value in result.items()))
