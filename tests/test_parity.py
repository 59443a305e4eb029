"""``python -m parity``: agreement is told, a mistake is told, and the released code is driven from outside."""

import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import paper_reference_atom as reference_atom
import pytest
import torch
from parity.__main__ import main
from parity.released import Released, handed_out
from torch import Tensor

TINY = ["--reference", "--sizes", "tiny"]


def table(printed: str) -> dict[str, float]:
    """Differences by network and output."""
    rows = {}
    for line in printed.splitlines()[1:]:
        rows[f"{line[:19].strip()}: {line[20:66].strip()}"] = float(line[66:].split()[0])
    return rows


def test_every_module_agrees_with_the_reference(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(TINY) == 0
    rows = table(capsys.readouterr().out)
    atom = ("network", "network, conditions dropped", "one step", "50 steps")
    assert list(rows) == [
        *(f"atom: {what}, {conditioning}" for conditioning in ("released", "paper") for what in atom),
        *(f"autoencoder-{which}: {way}" for which in ("rgb", "motion") for way in ("encode", "decode")),
        "mtov: U-Net",
        "mtov: noised start",
        "mtov: sampler, 100 steps from noise",
        "mtov: sampler, last 25 steps from the noised start",
    ]
    assert max(rows.values()) < 3e-5


def test_an_identity_that_is_added_once_too_few_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    right = reference_atom.film_vectors

    def once(
        time: Tensor, identity: Tensor, audio: Tensor, conditioning: reference_atom.Conditioning
    ) -> tuple[Tensor, Tensor, Tensor]:
        given = identity / 2 if conditioning == "released" else identity
        return right(time, given, audio, conditioning)

    monkeypatch.setattr(reference_atom, "film_vectors", once)
    assert main([*TINY, "--only", "atom"]) == 1
    printed = capsys.readouterr().out
    rows = table(printed)
    assert printed.count("more than 1e-04") == 4
    assert {what for what, difference in rows.items() if difference > 1e-4} == {w for w in rows if "released" in w}


def test_a_folder_without_the_released_code_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--released", str(tmp_path)]) == 2
    assert "name a checkout of the released code" in capsys.readouterr().err
    (tmp_path / "AToM").mkdir()
    (tmp_path / "MToV").mkdir()
    assert main(["--released", str(tmp_path), "--only", "mtov"]) == 2
    assert "needs models" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["--released", str(tmp_path), "--sizes", "tiny"])


STAND_IN = {
    "AToM/model/model.py": """
        import torch
        from torch import nn

        class MotionDecoder(nn.Module):
            # Two halves of one number each; both vectors are one tensor, as in the released network.
            def __init__(self, **sizes):
                super().__init__()
                self.to_time_cond = nn.Sequential(nn.Linear(1, 1))

            def forward(self, pose, x, face, audio, times, cond_drop_prob=0.0):
                t = self.to_time_cond(times[:, None].float())
                first = t
                second = t
                first += face.mean((1, 2))[:, None]
                second += face.mean((1, 2))[:, None]
                first += audio.mean((1, 2))[:, None] * (1 - cond_drop_prob)
                return torch.stack([first, second], -1).expand_as(x)

            def guided_forward(self, pose, x, face, audio, times, weight):
                without = self.forward(pose, x, face, audio, times, cond_drop_prob=1)
                return without + weight * (self.forward(pose, x, face, audio, times) - without)
    """,
    "AToM/model/diffusion.py": """
        import torch
        from torch import nn

        class GaussianDiffusion(nn.Module):
            def __init__(self, model, horizon, repr_dim, guidance_weight, **options):
                super().__init__()
                self.model, self.weight = model, guidance_weight

            def ddim_sample(self, shape, face, x_pos, cond):
                x = torch.randn(shape)
                for time in (20, 10):
                    times = torch.full((shape[0],), time)
                    x = self.model.guided_forward(x_pos, x, face, cond, times, self.weight)
                    x = x + torch.randn_like(x)
                return x
    """,
    "MToV/models/ddpm/unet.py": """
        from torch import nn

        class UNetModel(nn.Module):
            def __init__(self, **sizes):
                super().__init__()

            def forward(self, x, cond, image_cond, timesteps):
                return x + cond[:, :4] + image_cond.to("cuda")

        class DiffusionWrapper(nn.Module):
            def __init__(self, model):
                super().__init__()
                self.diffusion_model = model

            def forward(self, x, cond, image_cond, t):
                return self.diffusion_model(x, cond, image_cond, t)
    """,
}


@pytest.fixture
def released(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Released]:
    """A folder that is called as the released code is, and computes next to nothing."""
    for name, text in STAND_IN.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(text))
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)
    yield Released(tmp_path)
    for name in set(sys.modules) - before:
        if name.split(".")[0] in ("model", "models"):
            del sys.modules[name]


@torch.no_grad()
def test_the_papers_conditioning_of_the_released_code(released: Released) -> None:
    released.load("atom", {"to_time_cond.0.weight": torch.ones(1, 1), "to_time_cond.0.bias": torch.zeros(1)})
    x, identity, audio = torch.zeros(1, 3, 2), torch.full((1, 3, 2), 0.5), torch.full((1, 6, 4), 0.25)
    time = torch.tensor([10])
    # time + 2 identity + audio in both halves; time + identity, and audio in the first alone.
    assert released.atom(x, identity, audio, time, False, "released")[0, 0].tolist() == [11.25, 11.25]
    assert released.atom(x, identity, audio, time, False, "paper")[0, 0].tolist() == [10.75, 10.5]
    assert released.atom(x, identity, audio, time, True, "paper")[0, 0].tolist() == [10.5, 10.5]
    assert released.atom(x, identity, audio, time, False, "released")[0, 0].tolist() == [11.25, 11.25]
    noises = [torch.full((1, 3, 2), value) for value in (1.0, 2.0, 3.0)]
    samples = released.atom_chain(identity, audio, noises, "paper")
    # Guided twice as far: the audio counts 2 x 0.25; then comes the noise.
    assert [sample[0, 0].tolist() for sample in samples] == [[23.0, 22.5], [14.0, 13.5]]


@torch.no_grad()
def test_the_released_unet_runs_without_a_gpu(released: Released) -> None:
    released.load("mtov", {})
    z, condition, identity = torch.ones(1, 4, 6), torch.full((1, 8, 6), 2.0), torch.full((1, 4, 6), 3.0)
    assert torch.equal(released.denoise(z, condition, identity, torch.tensor([9])), torch.full((1, 4, 6), 6.0))


def test_noise_that_is_not_taken_is_told() -> None:
    with pytest.raises(RuntimeError, match="1 of 2 noises were not taken"), handed_out([torch.zeros(1)] * 2):
        assert torch.randn(3).shape == (1,)
