"""What is said of a recording before it is used: how long it is, and whether there is speech in it."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from moditalker.audio.load import load_audio
from moditalker.audio.voice_activity import listen
from moditalker.constants import SAMPLE_RATE


@dataclass(frozen=True)
class RecordingFacts:
    """What was found: ``seconds`` of sound, and ``warnings`` where speech is missing or hard to hear."""

    seconds: float
    warnings: tuple[str, ...]


def look_at_recording(path: str, max_seconds: float) -> RecordingFacts:
    """Decode a recording and look for speech in it; once, however often its controls are moved.

    Raises:
        InputError: as `moditalker.audio.load.load_recording`.
    """
    try:
        changed = Path(path).stat().st_mtime_ns
    # No file, or no path: the reader says so.
    except (OSError, ValueError):
        changed = 0
    return _looked_at(path, changed, max_seconds)


@lru_cache(maxsize=32)
def _looked_at(path: str, changed: int, max_seconds: float) -> RecordingFacts:
    samples = load_audio(path, max_seconds=max_seconds)
    return RecordingFacts(len(samples) / SAMPLE_RATE, tuple(listen(samples).warnings))
