"""The mouth renderer: its data, what it starts from, and that it learns."""

from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers.utils import SAFETENSORS_WEIGHTS_NAME
from safetensors.torch import load_file, save_file

from moditalker.cli.main import main as cli
from moditalker.face.geometry import aligning_matrix
from moditalker.loading import default_weights
from moditalker.mtov.autoencoder import to_unit
from moditalker.mtov.mouth_conditions import MARGIN
from moditalker.mtov.mouth_renderer import SIDE, WINDOW, MouthRenderer
from moditalker.pipeline import MoDiTalkerPipeline
from moditalker.training.data.drafts import Drafts
from moditalker.training.data.face_views import read_views
from moditalker.training.data.view_pairs import ViewPairs, conditions
from moditalker.training.mouth_sheet import mouth_sheet
from moditalker.training.objectives.train_renderer import RendererObjective, load_widened

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def views(clips: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("views")
    assert cli(["views", str(clips), "-o", str(folder), "--workers", "1"]) == 0
    return folder


@pytest.fixture(scope="module")
def drafts(pipeline: MoDiTalkerPipeline) -> Drafts:
    return Drafts(pipeline.autoencoder, pipeline.flow)


@pytest.fixture(scope="module")
def pairs(views: Path, drafts: Drafts) -> ViewPairs:
    return ViewPairs(views, "train", drafts, portraits=2, frames=2)


def test_views_are_aligned_and_no_speaker_is_in_two_splits(views: Path) -> None:
    train, val = read_views(views, "train"), read_views(views, "val")
    assert {view.speaker for view in train} == {"ada"}
    assert {view.speaker for view in val} == {"ben"}
    landmarks = train[0].landmarks([0, 1])
    place = aligning_matrix(landmarks, SIDE)
    np.testing.assert_allclose(place[..., :2], np.eye(2)[None].repeat(2, 0), atol=1e-3)
    np.testing.assert_allclose(place[..., 2], -MARGIN, atol=0.2)


def test_a_face_that_does_not_move_is_warped_to_itself(views: Path, drafts: Drafts) -> None:
    [view, *_] = read_views(views, "train")
    picture, landmarks = view.pictures([0])[0], view.landmarks([0])
    given = conditions(picture, landmarks[0], landmarks, drafts)
    # What an untrained decoder adds is small.
    for name, apart in (("warped", 1.5), ("draft", 6)):
        assert given[name].shape == (1, 3, WINDOW.height, WINDOW.width)
        assert (given[name][0].float() - given["portrait"].float()).abs().mean() < apart
    assert given["displacement"].abs().mean() < 0.5
    assert torch.equal(given["landmark_map"][0], given["portrait_map"])


def test_an_untrained_renderer_shows_the_warp_a_little_paler(pairs: ViewPairs) -> None:
    torch.manual_seed(0)
    renderer, batch = (
        MouthRenderer(widths=(8, 8), depths=(1, 1, 1), features=4, fine_width=4, fine_depth=1),
        pairs(np.random.default_rng(0)),
    )
    portrait = renderer.encode_portrait(to_unit(batch["portrait"]), batch["portrait_map"].float() / 255)
    warped, draft = (to_unit(batch[name][:, 0]) for name in ("warped", "draft"))
    drawn = renderer(portrait, warped, draft, batch["landmark_map"][:, 0].float() / 255, batch["displacement"][:, 0])
    torch.testing.assert_close(drawn, 0.88 * (warped + 0.12 * (draft - warped)), atol=1e-2, rtol=0)


def test_one_that_knew_no_drafts_goes_on_where_it_was(pairs: ViewPairs, tmp_path: Path) -> None:
    torch.manual_seed(0)
    sizes = {"widths": (8, 8), "depths": (1, 1, 1), "features": 4, "fine_width": 4, "fine_depth": 1}
    renderer = MouthRenderer(**sizes)
    torch.nn.init.normal_(renderer.out.weight)
    renderer.save_pretrained(tmp_path)
    file = tmp_path / SAFETENSORS_WEIGHTS_NAME
    known = load_file(file)
    narrow = {"stem.weight": -48, "fine_stem.weight": -12, "whole_stem.weight": -3}
    for name, fewer in narrow.items():
        known[name] = known[name][:, :fewer].clone()
    for name in ("out.weight", "out.bias"):
        known[name] = known[name][:-1].clone()
    save_file(known, file)
    widened, batch = load_widened(tmp_path).eval(), pairs(np.random.default_rng(0))

    def drawn(draft: torch.Tensor) -> torch.Tensor:
        portrait = widened.encode_portrait(to_unit(batch["portrait"]), batch["portrait_map"].float() / 255)
        marks, warped = batch["landmark_map"][:, 0].float() / 255, to_unit(batch["warped"][:, 0])
        with torch.no_grad():
            return widened(portrait, warped, draft, marks, batch["displacement"][:, 0])

    dark, bright = (torch.full_like(to_unit(batch["warped"][:, 0]), value) for value in (-1.0, 1.0))
    apart = drawn(bright) - drawn(dark)
    # Nothing is made of the draft yet; as much of it shines through as at the start of every training.
    assert apart.min() >= 0
    assert 0 < apart.max() <= 2 * 0.12


class Nothing(torch.nn.Module):
    """In place of LPIPS, which takes most of the time and has no weight here."""

    def forward(self, drawn: torch.Tensor, real: torch.Tensor) -> torch.Tensor:
        return drawn.new_zeros(len(drawn))


def test_it_learns_what_the_warp_lacks(pairs: ViewPairs) -> None:
    torch.manual_seed(0)
    renderer = MouthRenderer(widths=(16, 16), depths=(1, 1, 1), features=4, fine_width=8, fine_depth=1)
    objective, batch = RendererObjective(renderer, perceptual_weight=0), pairs(np.random.default_rng(1))
    objective.perceptual = Nothing()
    optimizer = torch.optim.Adam(renderer.parameters(), 1e-3)
    losses = []
    for _ in range(30):
        loss = objective(batch)
        optimizer.zero_grad()
        loss["loss"].backward()
        optimizer.step()
        losses.append(loss["l1"].item())
    assert losses[-1] < 0.9 * loss["l1_warp"].item()


def test_a_run_trains_and_its_sheet_shows_unseen_people(views: Path, drafts: Drafts, tmp_path: Path) -> None:
    run = tmp_path / "run"
    drafts.autoencoder.save_pretrained(tmp_path / "decoder")
    budget = ["--autoencoder", str(tmp_path / "decoder"), "--lips-weight", "1"]
    budget += ["--minutes", "0", "--max-steps", "1", "--batch", "1", "--workers", "0", "--precision", "no"]
    assert cli(["train", "renderer", "--data", str(views), "--output", str(run), *budget]) == 0
    sheet = mouth_sheet(MouthRenderer.from_pretrained(run / "model").eval(), drafts, views)
    assert sheet.shape == (8 * 2 * WINDOW.height, 9 * 2 * WINDOW.width, 3)


def test_a_folder_without_views_gets_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    decoder = str(default_weights() / "autoencoder")
    given = ["--data", str(tmp_path), "--autoencoder", decoder, "--output", str(tmp_path / "run")]
    assert cli(["train", "renderer", *given]) == 2
    assert "run 'python -m moditalker views' first" in capsys.readouterr().err
