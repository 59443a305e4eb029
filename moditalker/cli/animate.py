"""Make a portrait speak, list the voices that speak a text, and track the face in a video."""

import argparse
from pathlib import Path
from typing import Any

from moditalker.cli.parsing import Commands, add_option
from moditalker.options import option_names
from moditalker.utils.errors import InputError


def add_commands(commands: Commands) -> None:
    """Add ``animate``, ``voices``, ``track`` to the parser."""
    _add_animate(commands)
    commands.add_parser("voices", help="the synthetic voices, and their languages").set_defaults(run=_voices)
    _add_track(commands)


def _add_animate(commands: Commands) -> None:
    command = commands.add_parser("animate", help="make a portrait speak")
    command.add_argument("portrait", type=Path, help="JPEG, PNG or WebP picture of a face")
    command.add_argument("audio", type=Path, nargs="?", help="recording, or a video whose sound track is used")
    command.add_argument("--text", help="what a synthetic voice says, in place of a recording")
    command.add_argument("--voice", help="that speaks the text (heart); 'voices' lists them")
    command.add_argument("-o", "--output", type=Path, required=True, help="OUT.mp4; OUT.json is written beside it")
    command.add_argument("--preset", default="compact", help="a preset's name, or a folder or hub id of weights")
    for name in option_names():
        add_option(command, name)
    command.add_argument("--head-motion", default="natural", metavar="natural|still|VIDEO")
    command.add_argument("--style", type=Path, metavar="CLIP", help="ten seconds of somebody, for their way of talking")
    shown = command.add_mutually_exclusive_group()
    shown.add_argument("--keys", type=Path, metavar="FILE.json", help="what the face does at which moment")
    shown.add_argument("--motion", type=Path, metavar="FILE", help="draw this .npz or .motion.json, and no new motion")
    shown.add_argument("--landmarks", type=Path, metavar="FILE.npz", help="use these instead of AToM's")
    command.add_argument("--save-landmarks", type=Path, metavar="FILE.npz")
    command.set_defaults(run=_animate)


def _animate(options: argparse.Namespace) -> None:
    from moditalker.animate import check_places
    from moditalker.face.landmark_file import read_landmarks
    from moditalker.loading import load_pipeline
    from moditalker.utils.progress import StageBars

    if (options.audio is None) == (options.text is None):
        raise InputError("Give either a recording or a text (--text), one of the two.")
    if options.voice and options.text is None:
        raise InputError("A voice speaks a text, and there is none: give --text, or leave --voice out.")
    inputs = {name: getattr(options, name) for name in ("portrait", "audio", "landmarks", "motion", "keys", "style")}
    check_places(options.output, options.save_landmarks, **inputs, head_motion=options.head_motion)
    landmarks = read_landmarks(options.landmarks) if options.landmarks else None
    speech = options.audio if options.audio is not None else _spoken(options.text, options.voice)
    pipeline = load_pipeline(options.preset)
    with StageBars() as bars:
        report = pipeline.animate(
            options.portrait,
            speech,
            options.output,
            landmarks=landmarks,
            motion=options.motion,
            keys=options.keys,
            style=options.style,
            save_landmarks=options.save_landmarks,
            head_motion=options.head_motion,
            # What was not given is the preset's own.
            **{name: value for name in option_names() if (value := getattr(options, name)) is not None},
            progress=bars,
        )
    stages = ", ".join(f"{stage} {seconds:.1f} s" for stage, seconds in report["seconds"].items())
    print(f"{report['output']}: {report['frames']} frames, seed {report['seed']}; {stages}; ", end="")
    print(f"{report['real_time_factor']:.2f} seconds of work a second of video")


def _spoken(text: str, voice: str | None) -> Any:
    """A text as a recording."""
    from moditalker.audio.recording import Recording
    from moditalker.audio.text_to_speech import synthesize
    from moditalker.audio.voices.registry import DEFAULT_VOICE

    return Recording.of_samples(synthesize(text, voice=voice or DEFAULT_VOICE), "text")


def _voices(options: argparse.Namespace) -> None:
    from moditalker.audio.voices.registry import all_voices, described

    for voice in all_voices().values():
        print(described(voice) + (f": {missing}" if (missing := voice.missing()) else ""))


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
    from moditalker.utils.targets import check_targets
    from moditalker.video.read import read_video

    check_targets({"landmark file": options.output}, {"video": options.video})
    with StageBars() as bars:
        frames = read_video(options.video, fps=FPS)
        landmarks = make_tracker(options.tracker).track(frames, lambda done: bars("track", done, done))
    write_landmarks(options.output, landmarks)
    print(f"{options.output}: landmarks {landmarks.shape} at {FPS} frames a second")
