"""Make a portrait speak while the sound is still coming: ``live``."""

import argparse
import signal
import sys
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from threading import Event
from typing import Any, BinaryIO

from moditalker.cli.parsing import Commands, add_option, whole
from moditalker.utils.errors import InputError

_OPTIONS = (
    "mtov_steps",
    "guidance",
    "lip_scale",
    "head_scale",
    "blink_scale",
    "emotion",
    "emotion_scale",
    "gaze_scale",
    "gaze_seed",
    "face",
    "crop",
    "seed",
)
_MICROPHONE = "microphone"


def add_commands(commands: Commands) -> None:
    """Add ``live`` to the parser."""
    command = commands.add_parser("live", help="make a portrait speak while the sound is still coming")
    command.add_argument("portrait", type=Path, help="JPEG, PNG or WebP picture of a face")
    command.add_argument(
        "--audio",
        default=_MICROPHONE,
        metavar="-|FILE|microphone",
        help="'-' reads signed 16-bit mono PCM from standard input; a recording; or the microphone, until Ctrl-C",
    )
    command.add_argument("--rate", type=whole(8000, 192_000), default=16_000, help="samples a second of '-' (16000)")
    command.add_argument("-o", "--output", required=True, metavar="OUT.mp4|-", help="fragmented MP4; '-' is a pipe")
    command.add_argument("--preset", default="compact", help="a preset's name, or a folder or hub id of weights")
    command.add_argument("--head-motion", choices=("natural", "still"), default="natural")
    command.add_argument("--style", type=Path, metavar="CLIP", help="ten seconds of somebody, for their way of talking")
    command.add_argument("--mark", action="store_true", help='write "AI-generated" into a corner of the picture')
    for name in _OPTIONS:
        add_option(command, name)
    command.set_defaults(run=_live)


def _live(options: argparse.Namespace) -> None:
    from moditalker.live import write_live
    from moditalker.loading import load_pipeline
    from moditalker.utils.targets import check_targets

    piped = options.output == "-"
    if not piped:
        inputs = {"portrait": options.portrait, "recording": options.audio, "video for the style": options.style}
        check_targets({"video": Path(options.output)}, inputs)
    pipeline = load_pipeline(options.preset)
    portrait = pipeline.encode_portrait(options.portrait, options.crop or "full", options.face)
    given = {name: value for name in _OPTIONS if (value := getattr(options, name)) is not None}
    told = _Told()
    try:
        with closing(sys.stdout.buffer if piped else _OpenedLate(Path(options.output))) as sink:
            frames = write_live(
                pipeline,
                portrait,
                _sound(options.audio, options.rate),
                sink,
                on_piece=told,
                mark=options.mark,
                head_motion=options.head_motion,
                style=options.style,
                idle=True,
                **given,
            )
    except BrokenPipeError as error:
        raise InputError("Whoever read the video has left; it ends here.") from error
    print(f"{options.output}: {frames} frames; the first after {told.first:.1f} s", file=sys.stderr)


class _OpenedLate:
    """A file that is there from the first byte on, so that nothing is left, or lost, where nothing was made."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: BinaryIO | None = None

    def write(self, data: bytes) -> None:
        """Append, and let whoever watches the file see it."""
        self._file = self._file or self._path.open("wb")
        self._file.write(data)
        self._file.flush()

    def close(self) -> None:
        """Close it where there is one."""
        if self._file is not None:
            self._file.close()


class _Told:
    """Remembers when the first frame was there."""

    first = 0.0

    def __call__(self, piece: Any) -> None:
        self.first = self.first or piece.seconds


def _sound(audio: str, rate: int) -> Any:
    """A recording, or pieces of sound that end with Ctrl-C."""
    from moditalker.audio.pcm import microphone_pieces, pcm_pieces

    if audio not in ("-", _MICROPHONE):
        return audio
    return _until_interrupted(pcm_pieces(sys.stdin.buffer, rate) if audio == "-" else microphone_pieces())


def _until_interrupted(pieces: Iterable[Any]) -> Iterable[Any]:
    """End the sound, and with it the video, when the user presses Ctrl-C."""
    asked = Event()
    signal.signal(signal.SIGINT, lambda *_: asked.set())

    def until() -> Iterable[Any]:
        for piece in pieces:
            yield piece
            if asked.is_set():
                return

    return until()
