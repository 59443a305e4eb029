"""Read the picture of a video file as RGB frames at a constant rate."""

import io
import logging
import re
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import imageio_ffmpeg
import numpy as np

from moditalker.utils.errors import InputError

logger = logging.getLogger(__name__)

_VIDEO_STREAM = re.compile(r"Stream #.* Video: (.*)")
_RATE = re.compile(r"([\d.]+)(k?) (?:fps|tbr)")
_DURATION = re.compile(r"Duration: (\d+):(\d+):(\d+(?:\.\d+)?)")
_PROGRESS_TIME = re.compile(r"out_time_us=(\d+)")


@dataclass(frozen=True)
class VideoInfo:
    """What a video file is.

    Attributes:
        size: (width, height) in pixels as shown, that is after rotation and with square pixels.
        fps: frames a second as stored (the average where the rate varies).
        duration: seconds, of the longest track.
    """

    size: tuple[int, int]
    fps: float
    duration: float


def read_video(path: str | Path, fps: float = 25.0, max_side: int | None = None) -> Iterator[np.ndarray]:
    """Decode a video with ffmpeg, one frame at a time.

    Frame k shows the time k / fps seconds after the start of the file: frames are repeated or dropped where the
    file's own rate differs or varies. Rotation metadata is applied, and pixels that are not square are made so.
    The decoder runs from the first frame asked for until the iterator is exhausted, closed or dropped.

    Args:
        path: MP4, MOV, WebM or any other file that ffmpeg reads.
        fps: frames a second to return.
        max_side: the longest side in pixels; larger frames are scaled down, smaller ones are left alone.

    Yields:
        uint8 (H, W, 3) RGB.

    Raises:
        InputError: at the call if the file is missing or a directory; at the first frame if it is not readable or
            has no picture; later if the rest of it is damaged.
        ValueError: `fps` or `max_side` is not positive.
    """
    if fps <= 0:
        raise ValueError(f"fps must be positive, got {fps}")
    if max_side is not None and max_side <= 0:
        raise ValueError(f"max_side must be positive, got {max_side}")
    # start_time repeats the first frame where the picture begins later than the sound.
    filters = f"fps={fps}:start_time=0,{_scale_filter(max_side)}"
    return _decode(_existing_file(Path(path)), filters)


def probe_video(path: str | Path) -> VideoInfo:
    """Size, rate and duration of a video file; decodes its first frame only, where the file states its duration.

    Raises:
        InputError: the file is missing, a directory, not readable or has no picture.
    """
    source = _existing_file(Path(path))
    command = [*_input_arguments(source), *_ppm_output(_scale_filter(None), "-frames:v", "1")]
    result = subprocess.run(command, capture_output=True, check=False)
    log = result.stderr.decode("utf-8", errors="replace")
    frame = _read_ppm(io.BytesIO(result.stdout))
    # The input's streams are described before the output's.
    stream = _VIDEO_STREAM.search(log)
    rate = _RATE.search(stream.group(1)) if stream else None
    if frame is None or rate is None:
        raise _unreadable(source, log)
    height, width = frame.shape[:2]
    fps = float(rate.group(1)) * (1000.0 if rate.group(2) else 1.0)
    stated = _DURATION.search(log)
    if stated is None:
        return VideoInfo((width, height), fps, _measured_duration(source))
    hours, minutes, seconds = stated.groups()
    return VideoInfo((width, height), fps, 3600 * int(hours) + 60 * int(minutes) + float(seconds))


def _existing_file(path: Path) -> Path:
    """The absolute path of a regular file; InputError otherwise."""
    if path.is_dir():
        raise InputError(f"{path} is a directory: give the path of one video file in it.")
    if not path.exists():
        raise InputError(f"{path} does not exist: check the path of the video.")
    if not path.is_file():
        raise InputError(f"{path} is not a regular file: save the video to a file and give its path.")
    return path.absolute()


def _input_arguments(source: Path) -> list[str]:
    """The start of every command: one local file; a playlist in it cannot fetch anything from a network."""
    return [
        imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-nostdin", "-nostats",
        "-protocol_whitelist", "file", "-i", f"file:{source}",
    ]  # fmt: skip


def _scale_filter(max_side: int | None) -> str:
    """ffmpeg filter that makes pixels square (sar: their width over their height) and bounds the longest side."""
    factor = f"min(1,{max_side}/max(iw*sar,ih))" if max_side is not None else "1"
    return f"scale=w='max(1,round(iw*sar*{factor}))':h='max(1,round(ih*{factor}))':flags=bicubic,setsar=1"


def _ppm_output(filters: str, *options: str) -> list[str]:
    """The end of a command that decodes: PPM pictures on the standard output.

    Each states its own size, so that rotation and scaling need not be computed here a second time.
    """
    # V is a video stream that is not the cover picture of a song.
    return [
        "-map", "0:V:0", "-vf", filters, *options, "-pix_fmt", "rgb24", "-c:v", "ppm", "-f", "image2pipe", "pipe:1",
    ]  # fmt: skip


def _decode(source: Path, filters: str) -> Iterator[np.ndarray]:
    """Yield the frames, uint8 (H, W, 3), that ffmpeg's filters make of the file."""
    count = 0
    # A file and not a pipe takes the log: nobody has to empty it while the frames are read.
    with tempfile.TemporaryFile() as log_file:
        command = [*_input_arguments(source), *_ppm_output(filters)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log_file) as process:
            assert process.stdout is not None
            try:
                while (frame := _read_ppm(process.stdout)) is not None:
                    count += 1
                    yield frame
                process.wait()
            finally:
                process.kill()
        if count and process.returncode == 0:
            return
        log_file.seek(0)
        log = log_file.read().decode("utf-8", errors="replace")
    if count == 0:
        raise _unreadable(source, log)
    logger.debug("ffmpeg on %s: %s", source, log)
    raise InputError(f"{source.name} is damaged after {count} frames: save it again, or cut it before that point.")


def _read_ppm(stream: IO[bytes]) -> np.ndarray | None:
    """The next picture of a PPM stream (P6, 8 bits), uint8 (H, W, 3); None at its end or where it breaks off."""
    if stream.readline() != b"P6\n":
        return None
    size, _maximum = stream.readline(), stream.readline()
    width, height = map(int, size.split())
    pixels = stream.read(width * height * 3)
    if len(pixels) < width * height * 3:
        return None
    return np.frombuffer(bytearray(pixels), dtype=np.uint8).reshape(height, width, 3)


def _measured_duration(source: Path) -> float:
    """Seconds, from reading every packet: for files that do not state it, such as a browser's WebM recordings."""
    command = [*_input_arguments(source), "-map", "0:V:0", "-c", "copy", "-progress", "pipe:1", "-f", "null", "-"]
    result = subprocess.run(command, capture_output=True, check=False)
    times = _PROGRESS_TIME.findall(result.stdout.decode("utf-8", errors="replace"))
    if not times:
        raise _unreadable(source, result.stderr.decode("utf-8", errors="replace"))
    return int(times[-1]) / 1e6


def _unreadable(source: Path, log: str) -> InputError:
    """What ffmpeg's log says about a file from which no frame came."""
    if "Permission denied" in log:
        return InputError(f"{source} may not be read: change its permissions or choose another file.")
    if " Audio: " in log:
        return InputError(f"{source.name} has no picture: choose a video and not a sound recording.")
    logger.debug("ffmpeg on %s: %s", source, log)
    return InputError(
        f"{source.name} cannot be read as video, it may be damaged or of another kind: save it again as MP4 (H.264)."
    )
