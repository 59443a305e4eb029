"""The loss at the lips: MediaPipe's face mesh with a gradient."""

import importlib.util

import cv2
import numpy as np
import pytest
import torch
from conftest import LOWER_LIP_AND_JAW

from moditalker.baselines.frame_writing import warped
from moditalker.face.geometry import FaceFrame, aligned_face, aligning_matrix, transform_points
from moditalker.mtov.autoencoder import MOUTH_WINDOW, to_unit
from moditalker.portrait import Portrait
from moditalker.training.losses import lips
from moditalker.training.losses.facemesh import SIDE, LipMesh
from moditalker.training.losses.lips import LipsLoss
from moditalker.utils.errors import InputError


@pytest.fixture(scope="module")
def loss() -> LipsLoss:
    return LipsLoss()


@pytest.fixture(scope="module")
def opening(portrait: Portrait) -> torch.Tensor:
    """(1, 3, 5, 128, 128): the astronaut's jaw sinks from frame to frame."""
    frame = FaceFrame(portrait.frame.landmarks)
    residual = np.zeros((5, 68, 3), np.float32)
    residual[:, LOWER_LIP_AND_JAW, 1] = np.linspace(0, 0.16, 5)[:, None]
    landmarks = frame.compose(residual, np.zeros((5, 6)))
    film = np.concatenate(list(warped(portrait, landmarks)))
    faces = [aligned_face(*pair) for pair in zip(film, aligning_matrix(landmarks), strict=True)]
    return to_unit(torch.from_numpy(np.stack(faces)).permute(3, 0, 1, 2)[None])


def test_the_mesh_sees_lips_where_the_tracker_does(astronaut: np.ndarray, landmarks: np.ndarray) -> None:
    enlarged = SIDE / lips._REACH
    matrix = enlarged * aligning_matrix(landmarks)
    matrix[:, 2] += SIDE / 2 - enlarged * np.array(lips._CENTRE)
    cut = cv2.warpAffine(astronaut, matrix, (SIDE, SIDE), borderMode=cv2.BORDER_REPLICATE)
    with torch.no_grad():
        seen = LipMesh()(torch.from_numpy(cut).permute(2, 0, 1)[None].float() / 255)[0].numpy()
    wanted = transform_points(matrix, landmarks[48:])
    assert np.abs(seen - wanted[:, :2]).mean() < 1.5


def test_lips_that_stand_elsewhere_cost_the_more_the_farther(loss: LipsLoss, opening: torch.Tensor) -> None:
    loss.eval()
    costs = []
    for frame in range(5):
        mouth = MOUTH_WINDOW.cut(opening[:, :, frame : frame + 1])
        costs.append({name: float(value) for name, value in loss(mouth, opening[:, :, :1]).items()})
    assert costs[0]["lips"] < 1e-4
    assert costs[0]["opening"] < 1e-4
    apart = [cost["opening"] for cost in costs]
    assert apart == sorted(apart)
    assert apart[-1] > 2, "the jaw sank by a sixth of the distance between the eyes"


def test_the_frozen_mesh_draws_lips_to_where_they_belong(loss: LipsLoss, opening: torch.Tensor) -> None:
    loss.train()
    before = {name: value.clone() for name, value in loss.named_buffers()}
    real, start = opening[:, :, :1], MOUTH_WINDOW.cut(opening[:, :, 2:3])
    mouth = start.clone().requires_grad_()
    optimizer = torch.optim.Adam([mouth], 0.02)
    costs = []
    for _ in range(12):
        told = loss(mouth, real)
        costs.append(float(told["opening"].detach()))
        optimizer.zero_grad()
        (told["lips"] + told["opening"]).backward()
        optimizer.step()
    assert costs[-1] < 0.7 * costs[0]
    assert before
    assert all(torch.equal(value, before[name]) for name, value in loss.named_buffers())
    assert not list(loss.parameters()), "there is nothing that an optimizer could change"


def test_without_mediapipe_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"pip install -r requirements\.txt"):
        LipMesh()


def test_the_tracker_in_the_loss_is_not_pleased_by_redder_lips(
    loss: LipsLoss, opening: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half of what it is shown is grey, and what is not has other colours; both of a pair through the same filter."""
    seen: list[torch.Tensor] = []
    mesh = loss.mesh.forward
    monkeypatch.setattr(loss.mesh, "forward", lambda pictures: (seen.append(pictures.detach()), mesh(pictures))[1])
    loss.train()
    torch.manual_seed(0)
    real = opening.repeat(4, 1, 1, 1, 1)
    loss(MOUTH_WINDOW.cut(real), real)
    wanted, given = seen
    torch.testing.assert_close(given, wanted, atol=2e-2, rtol=0)
    # Without colour the channels differ by the tint alone: everywhere in the same proportion.
    inner = wanted.clamp(0.02, 0.98)[:, :, 40:150, 40:150].flatten(2)
    colourful = (inner[:, 0] / inner[:, 2]).std(-1) > 0.02
    assert 3 <= int((~colourful).sum()) <= 9, "of twelve"
    loss.eval()
    seen.clear()
    loss(MOUTH_WINDOW.cut(real), real)
    assert ((seen[0][:, 0] / seen[0][:, 2].clamp_min(0.02)).flatten(1).std(-1) > 0.02).all()
