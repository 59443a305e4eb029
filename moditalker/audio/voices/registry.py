"""All voices by their names."""

from moditalker.audio.voices.hibari_voice import HEART, HibariVoice
from moditalker.audio.voices.kokoro_voices import FileVoice, is_kokoro_name, kokoro_voices
from moditalker.audio.voices.protocol import Voice
from moditalker.utils.errors import InputError

DEFAULT_VOICE = HEART


def all_voices() -> dict[str, Voice]:
    """Every voice that is known here, installed or not; the default first.

    Raises:
        InputError: the voices file that is named cannot be read.
    """
    known: list[Voice] = [HibariVoice(), *kokoro_voices()]
    return {voice.name: voice for voice in known}


def installed_voices() -> list[Voice]:
    """Those that can speak; the default first.

    Raises:
        InputError: as ``all_voices``.
    """
    return [voice for voice in all_voices().values() if not voice.missing()]


def find_voice(name: str = DEFAULT_VOICE) -> Voice:
    """A voice that can speak.

    Raises:
        InputError: there is no such voice, or it is not installed.
    """
    known = all_voices()
    voice: Voice | None = known.get(name)
    if voice is None and is_kokoro_name(name):
        voice = FileVoice(name, None)
    if voice is None:
        raise InputError(f"There is no voice {name!r:.40}: choose from {', '.join(map(described, known.values()))}.")
    if missing := voice.missing():
        raise InputError(missing)
    return voice


def described(voice: Voice) -> str:
    """A voice's name with what it speaks: ``heart (English)``."""
    return f"{voice.name} ({', '.join(voice.languages)})"
