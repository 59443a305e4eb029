"""What raters see and hear, as files that tell nothing of where they come from."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.bitstream import BitStreamFilterContext
from av.container import OutputContainer
from PIL import Image

from moditalker.audio.load import load_recording
from moditalker.audio.text_to_speech import synthesize
from moditalker.constants import SAMPLE_RATE
from moditalker.face.picture import load_portrait
from moditalker.media.container import chosen, open_media, start_seconds
from moditalker.utils.errors import InputError
from moditalker.video.read import probe_video, read_video
from moditalker.video.sound_track import SoundTrack
from moditalker.video.write import VideoWriter

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
REFERENCE_SIDE = 480
"""Pixels of a portrait's longer side beside the videos."""
SPOILT_SIDE = 14
"""Blocks in a row of a spoilt video."""


def write_stimulus(source: Path, target: Path, encode: bool) -> None:
    """Write a video as raters get it: MP4, no metadata, no trace of the encoders.

    Args:
        source: with sound.
        target: ``.mp4``.
        encode: encode the picture anew (H.264, CRF 14); otherwise its stream is copied without SEI.

    Raises:
        InputError: no sound, or a picture that browsers may not show and that must not be encoded.
    """
    facts = probe_video(source)
    if not facts.sound:
        raise InputError(f"{source} has no sound: a talking video without it cannot be judged; give another.")
    if encode:
        _write_frames(source, target, lambda frame: frame)
    elif facts.codec != "h264" or facts.pixels != "yuv420p":
        raise InputError(
            f"{source} is {facts.codec} ({facts.pixels}), which not every browser plays: set 'encode = true' under "
            "[build], which encodes the videos of all methods alike."
        )
    else:
        _whole(target, lambda part: _copy(source, part))


def write_spoilt(source: Path, target: Path) -> None:
    """Write a video that is plainly worse by every question: blocks in the place of a face, the same sound."""

    def spoil(frame: np.ndarray) -> np.ndarray:
        picture = Image.fromarray(frame)
        blocks = picture.resize((SPOILT_SIDE, SPOILT_SIDE), Image.Resampling.BOX)
        return np.asarray(blocks.resize(picture.size, Image.Resampling.NEAREST))

    _write_frames(source, target, spoil)


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
    spoken = np.concatenate([part for digit in digits for part in (synthesize(f"{DIGITS[int(digit)]}."), pause)])

    def write(part: Path) -> None:
        with _anonymous_file(part) as container:
            sound = SoundTrack(container, spoken, SAMPLE_RATE, anonymous=True)
            container.mux(sound.rest())

    _whole(target, write)


def traces(path: Path, names: tuple[str, ...]) -> list[str]:
    """Names that stand in a file's bytes, and the names of encoders; none in a file that tells nothing."""
    content = path.read_bytes().lower()
    # Two or three letters stand by chance in any compressed picture.
    wanted = [*(name for name in names if len(name) >= 5), "x264 - core", "Lavc", "Lavf"]
    return [name for name in wanted if name.lower().encode() in content]


def _write_frames(source: Path, target: Path, change: Callable[[np.ndarray], np.ndarray]) -> None:
    """Encode a video's frames anew, each changed, at its own rate."""
    facts, sound = probe_video(source), _sound(source)
    width, height = facts.size[0] // 2 * 2, facts.size[1] // 2 * 2
    with VideoWriter(target, (width, height), facts.fps, *sound, anonymous=True) as writer:
        for frame in read_video(source, fps=float(writer.rate)):
            writer.write(change(frame[:height, :width]))


def _copy(source: Path, part: Path) -> None:
    """Write a video's picture as it is and its sound encoded anew, without anything that names a program."""
    samples, rate = _sound(source)
    with open_media(source) as given, _anonymous_file(part) as container:
        stream = chosen(given.streams.video)
        assert stream is not None
        picture = container.add_stream_from_template(stream)
        picture.metadata.clear()
        sound = SoundTrack(container, samples, rate, anonymous=True)
        container.start_encoding()
        # Type 6 are the SEI units: x264 writes its version and every setting into one.
        without_names = BitStreamFilterContext("filter_units=remove_types=6", stream, picture)
        start, unit = start_seconds(given), stream.time_base or Fraction(1, 1000)
        shift = round(start / unit)
        for packet in given.demux(stream):
            if packet.dts is None or packet.pts is None:
                continue
            packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
            now = float(packet.dts * unit)
            container.mux(without_names.filter(packet))
            container.mux(sound.until(now))
        container.mux(sound.rest())


def _sound(source: Path) -> tuple[np.ndarray, int]:
    """The sound of a video as one channel, and its rate."""
    recording = load_recording(source)
    return recording.original.mean(1), recording.original_rate


def _anonymous_file(path: Path) -> OutputContainer:
    """A new MP4 file whose muxer does not write its name."""
    options = {"movflags": "+faststart+negative_cts_offsets", "fflags": "+bitexact"}
    return av.open(f"file:{path}", "w", format="mp4", options=options)


def _whole(target: Path, write: Callable[[Path], None]) -> None:
    """Have a file written; the target appears whole or not at all.

    Raises:
        InputError: it cannot be written; why follows.
    """
    part = target.with_name(f".{target.name}{target.suffix}")
    try:
        write(part)
    except av.FFmpegError as error:
        part.unlink(missing_ok=True)
        raise InputError(f"{target} cannot be made: {error}") from error
    part.replace(target)
