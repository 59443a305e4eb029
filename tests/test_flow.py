"""What landmarks do not tell the warp: hair, neck and clothes come from elsewhere, and lips stay where they are."""

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from conftest import Talking

from moditalker.face.geometry import ALIGNED_SIZE, aligned_face, aligning_matrix, transform_points
from moditalker.face.layout import OUTER_LIPS
from moditalker.face.person import PersonSegmenter
from moditalker.mtov.conditions import block_conditions
from moditalker.mtov.flow import CELLS, FlowRefiner, displaced, loose_cells
from moditalker.pipeline import MoDiTalkerPipeline
from moditalker.portrait import Portrait, composer_of
from moditalker.render.compositing import FaceLayers, composed
from moditalker.render.grid import Grid, sample
from moditalker.render.warp import FrameWarp
from moditalker.training.data.clips import PreparedClip
from moditalker.training.objectives.train_flow import FlowBatches, FlowObjective

Conditions = dict[str, torch.Tensor]


def wave(pixels: float) -> torch.Tensor:
    """(1, 2, 32, 32): a smooth shift that differs from place to place."""
    y, x = np.mgrid[:CELLS, :CELLS] / CELLS
    return pixels * torch.from_numpy(np.stack([np.sin(3 * y + x), np.cos(2 * x - y)])[None]).float()


class FixedRefiner(FlowRefiner):
    """Gives the same answer always."""

    def __init__(self, answer: torch.Tensor) -> None:
        super().__init__(width=8, depths=(1, 1, 1))
        self.answer = answer

    def forward(
        self, warped: torch.Tensor, landmark_map: torch.Tensor, displacement: torch.Tensor, loose: torch.Tensor
    ) -> torch.Tensor:
        return self.answer.expand(len(warped), -1, -1, -1) * loose


def conditions_of(portrait: Portrait, landmarks: np.ndarray, refiner: FlowRefiner | None) -> Conditions:
    face = portrait.face
    return block_conditions(face.aligned, portrait.frame, face.matrix, portrait.frame.motion(landmarks), refiner)


def test_a_network_that_learnt_nothing_moves_nothing(portrait: Portrait, talking: Talking) -> None:
    moving = talking(portrait.frame.landmarks, 3, sway=0.1)
    torch.manual_seed(0)
    plain, refined = (conditions_of(portrait, moving, one) for one in (None, FlowRefiner()))
    assert not refined["shift"].any()
    for name, value in plain.items():
        assert (value.float() - refined[name].float()).abs().max() <= 1, name


def test_lips_stay_where_their_landmarks_are(
    pipeline: MoDiTalkerPipeline, portrait: Portrait, talking: Talking
) -> None:
    moving = talking(portrait.frame.landmarks, 6, sway=0.1)
    seen = conditions_of(portrait, moving, pipeline.flow)
    aligned = transform_points(aligning_matrix(moving), moving)[:, OUTER_LIPS]
    moved = torch.nn.functional.interpolate(seen["shift"].transpose(0, 1), ALIGNED_SIZE, mode="bilinear").abs()
    assert moved.max() > 0.3, "the network that is asked here moves something"
    for frame, lips in zip(moved, aligned.round().astype(int), strict=True):
        mask = cv2.fillConvexPoly(np.zeros((ALIGNED_SIZE, ALIGNED_SIZE)), cv2.convexHull(lips), 1) > 0
        assert frame[:, torch.from_numpy(mask)].max() < 0.1 * moved.max()
    loose = loose_cells(transform_points(aligning_matrix(moving), moving))
    assert (loose[:, 0, :12] > 0.99).all(), "all above the nose is free"
    assert (loose[:, 0, :, :4] > 0.99).all()


def test_pixels_are_taken_from_where_the_shift_says() -> None:
    ramp = torch.arange(ALIGNED_SIZE, dtype=torch.float32)
    place = torch.stack(torch.meshgrid(ramp, ramp, indexing="xy"))[None]
    shift = torch.tensor([3.0, -2.0]).reshape(1, 2, 1, 1).expand(1, 2, CELLS, CELLS)
    inner = (..., slice(8, -8), slice(8, -8))
    torch.testing.assert_close(
        displaced(place, shift)[inner], (place + torch.tensor([3.0, -2.0]).reshape(2, 1, 1))[inner]
    )


def test_a_refined_warp_is_a_shifted_picture(portrait: Portrait, talking: Talking) -> None:
    """Also near the border, where a shift leads out of what was drawn before."""
    face, moving = portrait.face, talking(portrait.frame.landmarks, 2, sway=0.2)
    motion = portrait.frame.motion(moving)
    warp, grid = FrameWarp(portrait.frame, motion), Grid.aligned(face.matrix, motion.matrices, ALIGNED_SIZE)
    picture = torch.nn.functional.avg_pool2d(face.aligned[None], 5, stride=1, padding=2)
    shift = wave(2.0).expand(2, -1, -1, -1)
    plain, refined = (torch.from_numpy(np.stack(list(warp.displacements(grid, by)))) for by in (None, shift.numpy()))
    once, twice = sample(picture, refined), displaced(sample(picture, plain), shift)
    inner = (..., slice(6, -6), slice(6, -6))
    assert (once - twice)[inner].abs().mean() < 0.5
    assert (once - sample(picture, plain))[inner].abs().mean() > 2
    assert (refined - plain)[:, 0, :, 1].abs().max() > 1, "the border moves too"


def layers_of(portrait: Portrait, moving: np.ndarray, shift: torch.Tensor) -> FaceLayers:
    nothing = np.zeros((len(moving), 3, ALIGNED_SIZE, ALIGNED_SIZE), np.float32)
    return FaceLayers(portrait.frame.motion(moving), nothing, shift.expand(len(moving), -1, -1, -1).numpy())


def composed_of(portrait: Portrait, moving: np.ndarray, shift: torch.Tensor) -> Iterator[np.ndarray]:
    composer = composer_of(portrait, still_behind=True)
    return composed(portrait.frame, composer, [layers_of(portrait, moving, shift)])


def test_the_full_picture_moves_as_the_networks_were_shown(portrait: Portrait, talking: Talking) -> None:
    moving = talking(portrait.frame.landmarks, 4, sway=0.2)
    shown = conditions_of(portrait, moving, FixedRefiner(wave(2.5)))
    full, before = (
        np.concatenate(list(composed_of(portrait, moving, shift)))
        for shift in (shown["shift"].transpose(0, 1), torch.zeros(1, 2, CELLS, CELLS))
    )
    wanted = shown["warped"].permute(1, 2, 3, 0).numpy().astype(float)
    seen, unmoved = (
        np.stack([aligned_face(*pair) for pair in zip(film, aligning_matrix(moving), strict=True)])
        for film in (full, before)
    )
    assert np.abs(seen - wanted).mean() < 0.35 * np.abs(unmoved - wanted).mean()


def test_a_shift_fades_out_beyond_the_face_and_tears_nothing(portrait: Portrait, talking: Talking) -> None:
    moving = talking(portrait.frame.landmarks, 2, sway=0.1)
    height, width = portrait.picture.shape[:2]
    x, y = np.meshgrid(np.linspace(0, 250, width), np.linspace(0, 250, height))
    ramps = Portrait(np.stack([x, y, x], -1).astype(np.uint8), portrait.frame, portrait.face)
    shift = torch.full((1, 2, CELLS, CELLS), 4.0)
    moved, before = (
        np.concatenate(list(composed_of(ramps, moving, one))).astype(int) for one in (shift, torch.zeros_like(shift))
    )
    for film, frame, matrix in zip(moved, before, aligning_matrix(moving), strict=True):
        corners = np.array([[0, 0], [128, 0], [128, 128], [0, 128]], np.float32)
        face = corners @ (inverse := cv2.invertAffineTransform(matrix))[:, :2].T + inverse[:, 2]
        inside = cv2.fillConvexPoly(np.zeros((height, width)), face.round().astype(np.int32), 1)
        reach = int(0.3 * np.ptp(face[:, 0]))
        beyond = cv2.dilate(inside, np.ones((2 * reach + 1, 2 * reach + 1))) == 0
        apart = np.abs(film - frame)[..., :2].max(-1)
        assert beyond.any()
        assert apart[beyond].max() == 0
        assert np.median(apart[inside > 0]) >= 2
        # A ramp that is pulled about smoothly stays one: no step between neighbours is much larger than before.
        assert max(np.abs(np.diff(film[..., channel], axis=1 - channel)).max() for channel in (0, 1)) <= 4


@pytest.mark.slow
def test_the_pipeline_draws_what_its_flow_says_and_does_without_one(
    pipeline: MoDiTalkerPipeline, portrait: Portrait, talking: Talking, tmp_path: Path
) -> None:
    moving = talking(portrait.frame.landmarks, 6, sway=0.1)
    pipeline.save_pretrained(tmp_path)
    loaded = MoDiTalkerPipeline.from_pretrained(tmp_path)
    assert "flow" in loaded.weight_hashes()

    def drawn(one: MoDiTalkerPipeline) -> np.ndarray:
        return np.concatenate(list(one.render(portrait, moving, own=True, mtov_steps=1, seed=0))).astype(int)

    without = MoDiTalkerPipeline.from_pretrained(tmp_path, flow=None)
    assert "flow" not in without.weight_hashes()
    np.testing.assert_array_equal(drawn(loaded), drawn(pipeline))
    assert np.abs(drawn(loaded) - drawn(without)).max() > 5


@pytest.fixture(scope="module")
def drifting(portrait: Portrait, tmp_path_factory: pytest.TempPathFactory) -> PreparedClip:
    """A face whose landmarks stand still and whose picture is taken from a pixel and a half farther in each frame."""
    folder = tmp_path_factory.mktemp("drifting")
    steps = 1.5 * torch.arange(4.0).reshape(4, 1, 1, 1)
    shift = torch.cat([steps, torch.zeros_like(steps)], 1).expand(4, 2, CELLS, CELLS)
    frames = displaced(portrait.face.aligned.expand(4, -1, -1, -1), shift).permute(0, 2, 3, 1)
    np.save(folder / "frames.npy", frames.round().to(torch.uint8).numpy())
    landmarks = np.repeat(portrait.frame.landmarks[None], 4, 0).astype(np.float32)
    return PreparedClip("drifting", "ada", folder, landmarks, aligning_matrix(landmarks), np.zeros((8, 4)), 0)


def frame_of(clip: PreparedClip, picture: torch.Tensor, mirrored: bool) -> int:
    """Which of the clip's frames a (3, 128, 128) picture is."""
    frames = torch.from_numpy(clip.faces(slice(None))).permute(0, 3, 1, 2).float()
    seen = picture.float().flip(-1) if mirrored else picture.float()
    apart = (frames - seen).abs()[..., :40, 20:108].mean((1, 2, 3))
    return int(apart.argmin()) if apart.min() < 1 else -1


def test_what_is_taught_is_where_the_real_frame_lies_in_the_warp(drifting: PreparedClip) -> None:
    batch = FlowBatches([drifting], count=12)(np.random.default_rng(0))
    assert batch["apart"].shape == (24, 2, CELLS, CELLS)
    found = set()
    for real, warped, apart in zip(batch["real"], batch["warped"], batch["apart"], strict=True):
        mirrored = frame_of(drifting, real, mirrored=False) < 0
        wanted = 1.5 * (frame_of(drifting, real, mirrored) - frame_of(drifting, warped, mirrored))
        wanted = -wanted if mirrored else wanted
        found.add((wanted, mirrored))
        inner = apart[:, 4:10, 8:24]  # above the lips, where the warp is the portrait itself
        assert inner[0].mean() == pytest.approx(wanted, abs=0.35)
        assert inner[1].abs().mean() < 0.3
    assert len(found) > 6, "both ways, and mirrored"


@pytest.mark.slow
def test_moving_what_is_off_is_nearer_to_the_real_frame(drifting: PreparedClip) -> None:
    batch = FlowBatches([drifting], count=4)(np.random.default_rng(1))
    told = {}
    for name, answer in (("still", torch.zeros(8, 2, CELLS, CELLS)), ("moved", batch["apart"])):
        objective = FlowObjective(FixedRefiner(answer)).eval()
        told[name] = {measure: float(value) for measure, value in objective(batch).items()}
    assert told["still"]["loss"] == told["still"]["flow_warp"] > 0.5
    assert told["still"]["lpips"] == pytest.approx(told["still"]["lpips_warp"])
    assert told["moved"]["loss"] < 1e-6
    assert told["moved"]["lpips"] < 0.5 * told["still"]["lpips"]


def test_what_moves_behind_a_person_teaches_nothing(portrait: Portrait, tmp_path: Path) -> None:
    still = portrait.face.aligned.permute(1, 2, 0).numpy().astype(np.uint8)
    person = PersonSegmenter()(still)[..., None]
    x = np.arange(128)[None, :, None]
    walls = [128 + 60 * np.sin((x + 2 * step) / 3) * np.ones((128, 1, 3)) for step in range(4)]
    frames = np.stack([person * still + (1 - person) * wall for wall in walls]).round().astype(np.uint8)
    np.save(tmp_path / "frames.npy", frames)
    landmarks = np.repeat(portrait.frame.landmarks[None], 4, 0).astype(np.float32)
    clip = PreparedClip("walls", "ada", tmp_path, landmarks, aligning_matrix(landmarks), np.zeros((8, 4)), 0)
    batch = FlowBatches([clip], count=6)(np.random.default_rng(0))
    counts = batch["person"]
    assert counts.shape == (12, 1, CELLS, CELLS)
    assert counts[:, 0, 8:24, 10:22].min() > 0.9, "the face"
    assert counts.min() < 0.2, "the wall"
    assert (batch["apart"] * (counts > 0.9)).abs().mean() < 0.1
