"""Recordings as they might have been, when somebody speaks, and windows of clips that are heard at another speed."""

from pathlib import Path

import numpy as np
import pytest

from moditalker.audio.voice_activity import speech_activity
from moditalker.constants import SAMPLE_RATE
from moditalker.training.data.clips import PreparedClip, landmarks_at
from moditalker.training.data.motion_batches import MotionBatches
from moditalker.training.data.sound_augmentation import Ranges, coloured_noise, echo, equalise, perturb, stretch
from moditalker.training.data.speech_files import Variant, load_speech
from moditalker.utils.errors import InputError


def chirps(places: list[int], length: int) -> np.ndarray:
    """Short tones that begin at the given samples."""
    audio = np.zeros(length, np.float32)
    for place in places:
        audio[place : place + 800] = np.hanning(800) * np.sin(0.3 * np.arange(800))
    return audio


def centres(audio: np.ndarray, places: list[int]) -> np.ndarray:
    """Where the energy around each of the samples lies."""
    found = []
    for place in places:
        window = slice(place - 2000, place + 2000)
        found.append(np.average(np.arange(place - 2000, place + 2000), weights=audio[window] ** 2))
    return np.array(found)


@pytest.mark.parametrize(("speed", "semitones"), [(1.0, 0.0), (0.9, 3.0), (1.1, -3.0)])
def test_nothing_is_delayed_by_another_speed_and_pitch(speed: float, semitones: float) -> None:
    heard = stretch(chirps([4000, 16_000, 28_000], 34_000), speed, semitones)
    assert len(heard) == pytest.approx(34_000 / speed, rel=1e-3)
    wanted = [int((place + 400) / speed) for place in (4000, 16_000, 28_000)]
    assert np.abs(centres(heard, wanted) - wanted).max() < 0.002 * SAMPLE_RATE


def test_nothing_is_delayed_by_a_room_or_an_equaliser() -> None:
    audio = chirps([4000, 16_000], 24_000)
    equalised = equalise(audio, np.array([6.0, -6, 3, -3, 6, -6]))
    assert np.abs(centres(equalised, [4400, 16_400]) - [4400, 16_400]).max() < 0.002 * SAMPLE_RATE
    echoed = echo(audio, 0.3, -6.0, np.random.default_rng(0))
    assert np.array_equal(echoed[:3900] > 1e-6, np.zeros(3900, bool)), "an echo before its sound"
    assert echoed[4000 + 1200 : 8000].std() > 10 * audio[4000 + 1200 : 8000].std()


def test_a_variant_repeats_with_its_seed_and_says_its_speed(speech: np.ndarray) -> None:
    first, speed = perturb(speech, np.random.default_rng(3))
    again, _ = perturb(speech, np.random.default_rng(3))
    np.testing.assert_array_equal(first, again)
    assert len(first) == pytest.approx(len(speech) / speed, rel=2e-3)
    other, _ = perturb(speech, np.random.default_rng(4))
    assert len(other) != len(first)
    untouched, speed = perturb(speech, np.random.default_rng(3), Ranges(often=(0.0,) * 5))
    np.testing.assert_array_equal(untouched, speech)
    assert speed == 1


def test_somebody_speaks_in_speech_and_nobody_in_noise_and_breath(speech: np.ndarray) -> None:
    rng = np.random.default_rng(0)
    pause = coloured_noise(3 * SAMPLE_RATE, 1.0, rng) * 10 ** (-50 / 20)
    swell = np.clip(np.sin(2 * np.pi * np.arange(len(pause)) / SAMPLE_RATE / 1.2), 0, None)
    breath = coloured_noise(len(pause), 0.5, rng) * swell * 10 ** (-38 / 20)
    audio = np.concatenate([pause + breath, speech, pause]).astype(np.float32)
    activity = speech_activity(audio, len(audio) // 640)
    first, last = 75, 75 + len(speech) // 640
    assert activity[: first - 8].max() < 0.01
    assert activity[last + 12 :].max() < 0.01
    assert activity[first + 10 : last - 12].min() > 0.95
    assert np.abs(np.diff(activity)).max() < 0.4, "lips would jump"
    assert speech_activity(np.zeros(5 * SAMPLE_RATE, np.float32), 125).max() < 1e-3


def clip_of(variants: tuple[Variant, ...], offset: int, landmarks: np.ndarray, tmp_path: Path) -> PreparedClip:
    """Forty frames whose landmarks and features both count the picture's frames."""
    count = np.arange(40, dtype=np.float32)
    moving = landmarks[None] + count[:, None, None]
    heard = np.repeat((np.arange(40) + offset).astype(np.float16), 2)[:, None]
    return PreparedClip("a", "a", tmp_path, moving, np.zeros((40, 2, 3)), heard, offset, variants)


@pytest.mark.parametrize("offset", [-3, 0, 2])
@pytest.mark.parametrize("speed", [0.9, 1.0, 1.1])
def test_the_picture_follows_a_recording_at_another_speed(
    landmarks: np.ndarray, tmp_path: Path, speed: float, offset: int
) -> None:
    length = int(40 / speed)
    # What a variant says at frame j is the picture's frame that belongs to it.
    told = (np.arange(length) + 0.5) * speed - 0.5 + offset
    clip = clip_of((), offset, landmarks, tmp_path)
    shown = landmarks_at(clip, speed, 5, 20)[:, 0, 0] - landmarks[0, 0]
    np.testing.assert_allclose(shown, told[5:25], atol=1e-3)


def test_every_variant_of_a_clip_is_heard(landmarks: np.ndarray, tmp_path: Path) -> None:
    variants = tuple(Variant(np.full((80, 1), k, np.float16), 1.0) for k in (100, 200))
    clip = clip_of(variants, 0, landmarks, tmp_path)
    batch = MotionBatches([clip], window=96, frames=24 * 40)(np.random.default_rng(0))
    speech = batch["speech"].mean((1, 2))
    assert {100.0, 200.0} < set(speech.tolist())
    assert (speech < 50).any()
    assert batch["closure"].shape == (40, 24, 1)


def test_features_that_were_not_made_are_asked_for(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="prepare --encoder mel"):
        load_speech(tmp_path, "mel", variants=False)
