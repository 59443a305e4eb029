"""The published networks: their names and counts, and that ours compute what the published formulas say."""

from pathlib import Path
from typing import Any

import paper_reference as reference
import paper_reference_atom as reference_atom
import paper_reference_samplers as samplers
import pytest
import torch
from diffusers import ModelMixin
from paper_states import FILES, HEADS, KEYS, TINY, published_state

from moditalker.paper.atom import PaperAudioToMotion
from moditalker.paper.autoencoder import PaperAutoencoder
from moditalker.paper.convert import KINDS, load_published
from moditalker.paper.denoiser import PaperMotionToVideo
from moditalker.paper.names import NOT_WEIGHTS, our_name
from moditalker.paper.schedule import PublishedDDIM, paper_atom_scheduler, paper_mtov_scheduler


def loaded(kind: str, state: dict[str, torch.Tensor], **changed: object) -> ModelMixin:
    return load_published(kind, state, {**TINY[FILES[kind]], **changed})


def double(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: value.double() for name, value in state.items()}


def relative(ours: torch.Tensor, wanted: torch.Tensor) -> float:
    return float((ours.double() - wanted).norm() / wanted.norm())


@pytest.mark.parametrize(("kind", "millions", "trained"), [("atom", 65.2, 48.5), ("autoencoder-rgb", 62.1, 62.1),
                                                           ("mtov", 207.7, 132.2)])  # fmt: skip
def test_published_names_shapes_and_counts(kind: str, millions: float, trained: float) -> None:
    with torch.device("meta"):
        network = KINDS[kind].network()
    ours = {name: list(value.shape) for name, value in network.state_dict().items()}
    published = {
        our_name(name, KINDS[kind].rules): shape for name, shape in KEYS[FILES[kind]].items() if name not in NOT_WEIGHTS
    }
    assert ours == published
    assert sum(p.numel() for p in network.parameters()) / 1e6 == pytest.approx(millions, abs=0.05)
    assert sum(p.numel() for p in network.parameters() if p.requires_grad) / 1e6 == pytest.approx(trained, abs=0.05)


@pytest.mark.parametrize("kind", ["atom", "mtov"])
def test_what_is_never_read_can_be_left_out_and_is_never_trained(kind: str) -> None:
    whole = loaded(kind, published_state(kind))
    small = KINDS[kind].network(**TINY[kind], keep_unread=False)
    left = {name for name in whole.state_dict() if name.startswith("unread.")}
    assert left
    assert {name for name, p in whole.named_parameters() if not p.requires_grad} == left
    assert set(small.state_dict()) == set(whole.state_dict()) - left


def atom_inputs() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(3)
    draw = lambda *shape: torch.randn(shape, generator=generator)  # noqa: E731
    return {
        "sample": draw(3, 9, 204),
        "timestep": torch.tensor([999, 441, 19]),
        "identity": draw(3, 1, 204).expand(-1, 9, -1),
        "speech": draw(3, 18, 24),
    }


@pytest.mark.parametrize("conditioning", ["released", "paper"])
@pytest.mark.parametrize("dropped", [[False, False, False], [True, False, True], [True, True, True]])
@torch.no_grad()
def test_atom_is_the_published_one(conditioning: reference_atom.Conditioning, dropped: list[bool]) -> None:
    state = published_state("atom")
    network = loaded("atom", state, conditioning=conditioning)
    given = atom_inputs()
    keep = None if not any(dropped) else ~torch.tensor(dropped)
    got = network(**given, keep=keep)
    wanted = reference_atom.forward(
        double(state), given["sample"].double(), given["identity"].double(), given["speech"].double(),
        given["timestep"], torch.tensor(dropped), conditioning, HEADS["atom"],
    )  # fmt: skip
    assert got.shape == (3, 9, 204)
    assert relative(got, wanted) < 1e-5


@torch.no_grad()
def test_audio_reaches_the_other_half_only_as_released() -> None:
    state = published_state("atom")
    given = atom_inputs()
    other = {**given, "speech": given["speech"].flip(0)}
    for name, leaks in (("released", True), ("paper", False)):
        network = loaded("atom", state, conditioning=name)
        vectors = []
        for g in (given, other):
            encoded = network.encode(g["identity"], g["speech"], torch.ones(3).bool())
            vectors.append(network._conditions(g["timestep"], encoded).other)
        assert torch.equal(*vectors) is not leaks
    with pytest.raises(ValueError, match="conditioning must be 'released' or 'paper', got 'mine'"):
        PaperAudioToMotion(**TINY["atom"], conditioning="mine")


@torch.no_grad()
def test_the_autoencoder_is_the_published_one() -> None:
    state = published_state("autoencoder-rgb")
    network = loaded("autoencoder-rgb", state)
    assert isinstance(network, PaperAutoencoder)
    video = torch.rand(2, 3, 16, 32, 32, generator=torch.Generator().manual_seed(1)) * 2 - 1
    latent = network.encode(video)
    assert latent.shape == (2, 4, 4 * 4 + 2 * 16 * 4) == (2, 4, network.latent_length)
    wanted = reference.encode(double(state), video.double(), 8, HEADS["autoencoder"])
    assert relative(latent, wanted) < 1e-5
    drawn = torch.rand(latent.shape, generator=torch.Generator().manual_seed(2)) * 2 - 1
    picture = network.decode(drawn)
    assert picture.shape == video.shape
    assert relative(picture, reference.decode(double(state), drawn.double(), 16, 4, 8, HEADS["autoencoder"])) < 1e-5


@torch.no_grad()
def test_a_still_picture_is_encoded_as_its_repetition_is() -> None:
    network = loaded("autoencoder-rgb", published_state("autoencoder-rgb"))
    assert isinstance(network, PaperAutoencoder)
    picture = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(1)) * 2 - 1
    wanted = network.encode(picture[:, :, None].expand(-1, -1, 16, -1, -1))
    assert relative(network.encode_still(picture), wanted.double()) < 1e-5


@torch.no_grad()
def test_the_denoiser_is_the_published_one() -> None:
    state = published_state("mtov")
    network = loaded("mtov", state)
    assert isinstance(network, PaperMotionToVideo)
    generator = torch.Generator().manual_seed(5)
    length = 8 * (8 + 2 * 16)
    sample, landmarks, pose = (torch.randn(2, 4, length, generator=generator) for _ in range(3))
    identity = torch.randn(2, 4, 64, generator=generator)
    timestep = torch.tensor([999, 9])
    got = network(sample, timestep, identity, pose, landmarks)
    condition = torch.cat([landmarks, pose], 1)
    wanted = reference.unet(
        double(state), sample.double(), condition.double(), identity.double(), timestep.double(), 16, 8, HEADS["mtov"]
    )
    assert got.shape == sample.shape
    assert relative(got, wanted) < 1e-5


@pytest.mark.parametrize("network", ["atom", "mtov"])
@pytest.mark.parametrize("now", [959, 499, 39])
def test_one_step_of_each_sampler(network: str, now: int) -> None:
    generator = torch.Generator().manual_seed(now)
    predicted, sample, fresh = (torch.randn(2, 5, 7, generator=generator) for _ in range(3))
    if network == "atom":
        scheduler, step, steps = paper_atom_scheduler(), samplers.atom_step, 50
    else:
        scheduler, step, steps = paper_mtov_scheduler(), samplers.mtov_step, 100
    scheduler.set_timesteps(steps)
    wanted = step(sample.double(), predicted.double(), now, now - 1000 // steps, fresh.double())
    out = scheduler.step(predicted, torch.tensor(now), sample, variance_noise=fresh)
    assert relative(out.prev_sample, wanted) < 1e-4
    clean = step(sample.double(), predicted.double(), now, -1, fresh.double())
    assert relative(out.pred_original_sample, clean) < 1e-4


def test_steps_are_the_published_ones() -> None:
    atom, mtov = paper_atom_scheduler(), paper_mtov_scheduler()
    atom.set_timesteps(50)
    assert atom.timesteps.tolist() == list(range(999, 0, -20))
    mtov.set_timesteps(100)
    assert mtov.timesteps.tolist() == list(range(999, 0, -10))
    mtov.set_timesteps(25, start=0.25)
    assert mtov.timesteps.tolist() == list(range(249, 0, -10))
    last = mtov.step(torch.zeros(3), 9, torch.full((3,), 0.4), variance_noise=torch.ones(3))
    assert torch.equal(last.prev_sample, last.pred_original_sample)


@pytest.mark.parametrize("make", [paper_atom_scheduler, paper_mtov_scheduler])
def test_any_number_of_steps_gives_numbers(make: Any, tmp_path: Path) -> None:
    scheduler = make()
    scheduler.save_pretrained(tmp_path)
    scheduler = PublishedDDIM.from_pretrained(tmp_path)
    assert scheduler.config["prediction_type"] == make().config["prediction_type"]
    for steps in (1, 2, 3, 4, 7, 30, 333, 1000):
        scheduler.set_timesteps(steps)
        assert len(scheduler.timesteps) == steps
        sample = torch.randn(4, generator=torch.Generator().manual_seed(0))
        for timestep in scheduler.timesteps:
            sample = scheduler.step(torch.zeros(4), timestep, sample, generator=torch.Generator()).prev_sample
        assert sample.isfinite().all()
        assert sample.abs().max() <= 1
