"""Decode the sound of any audio or video file: for the models, and as it came in."""

import logging
from pathlib import Path

import numpy as np

from moditalker.audio.recording import Recording
from moditalker.constants import SAMPLE_RATE
from moditalker.media.decoder import DecodingError, decode
from moditalker.media.source import existing_file
from moditalker.utils.errors import InputError

logger = logging.getLogger(__name__)

AudioSource = str | Path | np.ndarray | Recording
"""A file, (N,) float32 at 16 kHz, or what was decoded before."""

MIN_SECONDS = 0.2
SILENCE_PEAK = 1e-3  # -60 dBFS
INVERTED_RATIO = 4.0
"""Channels whose difference is this many times as loud as their mean are inverted against each other."""

# Ten minutes of AAC take three seconds.
_CPU_SECONDS = 20
_SECONDS_A_CPU_SECOND = 60


def load_audio(path: str | Path, max_seconds: float = 600.0) -> np.ndarray:
    """The samples of `load_recording`, without the sound as it came in.

    Returns:
        float32 (N,) in [-1, 1], mono, `SAMPLE_RATE` samples a second.

    Raises:
        InputError: as `load_recording`.
    """
    return _load(path, max_seconds, original=False).samples


def load_recording(path: str | Path, max_seconds: float = 600.0) -> Recording:
    """Decode the sound track of a file, in a process of its own.

    Of several tracks the one that is flagged as default is taken. Sample 0 is the start of the file: a track that
    begins later than the picture is preceded by silence, so samples and the frames of `video.read.read_video` share
    their time axis. Samples that are not finite become 0; a recording that exceeds full scale (floating-point
    files, resampling overshoot) is scaled down as a whole, which keeps its waveform. Where left and right are inverted
    against each other, the models get half their difference instead of their mean, in which they cancel.

    Args:
        path: WAV, MP3, FLAC, OGG, M4A, MP4, MOV, WebM or another file of `moditalker.media.container.FORMATS`.
        max_seconds: the longest recording accepted, in seconds. Decoding stops there, whatever length the file states,
            and no more than this is ever held in memory.

    Raises:
        InputError: the file is missing, not a regular file, not readable as audio, damaged, without sound track,
            shorter than `MIN_SECONDS`, silent (peak below -60 dBFS) or longer than `max_seconds`.
    """
    return _load(path, max_seconds, original=True)


def recording_of(audio: AudioSource, max_seconds: float = 600.0) -> Recording:
    """Decode a file; what is decoded already is taken as it is.

    Raises:
        InputError: as `load_recording`; longer than `max_seconds`, whatever it came as.
    """
    if isinstance(audio, (str, Path)):
        return load_recording(audio, max_seconds)
    recording = audio if isinstance(audio, Recording) else Recording.of_samples(audio)
    if recording.seconds > max_seconds:
        raise InputError(
            f"{recording.name} lasts {recording.seconds:.1f} s and the limit is {max_seconds:.1f} s: "
            "cut it, or raise the limit (max_seconds)."
        )
    return recording


def samples_of(audio: AudioSource) -> np.ndarray:
    """What the models hear of it, float32 (N,) at 16 kHz.

    Raises:
        InputError: as `load_recording`.
    """
    if isinstance(audio, Recording):
        return audio.samples
    return audio if isinstance(audio, np.ndarray) else load_audio(audio)


def _load(path: str | Path, max_seconds: float, original: bool) -> Recording:
    source = existing_file(path, "recording")
    tracks, rate, channels = _decode(source, max_seconds, original)
    speech, difference = tracks["speech"], tracks["difference"]
    if len(speech) < MIN_SECONDS * SAMPLE_RATE:
        raise InputError(
            f"{source.name} holds {len(speech) / SAMPLE_RATE:.2f} s of sound: "
            f"choose a recording of at least {MIN_SECONDS} s."
        )
    speech, difference = _bounded(speech, source), _bounded(difference, source)
    if _rms(difference) > INVERTED_RATIO * _rms(speech):
        logger.info("%s: left and right are inverted against each other", source.name)
        speech = difference
    if np.abs(speech).max() < SILENCE_PEAK:
        raise InputError(f"{source.name} is silent: check the microphone, or choose a recording with audible speech.")
    sound = _bounded(tracks["original"], source).reshape(-1, channels)
    return Recording(speech, sound, rate, source.name)


def _decode(source: Path, max_seconds: float, original: bool) -> tuple[dict[str, np.ndarray], int, int]:
    """The tracks that ``media.sound`` sends, float32 (N,) each, and rate and channels of "original"."""
    blocks: dict[str, list[np.ndarray]] = {"speech": [], "difference": [], "original": []}
    rate = channels = 1
    try:
        for part, content in decode(
            "sound",
            cpu_seconds=_CPU_SECONDS + round(max_seconds / _SECONDS_A_CPU_SECOND),
            path=str(source),
            name=source.name,
            rate=SAMPLE_RATE,
            max_seconds=max_seconds,
            original=original,
        ):
            if "track" in part:
                blocks[part["track"]].append(content.view("<f4"))
            else:
                rate, channels = part["rate"], part["channels"]
    except DecodingError as error:
        logger.debug("%s: %s", source, error)
        raise InputError(
            f"{source.name} cannot be read as audio, it may be damaged or of another kind: "
            "save the speech again as WAV, MP3, FLAC, OGG or M4A."
        ) from error
    tracks = {name: np.concatenate([np.zeros(0, np.float32), *parts]) for name, parts in blocks.items()}
    return tracks, rate, channels


def _bounded(samples: np.ndarray, source: Path) -> np.ndarray:
    """The samples, float32 (N,), made finite and scaled into [-1, 1]."""
    finite = np.isfinite(samples)
    if not finite.all():
        logger.warning("%s: %d samples are not finite and become silence", source.name, np.count_nonzero(~finite))
        samples = np.where(finite, samples, np.float32(0.0))
    peak = float(np.abs(samples).max(initial=0.0))
    if peak > 1.0:
        samples = np.clip(samples / np.float32(peak), -1.0, 1.0)
    return samples


def _rms(samples: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(samples)))) if len(samples) else 0.0
