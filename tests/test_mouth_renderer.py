"""The mouth renderer: its data, what it starts from, and that it learns."""

from pathlib import Path

import numpy as np
import pytest
import torch

from moditalker.cli.main import main as cli
from moditalker.face.geometry import aligning_matrix
from moditalker.mtov.autoencoder import to_unit
from moditalker.mtov.mouth_renderer import WINDOW, MouthRenderer
from moditalker.training.data.face_views import MARGIN, SIDE, read_views
from moditalker.training.data.view_pairs import ViewPairs, conditions
from moditalker.training.mouth_sheet import mouth_sheet
from moditalker.training.objectives.train_renderer import RendererObjective

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def views(clips: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("views")
    assert cli(["views", str(clips), "-o", str(folder), "--workers", "1"]) == 0
    return folder


@pytest.fixture(scope="module")
def pairs(views: Path) -> ViewPairs:
    return ViewPairs(views, "train", portraits=2, frames=2)


def test_views_are_aligned_and_no_speaker_is_in_two_splits(views: Path) -> None:
    train, val = read_views(views, "train"), read_views(views, "val")
    assert {view.speaker for view in train} == {"ada"}
    assert {view.speaker for view in val} == {"ben"}
    landmarks = train[0].landmarks([0, 1])
    place = aligning_matrix(landmarks, SIDE)
    np.testing.assert_allclose(place[..., :2], np.eye(2)[None].repeat(2, 0), atol=1e-3)
    np.testing.assert_allclose(place[..., 2], -MARGIN, atol=0.2)


def test_a_face_that_does_not_move_is_warped_to_itself(views: Path) -> None:
    [view, *_] = read_views(views, "train")
    picture, landmarks = view.pictures([0])[0], view.landmarks([0])
    given = conditions(picture, landmarks[0], landmarks)
    assert given["warped"].shape == (1, 3, WINDOW.height, WINDOW.width)
    assert (given["warped"][0].float() - given["portrait"].float()).abs().mean() < 1.5
    assert given["displacement"].abs().mean() < 0.5
    assert torch.equal(given["landmark_map"][0], given["portrait_map"])


def test_an_untrained_renderer_shows_the_warp_a_little_paler(pairs: ViewPairs) -> None:
    torch.manual_seed(0)
    renderer, batch = (
        MouthRenderer(widths=(8, 8), depths=(1, 1, 1), features=4, fine_width=4, fine_depth=1),
        pairs(np.random.default_rng(0)),
    )
    portrait = renderer.encode_portrait(to_unit(batch["portrait"]), batch["portrait_map"].float() / 255)
    warped = to_unit(batch["warped"][:, 0])
    drawn = renderer(portrait, warped, batch["landmark_map"][:, 0].float() / 255, batch["displacement"][:, 0])
    torch.testing.assert_close(drawn, 0.88 * warped, atol=1e-2, rtol=0)


def test_it_learns_what_the_warp_lacks(pairs: ViewPairs) -> None:
    torch.manual_seed(0)
    renderer = MouthRenderer(widths=(16, 16), depths=(1, 1, 1), features=4, fine_width=8, fine_depth=1)
    objective, batch = RendererObjective(renderer, perceptual_weight=0), pairs(np.random.default_rng(1))
    optimizer = torch.optim.Adam(renderer.parameters(), 1e-3)
    losses = []
    for _ in range(30):
        loss = objective(batch)
        optimizer.zero_grad()
        loss["loss"].backward()
        optimizer.step()
        losses.append(loss["l1"].item())
    assert losses[-1] < 0.9 * loss["l1_warp"].item()


def test_a_run_trains_and_its_sheet_shows_unseen_people(views: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    budget = ["--minutes", "0", "--max-steps", "1", "--batch", "1", "--workers", "0", "--precision", "no"]
    assert cli(["train", "renderer", "--data", str(views), "--output", str(run), "--lips-weight", "1", *budget]) == 0
    sheet = mouth_sheet(MouthRenderer.from_pretrained(run / "model").eval(), views)
    assert sheet.shape == (8 * 2 * WINDOW.height, 7 * 2 * WINDOW.width, 3)


def test_a_folder_without_views_gets_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli(["train", "renderer", "--data", str(tmp_path), "--output", str(tmp_path / "run")]) == 2
    assert "run 'python -m moditalker views' first" in capsys.readouterr().err
