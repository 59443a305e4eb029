"""What lies in a mouth that opens much wider than in the portrait: dark under the teeth, and a tongue below it."""

import numpy as np
import pytest
import torch
from test_teeth import SKIN, flat, painted, parted, shut, under_the_lip

from moditalker.atom.schedulers import mtov_scheduler
from moditalker.face.geometry import FaceFrame, aligned_face, aligning_matrix, transform_points
from moditalker.face.layout import INNER_LIPS
from moditalker.mtov import block_sampling as sampling
from moditalker.mtov.block_sampling import BlockSampler, encode_face
from moditalker.pipeline import MoDiTalkerPipeline
from moditalker.render.tongue import held_back

RED = np.array([180, 70, 60], np.uint8)


def with_red_lips(portrait: np.ndarray) -> np.ndarray:
    """(512, 512, 3) skin with a red band where the portrait's lips are."""
    picture = flat()
    low, high = portrait[48:, :2].min(0).astype(int), portrait[48:, :2].max(0).astype(int) + 1
    picture[low[1] : high[1], low[0] : high[0]] = RED
    return picture


def between(drawn: np.ndarray, frame: np.ndarray, depth: float) -> np.ndarray:
    """(3,) mean colour in the middle of the mouth, so far down from the upper to the lower lip."""
    x, y = np.round((1 - depth) * frame[0, 62, :2] + depth * frame[0, 66, :2]).astype(int)
    return drawn[y - 1 : y + 2, x - 4 : x + 5].mean((0, 1))


def test_a_wide_mouth_shows_teeth_then_dark_then_a_tongue(landmarks: np.ndarray) -> None:
    portrait = shut(landmarks)
    frame = parted(portrait, 0.05, 0.15)
    drawn = painted(with_red_lips(portrait), portrait, frame)
    dark, tongue = between(drawn, frame, 0.35), between(drawn, frame, 0.8)
    assert dark.mean() < 0.6 * under_the_lip(drawn, frame)
    assert tongue.mean() > 1.5 * dark.mean()
    # Paler than lips, redder than skin.
    assert SKIN[0] / SKIN[1] < tongue[0] / tongue[1] < RED[0] / RED[1]


def test_a_mouth_that_opens_a_little_shows_none(landmarks: np.ndarray) -> None:
    portrait = shut(landmarks)
    frame = parted(portrait, 0.0, 0.09)
    drawn = painted(flat(), portrait, frame)
    assert between(drawn, frame, 0.7).mean() < 0.6 * SKIN.mean()


def test_the_tongue_of_a_grey_portrait_is_grey(landmarks: np.ndarray) -> None:
    portrait = shut(landmarks)
    frame = parted(portrait, 0.05, 0.15)
    picture = np.repeat(with_red_lips(portrait).mean(-1, keepdims=True).astype(np.uint8), 3, 2)
    assert np.ptp(painted(picture, portrait, frame).astype(int), -1).max() <= 1


@pytest.mark.parametrize("opening", [0.0, 0.09, 0.25])
def test_only_inside_a_wide_mouth_is_the_guess_held_back(landmarks: np.ndarray, opening: float) -> None:
    portrait = shut(landmarks)
    frame = parted(portrait, 0.0, opening)
    matrices = aligning_matrix(frame)
    mask = held_back(portrait, frame, matrices, 128)[0, 0]
    assert not held_back(frame[0], frame, matrices, 128).any()
    if opening < 0.1:
        assert not mask.any()
        return
    lips = transform_points(matrices, frame[:, INNER_LIPS])[0]
    x, y = lips.mean(0).round().astype(int)
    assert mask[y, x] > 0.5
    assert mask.max() <= 1
    inside = np.zeros_like(mask, bool)
    low, high = np.floor(lips.min(0)).astype(int) - 1, np.ceil(lips.max(0)).astype(int) + 2
    inside[low[1] : high[1], low[0] : high[0]] = True
    assert mask[~inside].max() < 0.02


@pytest.mark.parametrize("wider", [0.05, 0.2])
def test_what_the_decoder_adds_is_held_back_where_it_can_only_guess(
    pipeline: MoDiTalkerPipeline,
    astronaut: np.ndarray,
    landmarks: np.ndarray,
    monkeypatch: pytest.MonkeyPatch,
    wider: float,
) -> None:
    frames = np.repeat(parted(landmarks, 0.0, wider), 16, 0)
    face = encode_face(pipeline.autoencoder, aligned_face(astronaut, aligning_matrix(landmarks)), landmarks)

    def added() -> np.ndarray:
        generator = torch.Generator().manual_seed(0)
        parts = (pipeline.autoencoder, pipeline.denoiser, mtov_scheduler())
        sampler = BlockSampler(*parts, face, steps=1, start=0.25, generator=generator)
        return next(iter(sampler(FaceFrame(landmarks).motion(frames)))).delta

    ours = added()
    monkeypatch.setattr(sampling, "held_back", lambda *_: np.zeros((16, 1, 128, 128), np.float32))
    guessed = added()
    x, y = transform_points(aligning_matrix(frames[:1]), frames[:1, INNER_LIPS])[0].mean(0).round().astype(int)
    middle = np.s_[0, :, y - 2 : y + 3, x - 2 : x + 3]
    assert np.abs(guessed[middle]).max() > 0.5
    kept = np.abs(ours[middle]).mean() / np.abs(guessed[middle]).mean()
    assert kept == (1 if wider < 0.1 else pytest.approx(0.3, abs=0.1))
    np.testing.assert_array_equal(ours[:, :, : y - 30], guessed[:, :, : y - 30])
