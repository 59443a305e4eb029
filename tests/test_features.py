"""Speech features: their rate, their timing, and that a moment's features do not depend on what is far from it."""

from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import HubertConfig, HubertModel, Wav2Vec2FeatureExtractor

from moditalker.audio.features import (
    CHUNK_SECONDS,
    FEATURE_RATE,
    MEL_BANDS,
    HubEncoder,
    SpeechEncoder,
    make_speech_encoder,
    normalise_loudness,
)
from moditalker.audio.text_to_speech import synthesize
from moditalker.constants import SAMPLE_RATE
from moditalker.utils.errors import InputError


@pytest.fixture(scope="module")
def moonshine() -> SpeechEncoder:
    return make_speech_encoder("moonshine")


@pytest.fixture(scope="module")
def long_speech() -> np.ndarray:
    """At least ten seconds, so three pieces."""
    samples = synthesize(
        "Hello! My name is Pam. Both my moon boots are by the door, and a big blue planet waits above the map. "
        "We went along the river until the sun was low, and nobody said a word about the rain."
    )
    assert len(samples) > 2.2 * CHUNK_SECONDS * SAMPLE_RATE
    return samples


@pytest.fixture(scope="module")
def long_features(moonshine: SpeechEncoder, long_speech: np.ndarray) -> np.ndarray:
    return moonshine(long_speech)


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Mean over the frames of the correlation of two (T, D), each feature centred over time."""
    a, b = a - a.mean(0), b - a.mean(0)
    return float(((a * b).sum(1) / (np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1) + 1e-9)).mean())


@pytest.mark.parametrize("samples", [3200, 3201, 15_999, 16_000, 16_001, 40_123])
def test_fifty_features_a_second(moonshine: SpeechEncoder, speech: np.ndarray, samples: int) -> None:
    features = moonshine(np.resize(speech, samples))
    assert features.shape == (int(np.ceil(samples * FEATURE_RATE / SAMPLE_RATE)), moonshine.dim)
    assert features.dtype == np.float32
    assert np.isfinite(features).all()


def test_listening_tells_of_every_piece_and_can_be_ended(moonshine: SpeechEncoder, long_speech: np.ndarray) -> None:
    told: list[tuple[int, int]] = []

    def progress(done: int, pieces: int) -> None:
        told.append((done, pieces))
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        moonshine(long_speech, progress)
    assert told == [(1, told[0][1]), (2, told[0][1])]
    assert told[0][1] >= 3


def test_a_few_samples_are_enough(moonshine: SpeechEncoder) -> None:
    features = moonshine(np.full(400, 0.1, np.float32))
    assert features.shape == (2, moonshine.dim)
    assert np.isfinite(features).all()


def test_a_moment_sounds_the_same_in_a_long_recording_and_cut_out_of_it(
    moonshine: SpeechEncoder, long_speech: np.ndarray, long_features: np.ndarray
) -> None:
    first, last = 3.0, 7.0
    part = moonshine(long_speech[int(first * SAMPLE_RATE) : int(last * SAMPLE_RATE)])
    margin = FEATURE_RATE // 2
    inside = slice(int(first * FEATURE_RATE) + margin, int(last * FEATURE_RATE) - margin)
    assert correlation(long_features[inside], part[margin:-margin]) > 0.8
    assert correlation(long_features[inside], part[margin + 10 : len(part) - margin + 10]) < 0.4


def test_no_jump_where_the_pieces_of_a_long_recording_meet(long_features: np.ndarray) -> None:
    encoded = long_features[:, :-MEL_BANDS]
    steps = np.linalg.norm(np.diff(encoded, axis=0), axis=-1)
    borders = [int(n * CHUNK_SECONDS * FEATURE_RATE) - 1 for n in (1, 2)]
    others = np.delete(steps, borders)
    assert steps[borders].max() < np.quantile(others, 0.99)


def test_later_sound_gives_later_features(moonshine: SpeechEncoder, speech: np.ndarray) -> None:
    delay = int(0.2 * SAMPLE_RATE)
    padded = np.pad(speech, (delay, 2 * delay))
    early, late = moonshine(padded[delay:]), moonshine(padded[:-delay])
    scores = {shift: correlation(early[10:60], late[10 + shift : 60 + shift]) for shift in range(25)}
    assert max(scores, key=lambda shift: scores[shift]) == 10
    assert scores[10] > 0.9


def test_both_kinds_of_features_rise_with_the_sound(moonshine: SpeechEncoder, speech: np.ndarray) -> None:
    silence = np.zeros(SAMPLE_RATE, np.float32)
    begun = speech[int(np.argmax(np.abs(speech) > 0.05)) :]
    features = moonshine(np.concatenate([silence, begun]))
    loudness = features[:, -MEL_BANDS:].mean(1)
    onset = int(np.argmax(loudness > loudness[:45].max() + 0.1))
    assert 47 <= onset <= 53
    step = np.linalg.norm(np.diff(features[:, :-MEL_BANDS], axis=0), axis=-1)
    assert step[48:90].mean() > 3 * step[10:40].mean()


@pytest.mark.parametrize("gain", [0.1, 1.0, 5.0])
def test_quiet_and_loud_speakers_are_brought_to_one_level(speech: np.ndarray, gain: float) -> None:
    level = normalise_loudness(speech * np.float32(gain))
    np.testing.assert_allclose(level, normalise_loudness(speech), rtol=1e-3, atol=1e-5)


def test_silence_stays_silent() -> None:
    assert not normalise_loudness(np.zeros(16_000, np.float32)).any()
    hiss = np.random.default_rng(0).normal(0, 1e-5, 16_000).astype(np.float32)
    assert np.abs(normalise_loudness(hiss)).max() < 2e-3


def test_pauses_do_not_make_speech_louder(speech: np.ndarray) -> None:
    with_pause = np.concatenate([speech, np.zeros(len(speech) // 2, np.float32)])
    gains = [np.abs(normalise_loudness(audio)).max() for audio in (speech, with_pause)]
    assert gains[1] == pytest.approx(gains[0], rel=0.3)


def test_an_unknown_encoder_is_refused() -> None:
    with pytest.raises(InputError, match="'whisper'.*'moonshine'"):
        make_speech_encoder("whisper")


def test_a_hubert_from_a_folder(tmp_path: Path, speech: np.ndarray) -> None:
    torch.manual_seed(0)
    config = HubertConfig(
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        conv_dim=(8,) * 7,
        num_conv_pos_embeddings=16,
        num_conv_pos_embedding_groups=2,
    )
    HubertModel(config).save_pretrained(tmp_path)
    Wav2Vec2FeatureExtractor().save_pretrained(tmp_path)
    encoder = make_speech_encoder(f"hub:{tmp_path}")
    assert encoder.dim == 16
    for samples in (16_001, 20 * SAMPLE_RATE + 777):  # the second in two pieces
        features = encoder(np.resize(speech, samples))
        assert features.shape == (int(np.ceil(samples / 320)), 16)
        assert np.isfinite(features).all()


@pytest.mark.parametrize("kind", ["missing", "empty"])
def test_a_folder_without_an_encoder_is_refused(tmp_path: Path, kind: str) -> None:
    folder = tmp_path / kind
    if kind == "empty":
        folder.mkdir()
    with pytest.raises(InputError, match="could not be loaded"):
        HubEncoder(str(folder))
