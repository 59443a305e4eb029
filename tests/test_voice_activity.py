"""Where lips move: with speech, and with whatever may be speech; not in silence, noise or hum."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from made_sounds import at_level, guitars, hum, mixed, music, whispered

from moditalker.audio.voice_activity import Listening, listen
from moditalker.constants import SAMPLE_RATE
from moditalker.pipeline import MoDiTalkerPipeline
from moditalker.portrait import Portrait
from moditalker.training.data.sound_augmentation import coloured_noise
from moditalker.ui.animate.recording_check import look_at_recording

FEW = {"atom_steps": 1, "mtov_steps": 0, "guidance": 1.0}


def noise(seconds: float, slope: float, seed: int = 0) -> np.ndarray:
    return at_level(coloured_noise(round(seconds * SAMPLE_RATE), slope, np.random.default_rng(seed)), 0.1)


STEADY = {
    "white noise": noise(6, 0.0),
    "pink noise": noise(6, 1.0),
    "brown noise": noise(6, 2.0),
    "faint noise": 0.02 * noise(6, 1.0),
    "hum": hum(6),
    "hum and noise": hum(6) + noise(6, 1.0),
    "a fan": (noise(6, 1.0) * (1 + 0.3 * np.sin(2 * np.pi * 1.5 * np.arange(96_000) / SAMPLE_RATE))).astype(np.float32),
    "silence": np.zeros(96_000, np.float32),
}


@pytest.mark.parametrize("kind", STEADY)
def test_silence_and_steady_noise_stay_still_and_are_said_to_be_no_speech(kind: str) -> None:
    heard = listen(STEADY[kind])
    assert heard.activity(150).max() < 1e-3
    [warning] = heard.warnings
    assert "no speech, only silence or steady noise" in warning


def test_clean_speech_is_left_to_the_detector(speech: np.ndarray) -> None:
    pause = 0.01 * noise(3, 1.0)
    heard = listen(np.concatenate([speech, pause, speech, pause]).astype(np.float32))
    assert not heard.doubtful.any()
    assert heard.warnings == []


@pytest.mark.parametrize("make", [music, guitars])
def test_lips_go_on_under_music_that_drowns_the_voice(speech: np.ndarray, make: Callable[..., np.ndarray]) -> None:
    long = np.tile(speech, 4)
    heard = listen(mixed(long, make(len(long) / SAMPLE_RATE), 12))
    assert heard.detected.mean() < 0.3, "the detector hears it by itself"
    assert heard.activity(100).mean() > 0.9
    [warning] = heard.warnings
    assert "hard to hear" in warning or "No speech was recognised" in warning


def test_a_voice_between_two_pieces_of_music_is_found(speech: np.ndarray) -> None:
    """The music alone is doubtful, the voice and its surroundings are not."""
    heard = listen(np.concatenate([guitars(5), speech, guitars(5, 1)]))
    share = heard.doubtful.mean()
    assert 0.3 < share < 0.9
    [warning] = heard.warnings
    assert "hard to hear in" in warning


def test_whispered_words_are_followed(speech: np.ndarray) -> None:
    long = np.tile(speech, 3)
    assert listen(whispered(long)).activity(100).mean() > 0.9 * listen(long).activity(100).mean()


def test_a_detector_that_was_sure_nearby_is_believed() -> None:
    lively, speech = np.ones(400, bool), np.full(400, 0.02, np.float32)
    speech[180:220] = 0.99
    doubtful = Listening(speech, lively).doubtful
    assert not doubtful[121:279].any()
    assert doubtful[:115].all()
    assert doubtful[285:].all()
    assert not Listening(speech, ~lively).doubtful.any()


@pytest.mark.slow
def test_the_report_says_what_the_lips_follow(pipeline: MoDiTalkerPipeline, portrait: Portrait, tmp_path: Path) -> None:
    for name, sound, sentence in (
        ("hum", hum(1), "holds no speech"),
        ("music", guitars(1), "No speech was recognised in the recording"),
    ):
        path = tmp_path / f"{name}.wav"
        soundfile.write(path, sound, SAMPLE_RATE)
        [warning] = pipeline.animate(portrait, path, tmp_path / f"{name}.mp4", seed=1, **FEW)["warnings"]
        assert sentence in warning
        assert look_at_recording(str(path), 60.0).warnings == (warning,)
        assert look_at_recording(str(path), 60.0).seconds == 1.0
