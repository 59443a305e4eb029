"""No green inside the mouth."""

import numpy as np
import pytest
import torch
from test_teeth import parted

from moditalker.atom.schedulers import mtov_scheduler
from moditalker.face.geometry import FaceFrame, aligned_face, aligning_matrix, transform_points
from moditalker.face.layout import INNER_LIPS
from moditalker.mtov.block_sampling import BlockSampler, encode_face
from moditalker.mtov.colours import without_green
from moditalker.pipeline import MoDiTalkerPipeline

SKIN = np.array([190, 140, 120], np.float32)
BRIGHTNESS = torch.tensor([0.299, 0.587, 0.114])


def drawn(landmarks: np.ndarray, warp: list[int], colour: list[int], cheeks: np.ndarray = SKIN) -> torch.Tensor:
    """(3, 128, 128) what is shown of a decoder that makes a warp of one colour another one, with an open mouth."""
    frame = parted(landmarks, 0.0, 0.2)
    warped = torch.tensor(warp).float().view(1, 3, 1, 1).expand(1, 3, 128, 128)
    change = torch.tensor(colour).float().view(1, 3, 1, 1) - warped
    return (warped + without_green(change, warped, cheeks, frame, aligning_matrix(frame)))[0]


def middle(landmarks: np.ndarray) -> tuple[int, int]:
    """x and y of the middle of that mouth."""
    frame = parted(landmarks, 0.0, 0.2)
    x, y = transform_points(aligning_matrix(frame), frame[:, INNER_LIPS])[0].mean(0).round().astype(int)
    return int(x), int(y)


@pytest.mark.parametrize("green", [[50, 90, 40], [95, 100, 60]])
def test_what_is_green_in_the_mouth_becomes_as_red_as_mouths_are(landmarks: np.ndarray, green: list[int]) -> None:
    shown, (x, y) = drawn(landmarks, [60, 30, 30], green), middle(landmarks)
    inside = shown[:, y, x]
    assert inside[0] > inside[1] + 15
    assert inside @ BRIGHTNESS == pytest.approx(torch.tensor(green).float() @ BRIGHTNESS, abs=0.5)
    torch.testing.assert_close(shown[:, 5, 5], torch.tensor(green).float())  # a green background stays


@pytest.mark.parametrize("colour", [[90, 40, 45], [150, 110, 100], [215, 215, 205]])
def test_lips_tongue_and_white_teeth_keep_their_colours(landmarks: np.ndarray, colour: list[int]) -> None:
    shown = drawn(landmarks, [60, 30, 30], colour)
    torch.testing.assert_close(shown, torch.tensor(colour).float().view(3, 1, 1).expand_as(shown))


@pytest.mark.parametrize("skin", [[120, 120, 120], [90, 140, 110]])
def test_a_face_that_is_grey_or_green_all_over_is_not_reddened(landmarks: np.ndarray, skin: list[int]) -> None:
    shown = drawn(landmarks, [60, 60, 60], skin, np.array(skin, np.float32))
    torch.testing.assert_close(shown, torch.tensor(skin).float().view(3, 1, 1).expand_as(shown))


def test_a_decoder_that_paints_green_shows_none_in_the_mouth(
    pipeline: MoDiTalkerPipeline, astronaut: np.ndarray, landmarks: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    def green(planes: object, warped: torch.Tensor, *_: object) -> torch.Tensor:
        return torch.tensor([-0.7, 0.0, -0.7]).view(1, 3, 1, 1, 1).expand_as(warped)

    monkeypatch.setattr(pipeline.autoencoder, "render", green)
    frames = np.repeat(parted(landmarks, 0.0, 0.05), 16, 0)
    face = encode_face(pipeline.autoencoder, aligned_face(astronaut, aligning_matrix(landmarks)), landmarks)
    parts = (pipeline.autoencoder, pipeline.denoiser, mtov_scheduler())
    sampler = BlockSampler(*parts, face, steps=0, start=0.25, generator=torch.Generator().manual_seed(0))
    delta = next(iter(sampler(FaceFrame(landmarks).motion(frames)))).delta[0]
    x, y = transform_points(aligning_matrix(frames[:1]), frames[:1, INNER_LIPS])[0].mean(0).round().astype(int)
    cheek_x, cheek_y = transform_points(aligning_matrix(frames[:1]), frames[:1, [2, 31]])[0].mean(0).round().astype(int)
    warp = face.aligned.numpy()
    shown = [warp[:, v, u] + delta[:, v, u] for u, v in ((x, y), (cheek_x, cheek_y))]
    assert shown[0][0] > shown[0][1]
    assert shown[1][1] > shown[1][0] + 30
