"""A speaking style: what is measured of a clip, where training takes it from, and what it changes in a video."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from moditalker.atom.motion_transformer import MotionTransformer
from moditalker.atom.schedulers import atom_scheduler
from moditalker.atom.style import MOVEMENTS, STYLE, WINDOW, style_of, window_variances
from moditalker.atom.transformer_sampling import sample_part
from moditalker.audio.prosody import PROSODY
from moditalker.face.geometry import FaceFrame
from moditalker.face.layout import MIRRORED
from moditalker.training.data.clips import load_clips
from moditalker.training.data.styles import Styles


def nodding(landmarks: np.ndarray, radians: float, frames: int = 100) -> np.ndarray:
    """(T, 68, 3) of a face that nods once in ten frames."""
    pose = np.zeros((frames, 6), np.float32)
    pose[:, 0] = radians * np.sin(2 * np.pi * np.arange(frames) / 10)
    return FaceFrame(landmarks).compose(np.zeros((frames, 68, 3), np.float32), pose)


def test_a_style_is_how_far_and_how_fast_somebody_moves(landmarks: np.ndarray) -> None:
    calm, lively = (nodding(landmarks, radians) for radians in (0.02, 0.08))
    nod, turn = MOVEMENTS.index("nod"), MOVEMENTS.index("turn")
    fast_nod = nod + len(MOVEMENTS)
    one, other = (style_of(window_variances(clip)) for clip in (calm, lively))
    assert one.shape == (STYLE,)
    assert other[nod] - one[nod] == pytest.approx(2 * np.log(4), abs=0.05), "four times as far"
    assert other[fast_nod] > one[fast_nod] + 2
    assert other[turn] == pytest.approx(one[turn], abs=0.1), "and to no side"
    flip = np.array([-1, 1, 1], np.float32)
    shifted = 3 * (lively[:, MIRRORED] * flip) + [900, 40, 0]
    np.testing.assert_allclose(style_of(window_variances(shifted)), other, atol=0.05)
    assert len(window_variances(lively[: WINDOW - 1])) == 0


def test_a_style_for_training_is_of_other_windows_of_the_same_speaker(prepared: Path) -> None:
    clip = max(load_clips(prepared, "train"), key=len)
    assert len(clip) >= 2 * WINDOW
    alone = Styles([clip])
    rows = window_variances(clip.landmarks)
    np.testing.assert_allclose(alone.elsewhere(clip, 0, WINDOW - 1), style_of(rows[1:]))
    assert alone.elsewhere(clip, 0, len(clip)) is None, "nothing else is known of the speaker"
    still = replace(clip, name="another", landmarks=np.repeat(clip.landmarks[:1], 2 * WINDOW, 0))
    both = Styles([clip, still])
    assert both.elsewhere(clip, 0, len(clip)).max() < -10, "that of the other clip, which does not move"
    stranger = Styles([replace(still, speaker="somebody else"), clip])
    assert stranger.elsewhere(clip, 0, len(clip)) is None


def test_a_model_does_as_the_style_says_or_as_none() -> None:
    torch.manual_seed(0)
    network = MotionTransformer("head", speech_dim=10, width=16, num_layers=1, heads=2, window=32, overlap=8).eval()
    for layer in network.layers:
        torch.nn.init.normal_(layer.film1.linear.weight, std=0.3)
    speech = np.random.default_rng(0).standard_normal((80, 10 + PROSODY)).astype(np.float32)

    def made(style: np.ndarray | None) -> np.ndarray:
        told = {"steps": 2, "generator": torch.Generator().manual_seed(1), "style": style}
        return sample_part(network, atom_scheduler(), speech, np.zeros((68, 3), np.float32), **told)

    one, other = np.zeros(STYLE, np.float32), np.ones(STYLE, np.float32)
    assert np.abs(made(one) - made(other)).max() > 1e-3
    assert np.abs(made(one) - made(None)).max() > 1e-3
    np.testing.assert_array_equal(made(100 * other), made(3 * other), err_msg="no further than people move")
