"""Faces as they are not among the clips: light, lens, proportions and features."""

from pathlib import Path

import cv2
import numpy as np
import torch
from prepared_clips import clip_named

from moditalker.face.geometry import transform_points
from moditalker.training.data.augmentation import (
    bending,
    bent,
    bent_points,
    followed,
    recolouring,
    relighting,
    reshaped,
    reshaping,
    resharpening,
)
from moditalker.training.data.block_batches import BlockBatches


def test_another_light_or_lens_is_the_same_for_all_pictures_of_a_face() -> None:
    rng = np.random.default_rng(3)
    face = cv2.GaussianBlur(rng.integers(0, 256, (32, 32, 3)).astype(np.uint8), (0, 0), 1.5)
    video = np.repeat(face[None], 4, 0)
    greys, sharper = 0, set()
    for seed in range(40):
        lit = recolouring(np.random.default_rng(seed))
        changed = lit(video)
        assert changed.shape == video.shape
        assert changed.dtype == np.uint8
        assert np.array_equal(changed[2], lit(face[None])[0])
        apart = changed[0].astype(float).std(-1).mean()
        greys += bool(apart < 1)
        assert apart < 1 or (changed[0] != face).any()
        focused = resharpening(np.random.default_rng(seed))(video)
        assert np.array_equal(focused[0], focused[3])
        sharper.add(bool(focused[0].astype(float).std() > face.astype(float).std()))
    assert 2 <= greys <= 10
    assert sharper == {True, False}


def test_a_face_of_other_proportions_has_its_landmarks_where_it_is() -> None:
    moved = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        points = rng.uniform(40, 90, (1, 3, 2))
        picture = np.zeros((1, 128, 128, 3), np.uint8)
        for channel, (x, y) in enumerate(points[0].round().astype(int)):
            picture[0, y - 3 : y + 4, x - 3 : x + 4, channel] = 255
        change = reshaping(rng, 128)
        seen = reshaped(picture, change)[0].astype(float)
        matrices = np.array([[[2, 0, -10], [0, 2, 5]]], np.float32)
        placed = transform_points(followed(matrices, change), (points.round() - [-10, 5]) / 2)[0]
        for channel, (x, y) in enumerate(placed):
            mass = seen[..., channel]
            rows, columns = np.mgrid[:128, :128]
            assert abs((mass * columns).sum() / mass.sum() - x) < 0.5
            assert abs((mass * rows).sum() / mass.sum() - y) < 0.5
        moved.append(np.abs(placed - points[0]).max())
    assert 2 < np.median(moved) < 12


def test_a_face_of_other_features_has_its_landmarks_where_it_is() -> None:
    moved = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        points = rng.uniform(40, 90, (3, 2)).round()
        picture = np.zeros((1, 128, 128, 3), np.uint8)
        for channel, (x, y) in enumerate(points.astype(int)):
            picture[0, y - 3 : y + 4, x - 3 : x + 4, channel] = 255
        offsets = bending(rng, 128)
        seen = bent(picture, offsets)[0].astype(float)
        placed = bent_points(points, offsets)
        for channel, (x, y) in enumerate(placed):
            mass = seen[..., channel]
            rows, columns = np.mgrid[:128, :128]
            assert abs((mass * columns).sum() / mass.sum() - x) < 0.5
            assert abs((mass * rows).sum() / mass.sum() - y) < 0.5
        moved.extend(placed - points)
    moved = np.array(moved)
    assert 0.5 < np.abs(moved).mean() < 3
    assert np.abs(moved.mean(0)).max() < 0.5, "it pulls to no side"


def test_a_face_under_other_lamps_is_brighter_here_and_darker_there() -> None:
    video = np.full((2, 64, 64, 3), 100, np.uint8)
    lit = relighting(np.random.default_rng(0), 64)(video)
    assert np.array_equal(lit[0], lit[1])
    assert 5 < lit[0].std() < 40
    assert lit.min() < 95
    assert lit.max() > 105


def _middle(pictures: torch.Tensor) -> torch.Tensor:
    """(..., H, W) -> (..., 2): where the brightness lies on average, row and column."""
    share = pictures.float() / pictures.float().sum((-2, -1), keepdim=True)
    place = torch.arange(pictures.shape[-1])
    return torch.stack([(share.sum(-1) * place).sum(-1), (share.sum(-2) * place).sum(-1)], -1)


def test_varied_batches_stay_what_a_portrait_could_be_warped_to(prepared: Path) -> None:
    source = BlockBatches([clip_named(prepared, "ada-short")], blocks=8, frames=3, vary=True)
    plain = BlockBatches([clip_named(prepared, "ada-short")], blocks=8, frames=3)
    batch, unchanged = source(np.random.default_rng(4)), plain(np.random.default_rng(4))
    for item in range(8):
        real = batch["video"][item][:, batch["frames"][item]].float()
        assert (batch["warped"][item].float() - real).abs().mean() < 25
    lips, before = (_middle(source["landmark_map"][:, 2]) for source in (batch, unchanged))
    assert (lips - before).abs().max() > 1, "landmarks follow the features"
