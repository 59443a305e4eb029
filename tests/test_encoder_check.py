"""The linear probe of speech encoders."""

from pathlib import Path

import numpy as np
import pytest

from moditalker.training.data.clips import PreparedClip
from moditalker.training.encoder_check import CURVES, Heard, WhisperEncoder, encoder_table, heard, probe
from moditalker.utils.errors import InputError


def clips_of(tells: float) -> list[Heard]:
    """Six speakers; the share of the curves that can be heard is ``tells``."""
    rng = np.random.default_rng(0)
    found = []
    for number in range(12):
        curves = rng.standard_normal((60, len(CURVES))).astype(np.float32)
        curves -= curves.mean(0)
        noise = rng.standard_normal((60, 10)).astype(np.float32)
        features = np.concatenate([tells * curves + (1 - tells) * noise[:, :2], noise[:, 2:]], 1)
        found.append(Heard(f"speaker {number // 2}", "ar" if number < 6 else "en", curves, features))
    return found


def correlations(clips: list[Heard]) -> list[np.ndarray]:
    told = probe(clips[:8], clips[8:])
    return [
        np.array([np.corrcoef(mine[:, i], one.curves[:, i])[0, 1] for i in range(len(CURVES))])
        for mine, one in zip(told, clips[8:], strict=True)
    ]


def test_features_that_tell_more_are_found_to() -> None:
    good, poor = correlations(clips_of(0.8)), correlations(clips_of(0.2))
    assert np.mean(good) > 0.9 > 0.5 > np.mean(poor)
    table = encoder_table({"poor": poor, "good": good}, clips_of(0.8)[8:]).splitlines()
    assert [line.split(" | ")[2] for line in table[2:]] == ["poor", "good", "poor", "good"], "all, and one language"
    assert "+0." in table[3], "the difference to the first, and its interval"
    assert "+" not in table[2]


def test_a_clips_own_offset_is_taken_away(landmarks: np.ndarray, tmp_path: Path) -> None:
    steps = np.arange(20, dtype=np.float32)
    faces = np.repeat(landmarks[None].astype(np.float32), 20, 0)
    faces[:, [65, 66, 67], 1] += steps[:, None]

    class Counting:
        name, dim = "counting", 1

        def __call__(self, audio: np.ndarray, progress: object = None) -> np.ndarray:
            return np.repeat(steps, 2)[:, None]

    clip = PreparedClip("one", "a", tmp_path, faces, np.zeros((20, 2, 3)), np.zeros((40, 1)), 3)
    one = heard(clip, np.zeros(1, np.float32), Counting())
    middle = one.features.shape[1] // 2
    np.testing.assert_allclose(one.features[3:, middle], steps[:-3])
    assert one.curves[-1, 0] > 0 > one.curves[0, 0], "the opening, less its mean"


def test_a_folder_without_a_model_says_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"model.bin|ctranslate2"):
        WhisperEncoder(tmp_path)
