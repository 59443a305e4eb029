"""The pipeline from picture and sound to frames, with random weights."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from conftest import Talking
from PIL import Image

from moditalker.audio.load import load_audio
from moditalker.constants import SAMPLE_RATE
from moditalker.face.landmark_file import read_landmarks
from moditalker.face.layout import STABLE, interocular_distance, mouth_opening
from moditalker.face.retarget import relative_pose
from moditalker.loading import default_weights
from moditalker.outputs import MoDiTalkerOutput
from moditalker.pipeline import MoDiTalkerPipeline
from moditalker.portrait import Portrait, crop_to_face
from moditalker.utils.errors import InputError
from moditalker.video.read import read_video
from moditalker.video.write import VideoWriter

FEW = {"atom_steps": 2, "mtov_steps": 1}


@pytest.fixture(scope="module")
def second(speech: np.ndarray) -> np.ndarray:
    """One second of speech."""
    return speech[8000 : 8000 + SAMPLE_RATE]


@pytest.fixture(scope="module")
def result(pipeline: MoDiTalkerPipeline, portrait: Portrait, second: np.ndarray) -> MoDiTalkerOutput:
    return pipeline(portrait, second, seed=1, **FEW)


@pytest.fixture(scope="module")
def second_file(second: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("second") / "second.wav"
    soundfile.write(path, second, SAMPLE_RATE)
    return path


@pytest.mark.slow
def test_frames_landmarks_and_sound(result: MoDiTalkerOutput, portrait: Portrait, second: np.ndarray) -> None:
    assert result.frames.shape == (25, 256, 256, 3)
    assert result.frames.dtype == np.uint8
    assert result.landmarks.shape == (25, 68, 3)
    assert result.landmarks.dtype == np.float32
    assert (result.fps, result.seed) == (25, 1)
    np.testing.assert_array_equal(result.audio, second)
    assert set(result.timings) == {"face", "speech", "motion", "head", "video"}
    assert np.abs(np.diff(result.frames.astype(int), axis=0)).max() > 10
    assert (result.frames[:, :8, :8] == portrait.picture[:8, :8]).all()


@pytest.mark.parametrize(("seconds", "frames"), [(0.2, 5), (0.5, 12), (0.53, 13), (1.001, 25), (1.35, 34)])
def test_the_motion_is_as_long_as_the_sound_within_a_frame(
    pipeline: MoDiTalkerPipeline, portrait: Portrait, speech: np.ndarray, seconds: float, frames: int
) -> None:
    motion = pipeline.motion(portrait, speech[: round(seconds * SAMPLE_RATE)], atom_steps=1, seed=0)
    assert len(motion.landmarks) == pytest.approx(seconds * 25, abs=0.5)
    assert len(motion.landmarks) == frames


@pytest.mark.slow
def test_a_saved_pipeline_gives_the_same_frames(
    weights: Path, portrait: Portrait, second: np.ndarray, result: MoDiTalkerOutput
) -> None:
    names = sorted(path.name for path in weights.rglob("*") if path.is_file())
    assert "model_index.json" in names
    assert names.count("diffusion_pytorch_model.safetensors") == 7
    runs = [MoDiTalkerPipeline.from_pretrained(weights)(portrait.picture, second, seed=1, **FEW) for _ in range(2)]
    np.testing.assert_array_equal(runs[0].frames, runs[1].frames)
    # Not to the last bit: how the weights lie in memory decides which instructions are used on them.
    np.testing.assert_allclose(runs[0].landmarks, result.landmarks, atol=1e-3)
    assert np.abs(runs[0].frames.astype(int) - result.frames).mean() < 0.05


def test_pil_pictures(pipeline: MoDiTalkerPipeline, portrait: Portrait, second: np.ndarray) -> None:
    output = pipeline(portrait, second[:4000], seed=1, output_type="pil", **FEW)
    assert len(output.frames) == 6
    assert all(isinstance(frame, Image.Image) and frame.size == (256, 256) for frame in output.frames)


@pytest.mark.slow
def test_a_portrait_encoded_once_does_as_well_as_one_encoded_anew(
    pipeline: MoDiTalkerPipeline, portrait: Portrait, small_picture: np.ndarray, speech: np.ndarray
) -> None:
    for recording in (speech[:6000], speech[9000:16_000]):
        once = pipeline(portrait, recording, seed=2, **FEW)
        anew = pipeline(Image.fromarray(small_picture), recording, seed=2, **FEW)
        np.testing.assert_array_equal(once.frames, anew.frames)


@pytest.mark.slow
def test_seeds(pipeline: MoDiTalkerPipeline, portrait: Portrait, second: np.ndarray, result: MoDiTalkerOutput) -> None:
    again = pipeline(portrait, second, seed=1, **FEW)
    np.testing.assert_array_equal(again.frames, result.frames)
    other = pipeline(portrait, second, seed=2, **FEW)
    assert np.abs(relative_pose(other.landmarks) - relative_pose(result.landmarks)).max() > 0.005
    assert (other.frames != result.frames).any()


def test_without_a_seed_every_run_differs_and_says_its_seed(
    pipeline: MoDiTalkerPipeline, portrait: Portrait, second: np.ndarray
) -> None:
    first, other = (pipeline.motion(portrait, second, atom_steps=1) for _ in range(2))
    assert first.seed != other.seed
    again = pipeline.motion(portrait, second, atom_steps=1, seed=first.seed)
    np.testing.assert_array_equal(again.landmarks, first.landmarks)


@pytest.mark.slow
def test_a_generator_stands_for_a_seed(pipeline: MoDiTalkerPipeline, portrait: Portrait, second: np.ndarray) -> None:
    runs = [pipeline(portrait, second, generator=torch.Generator().manual_seed(7), **FEW) for _ in range(2)]
    np.testing.assert_array_equal(runs[0].frames, runs[1].frames)
    assert runs[0].seed == 7


def test_more_mtov_steps_leave_the_motion_as_it_is(
    pipeline: MoDiTalkerPipeline, portrait: Portrait, second: np.ndarray, result: MoDiTalkerOutput
) -> None:
    other = pipeline(portrait, second, seed=1, atom_steps=2, mtov_steps=0)
    np.testing.assert_array_equal(other.landmarks, result.landmarks)
    assert other.frames.shape == result.frames.shape


def test_a_head_that_is_still(pipeline: MoDiTalkerPipeline, portrait: Portrait, second: np.ndarray) -> None:
    moving = pipeline.motion(portrait, second, seed=1, atom_steps=2).landmarks
    still = pipeline.motion(portrait, second, seed=1, atom_steps=2, head_motion="still").landmarks
    scaled = pipeline.motion(portrait, second, seed=1, atom_steps=2, head_scale=0.0).landmarks
    np.testing.assert_array_equal(still, scaled)
    # The lips speak on in the same way, whatever the head does.
    assert np.corrcoef(mouth_opening(still), mouth_opening(moving))[0, 1] > 0.95
    assert np.ptp(mouth_opening(still)) > 0.01
    centre = still[:, STABLE].mean(1)
    wander = moving[:, STABLE].mean(1)
    assert np.ptp(centre, axis=0).max() < 0.5 * np.ptp(wander, axis=0).max()


@pytest.fixture(scope="module")
def nodding(astronaut: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty frames in which the head goes up and down once, by a third of the eyes' distance."""
    path = tmp_path_factory.mktemp("video") / "nodding.mp4"
    with VideoWriter(path, (512, 512), 25.0, None) as writer:
        for index in range(20):
            shift = round(10 * np.sin(2 * np.pi * index / 20))
            writer.write(np.roll(astronaut, shift, 0))
    return path


def test_a_head_that_follows_a_video(
    pipeline: MoDiTalkerPipeline, portrait: Portrait, second: np.ndarray, nodding: Path
) -> None:
    motion = pipeline.motion(portrait, second, seed=1, atom_steps=1, head_motion=nodding).landmarks
    height = motion[:, STABLE, 1].mean(1) / interocular_distance(portrait.frame.landmarks)
    # 25 frames from 20: to the end, and then backwards.
    index = np.concatenate([np.arange(20), np.arange(18, 13, -1)])
    wanted = 10 * np.sin(2 * np.pi * index / 20) / 60.7
    assert np.corrcoef(height, wanted)[0, 1] > 0.95
    assert np.ptp(height) == pytest.approx(np.ptp(wanted), rel=0.25)


def test_a_head_motion_that_is_neither_word_nor_video(
    pipeline: MoDiTalkerPipeline, portrait: Portrait, second: np.ndarray
) -> None:
    with pytest.raises(InputError, match="'natural', 'still' or a video file: nodding does not exist"):
        pipeline.motion(portrait, second, head_motion="nodding")


@pytest.mark.slow
def test_step_callbacks_and_progress(pipeline: MoDiTalkerPipeline, portrait: Portrait, second: np.ndarray) -> None:
    steps: list[int] = []
    stages: dict[str, list[tuple[int, int]]] = {}

    def on_step(_: Any, step: int, timestep: int, tensors: dict[str, Any]) -> dict[str, Any]:
        assert 0 <= timestep < 1000
        steps.append(step)
        return tensors

    pipeline(
        portrait,
        second,
        seed=0,
        atom_steps=3,
        mtov_steps=1,
        callback_on_step_end=on_step,
        progress=lambda stage, done, total: stages.setdefault(stage, []).append((done, total)),
    )
    assert steps == [0, 1, 2, 0, 1, 2]  # lips, then head
    assert stages["motion"] == stages["head"] == [(0, 3), (1, 3), (2, 3), (3, 3)]
    assert stages["video"][-1] == (25, 25)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("atom_steps", 0),
        ("atom_steps", 1001),
        ("mtov_steps", -1),
        ("guidance", -0.5),
        ("guidance", float("nan")),
        ("lip_scale", 3.5),
        ("head_scale", -1),
        ("blink_scale", 100),
        ("crop", "ears"),
        ("output_type", "mp4"),
    ],
)
def test_a_value_out_of_its_range_is_named(
    pipeline: MoDiTalkerPipeline, portrait: Portrait, second: np.ndarray, name: str, value: object
) -> None:
    with pytest.raises(ValueError, match=f"{name} must be .*{value}"):
        pipeline(portrait, second, **{name: value})


@pytest.mark.parametrize("shape", [(0, 68, 3), (68, 3), (5, 68, 2)])
def test_landmarks_of_another_shape_are_refused(
    pipeline: MoDiTalkerPipeline, portrait: Portrait, shape: tuple[int, ...]
) -> None:
    with pytest.raises(InputError, match=r"\(T, 68, 3\)"):
        pipeline.render(portrait, np.zeros(shape, np.float32))


def test_the_crop_to_the_face_keeps_the_face(astronaut: np.ndarray, landmarks: np.ndarray) -> None:
    picture, points = crop_to_face(astronaut, landmarks)
    height, width = picture.shape[:2]
    assert height == width
    assert height % 2 == 0
    assert (points[:, :2] >= 0).all()
    assert (points[:, :2] < width).all()
    assert interocular_distance(points) > 0.2 * width
    x, y = landmarks[33, :2].round().astype(int)
    u, v = points[33, :2].round().astype(int)
    np.testing.assert_allclose(
        picture[v - 2 : v + 3, u - 2 : u + 3].mean((0, 1)),
        astronaut[y - 2 : y + 3, x - 2 : x + 3].mean((0, 1)),
        atol=12,
    )


REPORT = {
    "output", "seed", "parameters", "preset", "weights", "seconds", "frames", "frames_sha256", "fps",
    "audio_seconds", "real_time_factor", "warnings",
}  # fmt: skip


@pytest.mark.slow
def test_a_file_and_its_report(
    pipeline: MoDiTalkerPipeline, portrait_file: Path, second_file: Path, second: np.ndarray, tmp_path: Path
) -> None:
    output = tmp_path / "new folder" / "talk.mp4"
    saved = tmp_path / "talk.npz"
    report = pipeline.animate(portrait_file, second_file, output, seed=1, save_landmarks=saved, **FEW)
    assert set(report) == REPORT
    assert json.loads(output.with_suffix(".json").read_text()) == report
    assert report["parameters"]["portrait"] == "portrait.png"
    assert report["parameters"]["audio"] == "second.wav"
    assert report["parameters"]["atom_steps"] == 2
    assert report["frames"] == 25
    assert report["audio_seconds"] == 1.0
    networks = {"atom", "head", "autoencoder", "denoiser", "flow", "detail", "blendshapes"}
    assert set(report["weights"]) == networks
    assert set(report["seconds"]) == {"audio", "face", "speech", "motion", "head", "video"}
    frames = np.stack(list(read_video(output)))
    wanted = pipeline(portrait_file, load_audio(second_file), seed=1, **FEW)
    assert frames.shape == wanted.frames.shape
    assert np.abs(frames.astype(int) - wanted.frames).mean() < 5
    np.testing.assert_array_equal(read_landmarks(saved), wanted.landmarks)
    heard = load_audio(output)
    assert abs(len(heard) - len(second)) < SAMPLE_RATE / 25
    assert np.corrcoef(heard[: len(second)], second[: len(heard)])[0, 1] > 0.9


@pytest.mark.slow
def test_landmarks_from_elsewhere_set_motion_and_length(
    pipeline: MoDiTalkerPipeline, portrait: Portrait, second_file: Path, talking: Talking, tmp_path: Path
) -> None:
    moving = talking(portrait.frame.landmarks, 12)
    report = pipeline.animate(portrait, second_file, tmp_path / "short.mp4", landmarks=moving, mtov_steps=0)
    assert report["frames"] == 12
    assert report["audio_seconds"] == pytest.approx(12 / 25, abs=1e-3)
    frames = np.stack(list(read_video(tmp_path / "short.mp4"))).astype(int)
    # Mouth open in frame 5, closed in 0 and 10.
    x, y = portrait.frame.landmarks[57, :2].astype(int)
    mouth = frames[:, y - 8 : y + 8, x - 8 : x + 8]
    assert np.abs(mouth[5] - mouth[0]).mean() > 2 * np.abs(mouth[10] - mouth[0]).mean()


class CancelledError(Exception):
    """Raised by a progress callback to end a run."""


@pytest.mark.parametrize("when", ["face", "motion", "video"])
@pytest.mark.slow
def test_a_cancelled_run_leaves_nothing(
    pipeline: MoDiTalkerPipeline, portrait_file: Path, second_file: Path, tmp_path: Path, when: str
) -> None:
    def progress(stage: str, done: int, total: int) -> None:
        if stage == when and done:
            raise CancelledError

    with pytest.raises(CancelledError):
        pipeline.animate(
            portrait_file,
            second_file,
            tmp_path / "talk.mp4",
            save_landmarks=tmp_path / "talk.npz",
            progress=progress,
            **FEW,
        )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_landmarks_that_cannot_be_saved_leave_no_video(
    pipeline: MoDiTalkerPipeline, portrait: Portrait, second_file: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        pipeline.animate(
            portrait, second_file, tmp_path / "talk.mp4", save_landmarks=tmp_path / "file" / "talk.npz", **FEW
        )
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_missing_weights_of_a_preset_are_said() -> None:
    with pytest.raises(InputError, match="weights of the preset 'grand' are missing"):
        default_weights("grand")
