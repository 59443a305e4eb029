"""What raters see and hear, as files that tell nothing of where they come from."""

import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import soundfile
from PIL import Image

from moditalker.audio.text_to_speech import synthesize
from moditalker.constants import SAMPLE_RATE
from moditalker.face.picture import load_portrait
from moditalker.utils.errors import InputError

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
REFERENCE_SIDE = 480
"""Pixels of a portrait's longer side beside the videos."""
SPOILT_SIDE = 14
"""Blocks in a row of a spoilt video."""

# Neither tags nor the muxer's name; 48 kHz and the same bit rate for all.
_SILENT = ["-map_metadata", "-1", "-map_chapters", "-1", "-fflags", "+bitexact", "-movflags", "+faststart"]
_SOUND = ["-c:a", "aac", "-b:a", "192k", "-ar", "48000", "-ac", "1", "-flags:a", "+bitexact"]
# Type 6 are the SEI units: x264 writes its version and every setting into one.
_COPIED = ["-c:v", "copy", "-bsf:v", "filter_units=remove_types=6"]
_ENCODED = [
    "-c:v", "libx264", "-preset", "medium", "-crf", "14", "-pix_fmt", "yuv420p", "-metadata:s:v:0", "encoder=",
    "-bsf:v", "filter_units=remove_types=6",
]  # fmt: skip


@dataclass(frozen=True)
class VideoFacts:
    """A video file: what its streams are, ``seconds``, ``width`` and ``height`` in pixels, frames a second."""

    codec: str
    pixels: str
    sound: bool
    seconds: float
    width: int
    height: int
    fps: float


def video_facts(path: Path) -> VideoFacts:
    """Look into a video file.

    Raises:
        InputError: it is missing or no video.
    """
    if not path.is_file():
        raise InputError(f"There is no video {path}: name one that is there.")
    try:
        reader = imageio_ffmpeg.read_frames(str(path))
        told = next(reader)
        reader.close()
    except (OSError, RuntimeError, StopIteration) as error:
        raise InputError(f"{path} is not a video that can be read: give another.") from error
    width, height = told["size"]
    return VideoFacts(
        str(told["codec"]),
        str(told["pix_fmt"]).split("(")[0],
        bool(told.get("audio_codec")),
        float(told["duration"]),
        width,
        height,
        float(told["fps"]),
    )


def write_stimulus(source: Path, target: Path, encode: bool) -> None:
    """Write a video as raters get it: MP4, no metadata, no trace of the encoders.

    Args:
        source: with sound.
        target: ``.mp4``.
        encode: encode the picture anew (H.264, CRF 14); otherwise its stream is copied without SEI.

    Raises:
        InputError: no sound, or a picture that browsers may not show and that must not be encoded.
    """
    facts = video_facts(source)
    if not facts.sound:
        raise InputError(f"{source} has no sound: a talking video without it cannot be judged; give another.")
    if not encode and (facts.codec != "h264" or facts.pixels != "yuv420p"):
        raise InputError(
            f"{source} is {facts.codec} ({facts.pixels}), which not every browser plays: set 'encode = true' under "
            "[build], which encodes the videos of all methods alike."
        )
    _ffmpeg(["-i", str(source), "-map", "0:v:0", "-map", "0:a:0", *(_ENCODED if encode else _COPIED), *_SOUND], target)


def write_spoilt(source: Path, target: Path) -> None:
    """Write a video that is plainly worse by every question: blocks in the place of a face, the same sound."""
    facts = video_facts(source)
    size = f"{facts.width}:{facts.height}"
    filters = f"scale={SPOILT_SIDE}:{SPOILT_SIDE}:flags=area,scale={size}:flags=neighbor,setsar=1"
    _ffmpeg(["-i", str(source), "-map", "0:v:0", "-map", "0:a:0", "-vf", filters, *_ENCODED, *_SOUND], target)


def write_reference(portrait: Path, target: Path) -> None:
    """Write a portrait as raters see it beside the videos: JPEG, pixels alone.

    Raises:
        InputError: it is no picture.
    """
    picture = Image.fromarray(load_portrait(portrait, max_side=REFERENCE_SIDE))
    picture.save(target, "JPEG", quality=92)


def write_digits(digits: str, target: Path) -> None:
    """Write digits as they are spoken by a synthetic voice, ``.m4a``, one second apart."""
    pause = np.zeros(SAMPLE_RATE // 2, np.float32)
    spoken = [part for digit in digits for part in (synthesize(f"{DIGITS[int(digit)]}."), pause)]
    with tempfile.TemporaryDirectory() as folder:
        recording = Path(folder) / "digits.wav"
        soundfile.write(recording, np.concatenate(spoken), SAMPLE_RATE)
        _ffmpeg(["-i", str(recording), "-map", "0:a:0", *_SOUND], target)


def traces(path: Path, names: tuple[str, ...]) -> list[str]:
    """Names that stand in a file's bytes, and the names of encoders; none in a file that tells nothing."""
    content = path.read_bytes().lower()
    # Two or three letters stand by chance in any compressed picture.
    wanted = [*(name for name in names if len(name) >= 5), "x264 - core", "Lavc", "Lavf"]
    return [name for name in wanted if name.lower().encode() in content]


def _ffmpeg(arguments: list[str], target: Path) -> None:
    """Run ffmpeg; the target appears whole or not at all.

    Raises:
        InputError: it failed; its last words follow.
    """
    part = target.with_name(f".{target.name}{target.suffix}")
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-nostdin", "-y", *arguments, *_SILENT, str(part)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        part.unlink(missing_ok=True)
        raise InputError(f"{arguments[1]} cannot be made a stimulus: {done.stderr.strip()[-300:]}")
    part.replace(target)
