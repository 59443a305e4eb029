"""Blocks of MToV: one after the other, without a seam, and to be ended at any step."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from conftest import Talking
from test_warp import MOUTH

from moditalker.atom.schedulers import mtov_scheduler
from moditalker.face.geometry import aligning_matrix, transform_points
from moditalker.mtov.autoencoder import MOUTH_WINDOW
from moditalker.mtov.block_sampling import BlockSampler, FaceLayers
from moditalker.pipeline import MoDiTalkerPipeline
from moditalker.portrait import Portrait


def layers_of(
    pipeline: MoDiTalkerPipeline,
    portrait: Portrait,
    landmarks: np.ndarray,
    *,
    steps: int,
    group: int = 4,
    seed: int = 0,
    callback: Callable[[int], None] | None = None,
) -> list[FaceLayers]:
    sampler = BlockSampler(
        pipeline.autoencoder,
        pipeline.denoiser,
        mtov_scheduler(),
        portrait.face,
        steps=steps,
        start=0.25,
        generator=torch.Generator().manual_seed(seed),
        group=group,
        callback=callback,
    )
    return list(sampler(portrait.frame.motion(landmarks)))


class EnoughError(Exception):
    """Raised by a callback to end the work."""


@pytest.mark.slow
def test_the_work_can_be_ended_between_any_two_of_its_steps(
    pipeline: MoDiTalkerPipeline, portrait: Portrait, talking: Talking, monkeypatch: pytest.MonkeyPatch
) -> None:
    work: list[str] = []

    def noted(owner: Any, method: str) -> None:
        original = getattr(owner, method)
        monkeypatch.setattr(
            owner, method, lambda *args, **options: (work.append(method), original(*args, **options))[1]
        )

    noted(pipeline.autoencoder, "encode")
    noted(pipeline.autoencoder, "render")
    noted(pipeline.denoiser, "forward")
    moving = talking(portrait.frame.landmarks, 52)
    layers_of(pipeline, portrait, moving, steps=2, callback=lambda done: work.append(str(done)))
    assert (work.count("encode"), work.count("forward"), work.count("render")) == (2, 2, 4)
    neighbours = {(first, then) for first, then in pairwise(work) if not then.isdigit()}
    assert {first.isdigit() for first, _ in neighbours} == {True}, "two pieces of work without a look between them"
    assert [done for done in dict.fromkeys(work) if done.isdigit()] == ["0", "12", "24", "36", "52"]

    work.clear()

    def end(done: int) -> None:
        if done == 12:
            raise EnoughError

    with pytest.raises(EnoughError):
        layers_of(pipeline, portrait, moving, steps=2, callback=end)
    assert work.count("render") == 1


def joined(layers: list[FaceLayers]) -> np.ndarray:
    return np.concatenate([layer.delta for layer in layers])


@pytest.mark.parametrize("group", [1, 4])
@pytest.mark.parametrize("frames", [1, 15, 16, 17, 60])
@pytest.mark.slow
def test_layers_cover_every_frame_once_and_in_order(
    pipeline: MoDiTalkerPipeline, portrait: Portrait, talking: Talking, frames: int, group: int
) -> None:
    moving = talking(portrait.frame.landmarks, frames, sway=0.1)
    layers = layers_of(pipeline, portrait, moving, steps=0 if frames == 60 else 1, group=group)
    np.testing.assert_array_equal(np.concatenate([layer.motion.landmarks for layer in layers]), moving)
    assert joined(layers).shape == (frames, 3, 128, 128)


@pytest.mark.slow
def test_the_same_seed_gives_the_same_layers(
    pipeline: MoDiTalkerPipeline, portrait: Portrait, talking: Talking
) -> None:
    moving = talking(portrait.frame.landmarks, 30)
    first, again, other = (
        joined(layers_of(pipeline, portrait, moving, steps=2, group=2, seed=seed)) for seed in (3, 3, 4)
    )
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 0.1


@pytest.mark.parametrize("group", [1, 4])
@pytest.mark.slow
def test_no_jump_where_blocks_meet(
    pipeline: MoDiTalkerPipeline, portrait: Portrait, talking: Talking, group: int
) -> None:
    moving = talking(portrait.frame.landmarks, 64, sway=0.1)
    delta = joined(layers_of(pipeline, portrait, moving, steps=2, group=group))
    step = np.abs(np.diff(delta, axis=0)).mean((1, 2, 3))
    borders = np.arange(11, 63, 12)  # from the last frame that is one block's alone to the first that two share
    borders = np.concatenate([borders, borders[:-1] + 4])
    others = np.delete(step, borders)
    assert step[borders].max() <= 1.1 * others.max()


def test_empty_planes_still_follow_the_landmarks(
    pipeline: MoDiTalkerPipeline, portrait: Portrait, talking: Talking
) -> None:
    moving = talking(portrait.frame.landmarks, 10)
    delta = joined(layers_of(pipeline, portrait, moving, steps=0, group=1))
    assert np.abs(delta[5] - delta[0]).max() > 0.5


def test_of_a_head_that_turned_far_only_the_mouth_is_drawn(pipeline: MoDiTalkerPipeline, portrait: Portrait) -> None:
    frame = portrait.frame
    pose = np.zeros((16, 6), np.float32)
    pose[8:, 1] = 0.5
    landmarks = frame.compose(np.zeros((16, 68, 3), np.float32), pose)
    (layers,) = layers_of(pipeline, portrait, landmarks, steps=1)
    drawn = np.abs(layers.delta).max(1)
    before, after = drawn[:8].mean(0), drawn[8:].mean(0)
    top = slice(0, 50)
    assert before[top].mean() > 0.5
    assert after[top].max() == 0
    lips = transform_points(aligning_matrix(landmarks[-1]), landmarks[-1])[MOUTH].mean(0).round().astype(int)
    assert after[lips[1], lips[0]] > 0.5 * before[MOUTH_WINDOW.top : MOUTH_WINDOW.top + MOUTH_WINDOW.height].mean()
