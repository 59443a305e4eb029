"""Motion to video: warp, drawings, tri-planes and the blocks that must join without a seam."""

import cv2
import numpy as np
import pytest
import torch
from conftest import Talking
from test_warp import MOUTH, aligned_portrait

from moditalker.face.geometry import ALIGNED_SIZE, FaceFrame, aligning_matrix, transform_points
from moditalker.face.layout import BROWS, JAW, LEFT_EYE, OUTER_LIPS, RIGHT_EYE
from moditalker.mtov.autoencoder import GUIDES, MOUTH_WINDOW, TriplaneAutoencoder, Window
from moditalker.mtov.conditions import STEPS_A_PIXEL, block_conditions, guides
from moditalker.mtov.denoiser import MotionToVideo
from moditalker.mtov.planes import expand_planes
from moditalker.pipeline import MoDiTalkerPipeline
from moditalker.render.grid import sample
from moditalker.render.landmark_map import draw_landmarks, lower_face_mask


def aligned_points(landmarks: np.ndarray) -> np.ndarray:
    return transform_points(aligning_matrix(landmarks), landmarks)


@pytest.mark.parametrize("axis", [0, 1], ids=["across", "down"])
def test_drawings_show_movements_smaller_than_a_pixel(landmarks: np.ndarray, axis: int) -> None:
    shifts = np.arange(0, 4.01, 0.25)
    points = np.repeat(aligned_points(landmarks)[None], len(shifts), 0)
    points[:, MOUTH, axis] += shifts[:, None]
    drawn = draw_landmarks(points).astype(float)
    assert (np.abs(np.diff(drawn[:, 2], axis=0)).max((1, 2)) > 10).all()
    assert not np.diff(drawn[:, :2], axis=0).any()
    place = np.mgrid[:ALIGNED_SIZE, :ALIGNED_SIZE][1 - axis]
    centre = (drawn[:, 2] * place).sum((1, 2)) / drawn[:, 2].sum((1, 2))
    np.testing.assert_allclose(centre - centre[0], shifts, atol=0.5)


def test_drawings_tell_an_open_mouth_and_closed_eyes(landmarks: np.ndarray) -> None:
    points = aligned_points(landmarks)
    opened, closed = points.copy(), points.copy()
    opened[[65, 66, 67, 55, 56, 57, 58, 59], 1] += 8
    for upper, lower in ((37, 41), (38, 40), (43, 47), (44, 46)):
        closed[lower] = closed[upper]
    usual, wide, shut = draw_landmarks(np.stack([points, opened, closed]))
    assert (wide[2] == 255).sum() > 2 * (usual[2] == 255).sum()
    assert (shut[1] > 0).sum() < 0.7 * (usual[1] > 0).sum()
    for row, column in points[JAW[3:14], ::-1].round().astype(int):
        assert usual[0, row - 1 : row + 2, column - 1 : column + 2].max() > 100


def test_the_lower_face_is_hidden_and_the_upper_one_is_not(landmarks: np.ndarray, talking: Talking) -> None:
    moving = talking(landmarks, 10)
    aligned = transform_points(aligning_matrix(moving), moving)
    for mask, points in zip(lower_face_mask(aligned)[:, 0], aligned, strict=True):
        lips = cv2.fillPoly(np.zeros(mask.shape), [points[OUTER_LIPS].round().astype(np.int32)], 1) > 0
        assert not mask[lips].any()
        column, row = points[8].round().astype(int)
        assert mask[row - 2, column] == 0
        for point in np.concatenate([points[RIGHT_EYE], points[LEFT_EYE], points[BROWS]]):
            column, row = point.round().astype(int)
            assert mask[row, column] == 1


def test_the_hidden_face_cannot_tell_the_mouths_shape(
    astronaut: np.ndarray, landmarks: np.ndarray, talking: Talking
) -> None:
    picture, matrix = aligned_portrait(astronaut, landmarks)
    frame, moving = FaceFrame(landmarks), talking(landmarks, 6)
    shown = block_conditions(picture, frame, matrix, frame.motion(moving))
    lips = (slice(None), slice(None), slice(80, 104), slice(48, 80))
    hidden = shown["warped"] * shown["visible"]
    assert not hidden[lips].any()
    assert shown["warped"][lips].float().std() > 5
    assert {key: (tuple(value.shape), value.dtype) for key, value in shown.items()} == {
        "warped": ((3, 6, 128, 128), torch.uint8),
        "landmark_map": ((3, 6, 128, 128), torch.uint8),
        "visible": ((1, 6, 128, 128), torch.uint8),
        "displacement": ((2, 6, 128, 128), torch.int8),
        "loose": ((1, 6, 32, 32), torch.float32),
        "shift": ((2, 6, 32, 32), torch.float32),
    }


def test_the_decoder_is_told_how_far_each_pixel_was_pulled(
    astronaut: np.ndarray, landmarks: np.ndarray, talking: Talking
) -> None:
    picture, matrix = aligned_portrait(astronaut, landmarks)
    frame, moving = FaceFrame(landmarks), talking(landmarks, 6)
    shown = block_conditions(picture, frame, matrix, frame.motion(moving))
    displacement = shown["displacement"].permute(1, 2, 3, 0) / STEPS_A_PIXEL
    again = sample(picture[None].float(), displacement).permute(1, 0, 2, 3)
    outside = torch.ones(128, 128, dtype=torch.bool)
    outside[72:116, 40:88] = False  # the mouth's inside is painted
    assert (again - shown["warped"].float()).abs()[..., outside].mean() < 2
    assert shown["displacement"].float().abs().amax((0, 2, 3))[-1] > 2 * STEPS_A_PIXEL, "the open jaw came far"
    conditioning = guides(shown["landmark_map"], shown["displacement"])
    assert conditioning.shape == (5, 6, 128, 128)
    assert conditioning.abs().max() <= 127 / 32


@pytest.fixture(scope="module")
def autoencoder(pipeline: MoDiTalkerPipeline) -> TriplaneAutoencoder:
    return pipeline.autoencoder


@torch.inference_mode()
def test_three_planes_of_a_block_and_back(autoencoder: TriplaneAutoencoder) -> None:
    video = torch.rand(2, 3, 16, 128, 128) * 2 - 1
    planes = autoencoder.encode(video)
    assert planes.shape == (2, 8, 3, 16, 16)
    drawn = torch.zeros(2, GUIDES, 16, 128, 128)
    assert autoencoder.decode(planes, video, drawn).shape == video.shape
    window = autoencoder.decode(planes, video, drawn, window=MOUTH_WINDOW)
    assert window.shape == (2, 3, 16, MOUTH_WINDOW.height, MOUTH_WINDOW.width)


@torch.inference_mode()
def test_the_mouth_is_drawn_by_itself_and_blended_without_an_edge(autoencoder: TriplaneAutoencoder) -> None:
    warped, drawn = torch.rand(1, 3, 16, 128, 128) * 2 - 1, torch.rand(1, GUIDES, 16, 128, 128)
    planes = torch.randn(1, 8, 3, 16, 16)
    face, mouth = (
        autoencoder.decode(planes, warped, drawn),
        autoencoder.decode(planes, warped, drawn, None, MOUTH_WINDOW),
    )
    shown = autoencoder.render(planes, warped, drawn)
    inner = Window(MOUTH_WINDOW.top + 16, MOUTH_WINDOW.left + 16, MOUTH_WINDOW.height - 32, MOUTH_WINDOW.width - 32)
    torch.testing.assert_close(inner.cut(shown), mouth[..., 16:-16, 16:-16])
    outside = torch.ones(128, 128, dtype=torch.bool)
    MOUTH_WINDOW.cut(outside).fill_(False)
    torch.testing.assert_close(shown[..., outside], face[..., outside])
    first_row = (shown - face)[..., MOUTH_WINDOW.top, :].abs().max()
    assert first_row <= 0.07 * (MOUTH_WINDOW.cut(face) - mouth).abs().max()
    alone = autoencoder.render(planes, warped, drawn, mouth_only=True)
    torch.testing.assert_close(inner.cut(alone), inner.cut(shown))
    torch.testing.assert_close(alone[..., outside], warped[..., outside])


@torch.inference_mode()
def test_each_plane_sees_its_own_two_axes(autoencoder: TriplaneAutoencoder) -> None:
    """A video that only changes over time differs along the frames of yt and xt, as its frames do."""
    ramp = torch.linspace(-1, 1, 16)[None, None, :, None, None].expand(1, 3, 16, 128, 128)
    _, yt, xt = autoencoder.encode(ramp.contiguous())[0].unbind(1)
    for plane in (yt, xt):
        # Away from the border, where padding is seen.
        assert plane[:, :, 4:12].std(1).mean() > 1.5 * plane[:, :, 4:12].std(2).mean()


def test_planes_spread_over_rows_columns_and_frames() -> None:
    planes = torch.zeros(1, 1, 3, 16, 16)
    planes[0, 0, 0, 5, 7] = 1  # xy: row 5, column 7
    planes[0, 0, 1, 2, 5] = 10  # yt: frame 2, row 5
    planes[0, 0, 2, 2, 7] = 100  # xt: frame 2, column 7
    volume = expand_planes(planes)[0, :, 0]
    assert volume[2, 5, 7] == 111
    assert volume[9, 5, 7] == 1
    assert volume[2, 5, 0] == 10
    assert volume[2, 0, 7] == 100
    assert volume.sum() == 16 * (1 + 10 + 100)


@torch.inference_mode()
def test_a_few_frames_come_out_as_they_do_among_all(autoencoder: TriplaneAutoencoder) -> None:
    planes = torch.randn(2, 8, 3, 16, 16)
    frames = torch.tensor([[0, 5, 15], [3, 4, 9]])
    everything = expand_planes(planes)
    assert torch.equal(expand_planes(planes, frames), torch.stack([everything[i, frames[i]] for i in range(2)]))
    warped, drawn = torch.rand(2, 3, 16, 128, 128), torch.rand(2, GUIDES, 16, 128, 128)
    everything = autoencoder.decode(planes, warped, drawn)

    def chosen(video: torch.Tensor) -> torch.Tensor:
        return torch.stack([video[i][:, frames[i]] for i in range(2)])

    few = autoencoder.decode(planes, chosen(warped), chosen(drawn), frames)
    torch.testing.assert_close(few, chosen(everything), atol=1e-4, rtol=0)


@torch.inference_mode()
def test_a_picture_that_stands_still_is_encoded_as_its_repetition(autoencoder: TriplaneAutoencoder) -> None:
    picture = torch.rand(1, 3, 128, 128) * 2 - 1
    repeated = autoencoder.encode(picture[:, :, None].expand(-1, -1, 16, -1, -1))
    torch.testing.assert_close(autoencoder.encode_still(picture), repeated, atol=1e-4, rtol=0)


def test_an_untrained_decoder_is_the_warp_and_hears_the_planes_after_one_step() -> None:
    torch.manual_seed(0)
    autoencoder = TriplaneAutoencoder(encoder_widths=(8, 16), decoder_widths=(8, 16))
    warped = torch.rand(1, 3, 16, 128, 128) * 2 - 1
    drawn = torch.rand(1, GUIDES, 16, 128, 128)
    planes = torch.randn(1, 8, 3, 16, 16, requires_grad=True)
    picture = autoencoder.decode(planes, warped, drawn)
    assert torch.equal(picture, warped)
    picture.mean().backward()
    with torch.no_grad():
        for parameter in autoencoder.decoder.parameters():
            if parameter.grad is not None:
                parameter -= parameter.grad.sign() * 1e-3
    autoencoder.decode(planes, warped, drawn).mean().backward()
    assert (planes.grad.abs().amax((0, 1, 3, 4)) > 0).all()


def test_sides_that_cannot_make_square_planes_are_named() -> None:
    with pytest.raises(ValueError, match="size=96, frames=16"):
        TriplaneAutoencoder(size=96)


@torch.inference_mode()
def test_the_denoiser_sees_every_condition_in_every_plane(pipeline: MoDiTalkerPipeline) -> None:
    denoiser: MotionToVideo = pipeline.denoiser
    shape = (1, 8, 3, 16, 16)
    inputs = {name: torch.randn(shape) for name in ("sample", "identity", "pose")}
    inputs["landmarks"] = denoiser.encode_landmarks(torch.rand(1, 3, 16, 128, 128))
    time = torch.tensor([300])
    usual = denoiser(timestep=time, **inputs)
    assert usual.shape == shape
    for name, value in inputs.items():
        changed = denoiser(timestep=time, **{**inputs, name: torch.randn_like(value)})
        assert ((changed - usual).abs().mean((0, 1, 3, 4)) > 1e-3).all(), name
    # Attention carries what is in one plane to the others.
    one = inputs["sample"].clone()
    one[:, :, 0] = 0
    assert (denoiser(timestep=time, **{**inputs, "sample": one}) - usual)[:, :, 1:].abs().mean() > 1e-4
