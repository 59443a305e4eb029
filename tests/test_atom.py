"""Audio to motion: who hears the speech, sampling of any length, and what a user may turn."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from diffusers import DPMSolverMultistepScheduler, SchedulerMixin
from torch.nn import functional as F

from moditalker.atom.blinks import LID_POINTS, close_eyes, eye_closure, settle_closure, usual_opening
from moditalker.atom.head import HeadMotion
from moditalker.atom.model import AudioToMotion
from moditalker.atom.motion_sampling import sample_head, sample_residual
from moditalker.atom.rest import close_lips, rest_head, rest_lips
from moditalker.atom.schedulers import atom_scheduler
from moditalker.face.geometry import FaceFrame
from moditalker.face.layout import (
    BROWS,
    LIP_BRANCH,
    NOSE,
    OTHER_BRANCH,
    eye_opening,
    mouth_opening,
)
from moditalker.face.motion_controls import MOUTH_AND_JAW, fit_length, scale_lips, settle_pose, untangle
from moditalker.pipeline import MoDiTalkerPipeline
from moditalker.portrait import Portrait

SPEECH_DIM = 328


@pytest.fixture(autouse=True)
def _no_gradients() -> Iterator[None]:
    with torch.inference_mode():
        yield


@pytest.fixture(scope="module")
def shape(landmarks: np.ndarray) -> np.ndarray:
    return FaceFrame(landmarks).shape


@pytest.fixture(scope="module")
def atom(pipeline: MoDiTalkerPipeline) -> AudioToMotion:
    return pipeline.atom


def features(frames: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(2 * frames, SPEECH_DIM)).astype(np.float32)


def sampled(
    atom: AudioToMotion,
    shape: np.ndarray,
    frames: int,
    *,
    seed: int = 0,
    guidance: float = 1.5,
    steps: int = 2,
    scheduler: SchedulerMixin | None = None,
) -> np.ndarray:
    return sample_residual(
        atom,
        scheduler or atom_scheduler(),
        features(frames),
        shape,
        steps=steps,
        guidance=guidance,
        generator=torch.Generator().manual_seed(seed),
        temperature=1.0,
    )


def test_only_the_lip_branch_hears_the_speech(shape: np.ndarray) -> None:
    torch.manual_seed(0)
    atom = AudioToMotion(width=32, num_layers=2, num_speech_layers=1, heads=2).eval()  # fusion starts at zero
    sample, time = torch.randn(1, 20, 68, 3), torch.tensor([500])
    identity = torch.from_numpy(shape)[None]
    one, other = (
        atom(sample, time, identity, atom.encode_speech(torch.from_numpy(features(20, seed))[None])) for seed in (1, 2)
    )
    assert torch.equal(one[:, :, OTHER_BRANCH], other[:, :, OTHER_BRANCH])
    assert (one[:, :, LIP_BRANCH] - other[:, :, LIP_BRANCH]).abs().mean() > 0.01


def test_lips_follow_the_speech_of_their_own_moment(atom: AudioToMotion, shape: np.ndarray) -> None:
    sample, time = torch.randn(1, 32, 68, 3), torch.tensor([999])
    speech = torch.from_numpy(features(32))[None]
    changed = speech.clone()
    changed[:, 40:] = 0  # from frame 20 on
    identity = torch.from_numpy(shape)[None]
    tokens = [atom.encode_speech(x) for x in (speech, changed)]
    # What is far from the change hears it less than what lies in it.
    difference = (tokens[0] - tokens[1]).abs().mean((0, 2))
    assert difference[:14].max() < 1e-5
    lips = [atom(sample, time, identity, x)[0, :, LIP_BRANCH] for x in tokens]
    apart = (lips[0] - lips[1]).abs().mean((1, 2))
    assert apart[24:].mean() > 3 * apart[:6].mean()


@pytest.mark.parametrize("frames", [1, 31, 32, 33, 106])
def test_motion_is_as_long_as_the_speech(pipeline: MoDiTalkerPipeline, shape: np.ndarray, frames: int) -> None:
    assert sampled(pipeline.atom, shape, frames).shape == (frames, 68, 3)
    generator = torch.Generator().manual_seed(0)
    pose, closure = sample_head(pipeline.head, atom_scheduler(), features(frames), steps=2, generator=generator)
    assert pose.shape == (frames, 6)
    assert closure.shape == (frames,)
    assert np.isfinite(pose).all()
    assert np.isfinite(closure).all()


def test_the_same_seed_gives_the_same_motion_and_another_seed_another(atom: AudioToMotion, shape: np.ndarray) -> None:
    first = sampled(atom, shape, 50, seed=1)
    np.testing.assert_array_equal(sampled(atom, shape, 50, seed=1), first)
    assert np.abs(sampled(atom, shape, 50, seed=2) - first).mean() > 0.1 * first.std()


def test_the_beginning_does_not_depend_on_how_long_the_recording_is(atom: AudioToMotion, shape: np.ndarray) -> None:
    def beginning(frames: int) -> np.ndarray:
        speech = features(200)[: 2 * frames]
        generator = torch.Generator().manual_seed(0)
        motion = sample_residual(atom, atom_scheduler(), speech, shape, steps=1, guidance=1.0, generator=generator)
        return motion[:20]

    np.testing.assert_allclose(beginning(104), beginning(152), atol=1e-6)


class SmoothAtom(AudioToMotion):
    """Predictions are smooth within a window, as a trained network's are, and differ between windows."""

    def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
        clean = super().forward(*inputs).flatten(2).transpose(1, 2)
        padded = F.pad(clean, (12, 12), mode="reflect")
        return F.avg_pool1d(padded, 25, stride=1).transpose(1, 2).unflatten(-1, (68, 3))


@pytest.mark.parametrize(("overlap", "seamless"), [(12, True), (0, False)])
def test_no_jump_where_windows_meet(shape: np.ndarray, overlap: int, seamless: bool) -> None:
    torch.manual_seed(0)
    atom = SmoothAtom(width=32, num_layers=1, num_speech_layers=1, heads=2, window=48, overlap=overlap).eval()
    motion = sampled(atom, shape, 500, steps=4)
    step = np.linalg.norm(np.diff(motion, axis=0), axis=(1, 2))
    stride = 48 - overlap
    at_border = np.isin(np.arange(len(step)) % stride, [stride - 1, (overlap - 1) % stride])
    at_border[:overlap] = False
    # Without an overlap the border shows: that is what the test would see.
    assert (step[at_border].max() <= 1.3 * step[~at_border].max()) == seamless


def test_guidance_of_one_is_the_prediction_from_the_speech(atom: AudioToMotion, shape: np.ndarray) -> None:
    frames = atom.config["window"]
    noise = torch.randn(frames, 68, 3, generator=torch.Generator().manual_seed(0))[None]
    tokens = atom.encode_speech(torch.from_numpy(features(frames))[None])
    identity, time = torch.from_numpy(shape)[None], torch.tensor([999])
    heard = atom.denormalise(atom(noise, time, identity, tokens))[0].numpy()
    unheard = atom.denormalise(atom(noise, time, identity, atom.without_speech(tokens)))[0].numpy()
    for prediction in (heard, unheard):
        prediction[:, LID_POINTS] = 0  # lids are not AToM's
    np.testing.assert_allclose(sampled(atom, shape, frames, guidance=1.0, steps=1), heard, atol=1e-5)
    np.testing.assert_allclose(sampled(atom, shape, frames, guidance=0.0, steps=1), unheard, atol=1e-5)
    leaned = sampled(atom, shape, frames, guidance=2.5, steps=1)
    np.testing.assert_allclose(leaned, unheard + 2.5 * (heard - unheard), atol=1e-5)


def test_another_scheduler_of_diffusers_does_as_well(atom: AudioToMotion, shape: np.ndarray) -> None:
    usual = sampled(atom, shape, 60, steps=10)
    solver = DPMSolverMultistepScheduler.from_config(atom_scheduler().config)
    assert solver.config["prediction_type"] == "sample"
    other = sampled(atom, shape, 60, steps=10, scheduler=solver)
    assert np.isfinite(other).all()
    assert other.std() == pytest.approx(usual.std(), rel=0.3)
    assert np.corrcoef(other.ravel(), usual.ravel())[0, 1] > 0.8
    np.testing.assert_array_equal(sampled(atom, shape, 60, steps=10, scheduler=solver), other)


def test_every_step_is_reported(pipeline: MoDiTalkerPipeline) -> None:
    seen: list[tuple[int, int]] = []
    head: HeadMotion = pipeline.head
    generator = torch.Generator().manual_seed(0)
    sample_head(
        head,
        atom_scheduler(),
        features(40),
        steps=3,
        generator=generator,
        callback=lambda step, steps: seen.append((step, steps)),
    )
    assert seen == [(1, 3), (2, 3), (3, 3)]


@pytest.fixture
def residual() -> np.ndarray:
    return (np.random.default_rng(5).normal(size=(60, 68, 3)) * 0.03).astype(np.float32)


def test_lip_scale_moves_the_mouth_more_or_less_and_nothing_else(residual: np.ndarray, shape: np.ndarray) -> None:
    still, half, double = (scale_lips(residual, shape, scale) for scale in (0.0, 0.5, 2.0))
    assert np.ptp(still[:, MOUTH_AND_JAW], axis=0).max() < 1e-6
    assert mouth_opening(still + shape)[0] < mouth_opening(residual + shape).mean()
    for scaled, scale in ((half, 0.5), (double, 2.0)):
        lips, usual = scaled[:, MOUTH_AND_JAW], residual[:, MOUTH_AND_JAW]
        np.testing.assert_allclose(lips.std(0), scale * usual.std(0), rtol=1e-3)
    for scaled in (still, half, double):
        others = np.setdiff1d(np.arange(68), MOUTH_AND_JAW)
        np.testing.assert_array_equal(scaled[:, others], residual[:, others])
    np.testing.assert_array_equal(scale_lips(residual, shape, 1.0), residual)


def test_blinks_move_the_lids_and_nothing_else(residual: np.ndarray, shape: np.ndarray) -> None:
    closure = np.zeros(60, np.float32)
    closure[20:24] = [0.5, 1.0, 1.0, 0.5]
    closed = close_eyes(residual, shape, closure)
    others = np.setdiff1d(np.arange(68), LID_POINTS)
    np.testing.assert_array_equal(closed[:, others], residual[:, others])
    upper_and_lower = closed[21][LID_POINTS] + shape[LID_POINTS]
    np.testing.assert_allclose(upper_and_lower[:4], upper_and_lower[4:], atol=1e-6)
    # The brows of the noise stay out of it: lids alone are measured on the portrait.
    alone = close_eyes(np.zeros_like(residual), shape, closure) + shape
    opening = eye_opening(alone) / eye_opening(shape)
    np.testing.assert_allclose(opening, 1 - closure, atol=1e-3)
    np.testing.assert_allclose(eye_closure(alone, usual_opening(alone)), closure, atol=1e-3)
    np.testing.assert_array_equal(close_eyes(residual, shape, 0 * closure)[:, LID_POINTS], 0)


def test_a_blink_that_was_rounded_off_shuts_the_eyes_and_a_squint_does_not() -> None:
    time = np.arange(60)
    closure = 0.65 * np.exp(-(((time - 20) / 2.0) ** 2)) + 0.2 * np.exp(-(((time - 45) / 3.0) ** 2))
    settled = settle_closure(closure)
    assert settled[20] > 0.9
    assert 3 <= (settled > 0.5).sum() <= 6
    assert settled[40:50].max() < 0.15
    assert np.abs(settle_closure(np.zeros(5))).max() < 0.01


def test_lips_rest_where_nobody_speaks(residual: np.ndarray, shape: np.ndarray) -> None:
    residual = 0.2 * residual
    smiling = shape.copy()
    smiling[[61, 62, 63], 1] -= 0.05  # teeth show
    activity = np.ones(60, np.float32)
    activity[30:] = 0
    rested = rest_lips(residual, smiling, activity)
    np.testing.assert_array_equal(rested[:30], residual[:30])
    opening = mouth_opening(rested + smiling)
    assert opening[30:].max() < 0.03
    assert opening[30:].std() < 0.05 * opening[:30].std()
    others = np.setdiff1d(np.arange(68), MOUTH_AND_JAW)
    np.testing.assert_array_equal(rested[:, others], residual[:, others])
    np.testing.assert_array_equal(rest_lips(residual, shape, np.ones(60, np.float32)), residual)


def test_a_silent_head_holds_still_and_comes_back_without_a_jump() -> None:
    sway = 0.1 * np.sin(np.arange(200) / 12)[:, None] * np.ones((1, 6))
    activity = np.ones(200)
    activity[60:120] = 0
    rested = rest_head(sway, activity)
    np.testing.assert_array_equal(rested[:60], sway[:60])
    assert np.ptp(rested[60:120], axis=0).max() < 1e-6
    assert np.abs(np.diff(rested, axis=0)).max() < 1.6 * np.abs(np.diff(sway, axis=0)).max()
    np.testing.assert_allclose(rested[-1], sway[-1], atol=0.01)


def test_closed_lips_touch_without_passing(shape: np.ndarray) -> None:
    opened = shape.copy()
    opened[[65, 66, 67, *range(55, 60)], 1] += 0.15
    closed = close_lips(opened)
    assert mouth_opening(opened) > 0.1
    assert mouth_opening(closed) < 0.03
    np.testing.assert_array_equal(closed[[48, 54, 60, 64]], opened[[48, 54, 60, 64]])
    assert (closed[57, 1] > closed[51, 1]).all()


def test_less_noise_for_the_lips_leaves_the_rest_of_the_face_alone(atom: AudioToMotion, shape: np.ndarray) -> None:
    def at(temperature: float, seed: int) -> np.ndarray:
        generator = torch.Generator().manual_seed(seed)
        return sample_residual(
            atom, atom_scheduler(), features(40), shape, steps=1, guidance=1.0, generator=generator,
            temperature=temperature,
        )  # fmt: skip

    apart = [np.abs(at(t, 1) - at(t, 2))[:, LIP_BRANCH].mean() for t in (0.0, 0.5, 1.0)]
    assert apart[0] < apart[1] < apart[2]


@pytest.mark.parametrize("turned", ["lip_scale", "head_scale", "blink_scale", "head_motion"])
def test_turning_one_control_leaves_the_others_motion_as_it_was(
    pipeline: MoDiTalkerPipeline, portrait: Portrait, speech: np.ndarray, turned: str
) -> None:
    def parts(**options: object) -> dict[str, np.ndarray]:
        made = pipeline.motion(portrait, speech, atom_steps=2, seed=3, **options).landmarks  # type: ignore[arg-type]
        residual, pose = portrait.frame.analyse(made)
        lids = residual[:, LID_POINTS]
        face = residual[:, np.setdiff1d(OTHER_BRANCH, LID_POINTS)]
        return {"lip_scale": residual[:, MOUTH_AND_JAW], "head_scale": pose, "blink_scale": lids, "face": face}

    usual = parts()
    changed = parts(**{turned: "still" if turned == "head_motion" else 0.5})
    own = "head_scale" if turned == "head_motion" else turned
    for name, value in usual.items():
        difference = np.abs(changed[name] - value).max()
        if name == own:
            assert difference > 0.002, name
        else:
            assert difference < 2e-4, name  # half a thousandth of a pixel's rounding: poses are taken apart again


def test_lips_and_lids_do_not_pass_through_each_other(shape: np.ndarray) -> None:
    residual = np.zeros((3, 68, 3), np.float32)
    residual[1, 62, 1] = 0.3  # the upper lip far below the lower one
    residual[2, 37, 1] = 0.3  # an upper lid below the lower one
    parted = untangle(residual, shape) + shape
    assert parted[1, 62, 1] == pytest.approx(parted[1, 66, 1])
    assert parted[2, 37, 1] == pytest.approx(parted[2, 41, 1])
    np.testing.assert_allclose(parted[0], shape, atol=1e-6)
    untouched = np.concatenate([BROWS, NOSE, np.arange(0, 17), np.arange(48, 60)])
    np.testing.assert_allclose(parted[:, untouched], (residual + shape)[:, untouched], atol=1e-6)


def test_head_motion_can_be_scaled_and_never_goes_too_far() -> None:
    slow = np.sin(np.arange(100) / 8)[:, None].repeat(6, 1).astype(np.float32) * 0.03 + 0.4
    pose = slow + np.random.default_rng(6).normal(size=(100, 6)).astype(np.float32) * 0.003
    assert not settle_pose(pose, 0.0).any()
    settled = settle_pose(pose, 1.0)
    np.testing.assert_allclose(settled, slow - slow.mean(0), atol=0.009)
    assert np.abs(np.diff(settled, n=2, axis=0)).mean() < 0.3 * np.abs(np.diff(pose, n=2, axis=0)).mean(), "it trembles"
    far = settle_pose(pose, 1000.0)
    assert np.abs(far[:, :3]).max() <= 0.26  # radians: 15 degrees
    assert np.abs(far[:, 3:]).max() <= 0.26


@pytest.mark.parametrize("length", [1, 2, 10, 300])
def test_a_short_head_motion_is_played_to_and_fro(length: int) -> None:
    pose = np.cumsum(np.ones((length, 6), np.float32), 0)
    played = fit_length(pose, 120)
    assert played.shape == (120, 6)
    np.testing.assert_array_equal(played[: min(length, 120)], pose[:120])
    assert np.abs(np.diff(played, axis=0)).max(initial=0) <= 1
