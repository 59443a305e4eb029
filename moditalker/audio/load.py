"""Decode the speech of any audio or video file to 16 kHz mono samples."""

import logging
import re
import subprocess
import tempfile
from pathlib import Path
from typing import IO

import imageio_ffmpeg
import numpy as np

from moditalker.constants import SAMPLE_RATE
from moditalker.utils.errors import InputError

logger = logging.getLogger(__name__)

MIN_SECONDS = 0.2
SILENCE_PEAK = 1e-3  # -60 dBFS
# An MP3 or AAC file that was cut at the limit comes out longer by the codec's padding.
LIMIT_TOLERANCE_SECONDS = 0.1

_SAMPLE_BYTES = 4
_READ_BYTES = 1 << 20
_DURATION = re.compile(r"Duration: (\d+):(\d+):(\d+(?:\.\d+)?)")


def load_audio(path: str | Path, max_seconds: float = 600.0) -> np.ndarray:
    """Decode the first sound track of a file with ffmpeg.

    Channels are mixed to mono. Sample 0 is the start of the file: a track that begins later than the picture is
    preceded by silence, so samples and the frames of `moditalker.video.read.read_video` share their time axis.
    Samples that are not finite become 0; a recording that exceeds full scale (floating-point files, resampling
    overshoot) is scaled down as a whole, which keeps its waveform.

    Args:
        path: WAV, MP3, FLAC, OGG, M4A, MP4, MOV, WebM or any other file that ffmpeg reads.
        max_seconds: the longest recording accepted, in seconds; at most this much is ever held in memory.

    Returns:
        float32 (N,) in [-1, 1], mono, `SAMPLE_RATE` samples a second.

    Raises:
        InputError: the file is missing, a directory, not readable as audio, damaged, without sound track, shorter
            than `MIN_SECONDS`, silent (peak below -60 dBFS) or longer than `max_seconds`.
    """
    source = _existing_file(Path(path))
    samples, duration = _decode(source, max_seconds + LIMIT_TOLERANCE_SECONDS)
    if samples is None:
        length = f"lasts {duration:.1f} s" if duration is not None else f"lasts more than {max_seconds:.1f} s"
        raise InputError(
            f"{source.name} {length} and the limit is {max_seconds:.1f} s: "
            f"cut it into parts of at most {max_seconds:g} s or raise the limit (max_seconds)."
        )
    if len(samples) < MIN_SECONDS * SAMPLE_RATE:
        raise InputError(
            f"{source.name} holds {len(samples) / SAMPLE_RATE:.2f} s of sound: "
            f"choose a recording of at least {MIN_SECONDS} s."
        )
    return _bounded(samples, source)


def _existing_file(path: Path) -> Path:
    """The absolute path of a regular file; InputError otherwise."""
    if path.is_dir():
        raise InputError(f"{path} is a directory: give the path of one audio or video file in it.")
    if not path.exists():
        raise InputError(f"{path} does not exist: check the path of the speech recording.")
    if not path.is_file():
        raise InputError(f"{path} is not a regular file: save the speech to an audio file and give its path.")
    return path.absolute()


def _decode(source: Path, limit_seconds: float) -> tuple[np.ndarray | None, float | None]:
    """Samples, float32 (N,), and the duration in seconds that the file's header states, None if it states none.

    The samples are None if there are more than `limit_seconds` of them; decoding stops there.
    """
    limit_bytes = limit_seconds * SAMPLE_RATE * _SAMPLE_BYTES
    # first_pts pads a track that starts late, async fills gaps: both keep sound and picture together.
    # rematrix_maxval makes mono the mean of stereo; without it floats are mixed 3 dB louder, beyond full scale.
    resample = f"aresample={SAMPLE_RATE}:async=1:first_pts=0:out_chlayout=mono:rematrix_maxval=1"
    command = [
        imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-nostdin", "-nostats", "-protocol_whitelist", "file",
        "-i", f"file:{source}", "-map", "0:a:0", "-af", resample, "-f", "f32le", "pipe:1",
    ]  # fmt: skip
    # A file and not a pipe takes the log: nobody has to empty it while the samples are read.
    with tempfile.TemporaryFile() as log_file:
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log_file) as process:
            assert process.stdout is not None
            pcm = _read_up_to(process.stdout, limit_bytes)
            if len(pcm) > limit_bytes:
                process.kill()
        log_file.seek(0)
        log = log_file.read().decode("utf-8", errors="replace")
    duration = _header_duration(log)
    if len(pcm) > limit_bytes:
        return None, duration
    if process.returncode != 0:
        raise _unreadable(source, log)
    return np.frombuffer(pcm, dtype="<f4").astype(np.float32), duration


def _read_up_to(stream: IO[bytes], limit_bytes: float) -> bytes:
    """Everything in the stream, or, where that is more than `limit_bytes`, just over that many bytes."""
    content = bytearray()
    while len(content) <= limit_bytes:
        block = stream.read(_READ_BYTES)
        if not block:
            break
        content += block
    return bytes(content)


def _header_duration(log: str) -> float | None:
    """Seconds, from the description of the input that ffmpeg logs; None where the container does not say."""
    match = _DURATION.search(log)
    if match is None:
        return None
    hours, minutes, seconds = match.groups()
    return 3600 * int(hours) + 60 * int(minutes) + float(seconds)


def _unreadable(source: Path, log: str) -> InputError:
    """What ffmpeg's log says about a file that it could not decode."""
    if "Permission denied" in log:
        return InputError(f"{source} may not be read: change its permissions or choose another file.")
    if " Video: " in log and " Audio: " not in log:
        return InputError(f"{source.name} has no sound track: choose a recording, or a video with sound.")
    logger.debug("ffmpeg on %s: %s", source, log)
    return InputError(
        f"{source.name} cannot be read as audio, it may be damaged or of another kind: "
        "save the speech again as WAV, MP3, FLAC, OGG or M4A."
    )


def _bounded(samples: np.ndarray, source: Path) -> np.ndarray:
    """The samples, float32 (N,), made finite and scaled into [-1, 1]; InputError if they are silent."""
    finite = np.isfinite(samples)
    if not finite.all():
        logger.warning("%s: %d samples are not finite and become silence", source.name, np.count_nonzero(~finite))
        samples = np.where(finite, samples, np.float32(0.0))
    peak = float(np.abs(samples).max())
    if peak < SILENCE_PEAK:
        raise InputError(f"{source.name} is silent: check the microphone, or choose a recording with audible speech.")
    if peak > 1.0:
        samples = np.clip(samples / np.float32(peak), -1.0, 1.0)
    return samples
