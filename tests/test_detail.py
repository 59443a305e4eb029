"""Detail of a drawn mouth: as much as real mouths have, in each part for itself, and nothing else is touched."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from conftest import Talking
from test_teeth import parted

from moditalker.face.geometry import aligned_face, aligning_matrix, transform_points
from moditalker.face.layout import INNER_LIPS, mouth_opening
from moditalker.loading import default_weights
from moditalker.mtov.autoencoder import MOUTH_WINDOW
from moditalker.mtov.block_sampling import BlockSampler
from moditalker.mtov.detail import PARTS, DetailGains, fine_bands, mouth_parts, mouth_statistics
from moditalker.pipeline import MoDiTalkerPipeline
from moditalker.portrait import Portrait
from moditalker.render.landmark_map import draw_landmarks
from moditalker.training.loop import TrainingConfig, fit
from moditalker.training.objectives.train_detail import DetailObjective

INSIDE, UPPER_BORDER, LOWER_BORDER, UPPER_LIP, LOWER_LIP, SKIN = range(PARTS + 1)
Batch = dict[str, torch.Tensor]


def marks_of(landmarks: np.ndarray, opening: float) -> torch.Tensor:
    """(1, 3, 64, 96) 0 to 1, a mouth so far open, drawn."""
    frame = parted(landmarks, 0.0, opening - mouth_opening(landmarks))
    drawn = draw_landmarks(transform_points(aligning_matrix(frame), frame))
    return MOUTH_WINDOW.cut(torch.from_numpy(drawn)).float() / 255


def mouth_of(picture: np.ndarray, landmarks: np.ndarray) -> torch.Tensor:
    """(1, 3, 64, 96) 0 to 255."""
    face = torch.from_numpy(aligned_face(picture, aligning_matrix(landmarks)))
    return MOUTH_WINDOW.cut(face.permute(2, 0, 1).float())[None]


def blurred(pictures: torch.Tensor, deviation: float) -> torch.Tensor:
    planes = [cv2.GaussianBlur(plane, (0, 0), deviation) for plane in pictures.flatten(0, 1).numpy()]
    return torch.from_numpy(np.stack(planes)).view_as(pictures)


@pytest.fixture
def mouths(astronaut: np.ndarray, landmarks: np.ndarray) -> Batch:
    """What the gains are given of one frame: a mouth that is drawn faint, over a warp that is not the portrait's."""
    real = mouth_of(astronaut, landmarks)
    return {
        "generated": blurred(real, 1.0),
        "warped": blurred(real, 0.6) - 12,
        "landmark_map": marks_of(landmarks, 0.1),
        "portrait": real,
    }


def told(part: int, band: int, gain: float) -> DetailGains:
    """Gains that are always the same: one part's one band."""
    gains = DetailGains()
    gains.linear.bias.data[part * 3 + band] = gain
    return gains


def test_gains_that_learnt_nothing_change_nothing(mouths: Batch) -> None:
    assert not DetailGains()(**mouths).any()


@pytest.mark.parametrize("opening", [0.0, 0.03, 0.15])
def test_a_mouth_is_taken_apart(landmarks: np.ndarray, opening: float) -> None:
    parts = mouth_parts(marks_of(landmarks, opening))
    assert parts.min() >= 0
    assert 0.9 < float(parts.sum(1).min()) <= float(parts.sum(1).max()) < 1.1, "each pixel belongs to one, or to some"
    rows = torch.arange(64.0)[:, None]
    mass = parts.sum((2, 3))[0]
    places = ((parts * rows).sum((2, 3)) / parts.sum((2, 3)))[0]
    assert places[UPPER_LIP] < places[UPPER_BORDER] < places[LOWER_BORDER] < places[LOWER_LIP]
    assert (mass[INSIDE] > 60) == (opening > 0.1), "an open mouth has an inside"
    assert mass[[UPPER_BORDER, LOWER_BORDER]].min() > 15, "shut lips have borders too"


def test_the_mirrored_mouth_is_changed_alike(mouths: Batch) -> None:
    torch.manual_seed(0)
    gains = DetailGains()
    torch.nn.init.normal_(gains.linear.weight, 0, 0.02)
    mirrored = gains(**{key: value.flip(-1) for key, value in mouths.items()})
    torch.testing.assert_close(mirrored, gains(**mouths).flip(-1), atol=0.02, rtol=0.02)
    assert mirrored.abs().max() > 1


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("gain", [0.5, -0.5])
def test_a_part_gets_more_contrast_or_less_and_the_others_keep_theirs(mouths: Batch, part: int, gain: float) -> None:
    before, where = mouths["generated"], mouth_parts(mouths["landmark_map"])[:, part : part + 1]
    change = told(part, 1, gain)(**mouths)
    band = fine_bands(before)[1]
    inner = where > 0.7
    assert inner.sum() > 5
    grown = ((band + change) * inner).square().sum().sqrt() / (band * inner).square().sum().sqrt()
    # Not all of it: this warp differs from its portrait by less than one whose mouth moved far.
    assert 1.15 < grown < np.exp(gain) if gain > 0 else np.exp(gain) < grown < 0.9
    assert change[(where < 0.01).expand_as(change)].abs().max() < 0.2


def test_a_mouth_that_stays_as_the_portrait_has_it_is_left_alone(mouths: Batch) -> None:
    gains = told(UPPER_LIP, 0, 0.9)
    assert gains(**mouths).abs().max() > 2
    assert not gains(**{**mouths, "warped": mouths["portrait"]}).any()


def test_statistics_tell_faint_from_sharp_and_shut_from_open(landmarks: np.ndarray, mouths: Batch) -> None:
    def seen(picture: torch.Tensor, opening: float) -> torch.Tensor:
        return mouth_statistics(picture, picture, mouth_parts(marks_of(landmarks, opening)), mouths["portrait"])[0]

    sharp, faint = mouths["portrait"], mouths["generated"]
    assert len(seen(sharp, 0.1)) == len(DetailGains().mean)
    assert (seen(sharp, 0.1) - seen(faint, 0.1)).abs().max() > 0.3
    assert (seen(sharp, 0.1) - seen(sharp, 0.0)).abs().max() > 0.3
    for odd in (torch.zeros_like(sharp), torch.full_like(sharp, 255)):
        assert seen(odd, 0.1).isfinite().all()
    assert mouth_statistics(sharp, sharp, mouth_parts(torch.zeros_like(sharp)), sharp).isfinite().all(), (
        "no lips at all"
    )


@pytest.mark.slow
def test_what_is_faint_learns_to_be_sharp(mouths: Batch, tmp_path: Path) -> None:
    """Mouths that were drawn faint, with various lips: LPIPS gets lower than before, also of those never seen."""
    pytest.importorskip("stlpips_pytorch")

    def batches(rng: np.random.Generator) -> Batch:
        light = torch.from_numpy(rng.uniform(0.7, 1.1, (6, 3, 1, 1))).float()
        batch = {key: value * (1 if key == "landmark_map" else light) for key, value in mouths.items()}
        return {**batch, "landmark_map": batch["landmark_map"].expand(6, -1, -1, -1), "real": batch["portrait"]}

    gains = DetailGains()
    parts = mouth_parts(mouths["landmark_map"])
    gains.mean.copy_(mouth_statistics(mouths["generated"], mouths["warped"], parts, mouths["portrait"])[0])
    config = TrainingConfig(
        tmp_path, minutes=0, max_steps=15, learning_rate=0.02, warmup=0, workers=0, cpu=True, evaluation_batches=2
    )
    losses = fit(gains, DetailObjective(gains), batches, batches, config)
    assert losses["loss"] < 0.9 * losses["lpips_before"]


@pytest.mark.slow
def test_the_pipeline_draws_with_detail_and_does_without(
    pipeline: MoDiTalkerPipeline, portrait: Portrait, talking: Talking, tmp_path: Path
) -> None:
    moving = talking(portrait.frame.landmarks, 6)
    pipeline.save_pretrained(tmp_path)
    loaded = MoDiTalkerPipeline.from_pretrained(tmp_path)
    without = MoDiTalkerPipeline.from_pretrained(tmp_path, detail=None)
    assert "detail" in loaded.weight_hashes()
    assert "detail" not in without.weight_hashes()

    def added(one: MoDiTalkerPipeline, mouth_only: bool) -> np.ndarray:
        parts = one.autoencoder, one.denoiser, one.mtov_scheduler, portrait.face
        generator = torch.Generator().manual_seed(0)
        options = {"refiner": one.flow, "detail": one.detail, "mouth_only": mouth_only}
        sampler = BlockSampler(*parts, steps=1, start=0.25, generator=generator, **options)
        return np.concatenate([layers.delta for layers in sampler(portrait.frame.motion(moving))])

    for mouth_only in (False, True):  # drawn, and tried before it is drawn
        apart = np.abs(added(loaded, mouth_only) - added(without, mouth_only))
        assert apart.max() > 3
        MOUTH_WINDOW.cut(apart)[:] = 0
        assert not apart.any(), "nothing but the mouth's window changes"


class Green(DetailGains):
    """Detail that is green."""

    def forward(
        self, generated: torch.Tensor, warped: torch.Tensor, landmark_map: torch.Tensor, portrait: torch.Tensor
    ) -> torch.Tensor:
        return torch.tensor([-60.0, 60.0, -60.0]).view(1, 3, 1, 1).expand_as(generated)


def test_no_detail_is_green_inside_the_mouth(pipeline: MoDiTalkerPipeline, portrait: Portrait) -> None:
    frames = np.repeat(parted(portrait.frame.landmarks, 0.0, 0.05), 16, 0)
    parts = pipeline.autoencoder, pipeline.denoiser, pipeline.mtov_scheduler, portrait.face

    def shown(detail: DetailGains | None) -> np.ndarray:
        generator = torch.Generator().manual_seed(0)
        sampler = BlockSampler(*parts, steps=0, start=0.25, generator=generator, detail=detail)
        return next(iter(sampler(portrait.frame.motion(frames)))).delta[0]

    added = shown(Green()) - shown(None)
    x, y = transform_points(aligning_matrix(frames[:1]), frames[:1, INNER_LIPS])[0].mean(0).round().astype(int)
    greener = added[1] - added[0]
    assert greener[y, x] < 60
    assert greener[y + 20, x] == pytest.approx(120, abs=0.01), "a green chin is none of its business"


@pytest.mark.slow
def test_shipped_gains_are_seen_and_do_not_tremble(speech: np.ndarray, astronaut: np.ndarray) -> None:
    """The same frames with them and without: another contrast, not another mouth, and no flicker of its own."""
    shipped = MoDiTalkerPipeline.from_pretrained(default_weights())
    assert shipped.detail is not None
    portrait = shipped.encode_portrait(astronaut)
    moving = shipped.motion(portrait, speech[:24000], atom_steps=4, seed=0).landmarks
    parts = shipped.autoencoder, shipped.denoiser, shipped.mtov_scheduler, portrait.face

    def mouths(detail: DetailGains | None) -> np.ndarray:
        sampler = BlockSampler(
            *parts,
            steps=1,
            start=0.25,
            generator=torch.Generator().manual_seed(0),
            refiner=shipped.flow,
            detail=detail,
            mouth_only=True,
        )
        delta = np.concatenate([layers.delta for layers in sampler(portrait.frame.motion(moving))])
        return MOUTH_WINDOW.cut(torch.from_numpy(delta)).numpy()

    with_it, without = mouths(shipped.detail), mouths(None)
    change = np.abs(with_it - without)
    assert 1 < np.percentile(change.max((1, 2, 3)), 90) < 60
    assert change.mean() < 2, "it is about detail"
    flicker = [np.abs(np.diff(film, 2, axis=0)).mean() for film in (with_it, without)]
    assert flicker[0] < 1.15 * flicker[1]
