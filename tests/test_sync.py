"""The lip-sync expert: its signs and windows, whether it can learn, how it repairs clips, and what it is worth."""

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from conftest import LOWER_LIP_AND_JAW

from moditalker.cli.main import main as cli
from moditalker.constants import SAMPLE_RATE
from moditalker.face.geometry import FaceFrame, aligned_face
from moditalker.face.layout import interocular_distance
from moditalker.metrics.sync_confidence import SyncScore, sync_score
from moditalker.mtov.autoencoder import MOUTH_WINDOW
from moditalker.release.sync_card import ship
from moditalker.render.compositor import Composer
from moditalker.render.warp import MOVING_RADII, FrameWarp, face_centre
from moditalker.sync.crops_and_mel import log_mel, mouth_crops
from moditalker.sync.expert import SyncExpert
from moditalker.sync.expert_weights import load_expert
from moditalker.sync.offset_scoring import SyncCurve, distance_by_offset, embed_mel, mean_curve, sync_curve
from moditalker.training.data.clips import load_clips
from moditalker.training.data.lip_partings import NATURAL_LAG, lag_of_sound, moments, partings
from moditalker.training.data.offsets import find_offset, measure_offsets
from moditalker.training.data.prepare import PREPARATION
from moditalker.training.data.recordings import keep_sound, load_sound
from moditalker.training.data.speech_files import speech_file
from moditalker.training.data.sync_batches import SPAN, SyncBatches, disturb_mouths, with_sound
from moditalker.training.losses.sync_loss import SyncLoss
from moditalker.training.objectives.train_sync import SyncObjective
from moditalker.training.sync_check import check_expert
from moditalker.utils.errors import InputError

FRAME = SAMPLE_RATE // 25


def unit_rows(rng: np.random.Generator, rows: int) -> np.ndarray:
    values = rng.normal(size=(rows, 16))
    return (values / np.linalg.norm(values, axis=1, keepdims=True)).astype(np.float32)


def envelope(rng: np.random.Generator, frames: int) -> np.ndarray:
    """(frames,) in [0, 1]: syllables of irregular length."""
    smooth = cv2.GaussianBlur(rng.normal(size=(1, frames)), (0, 0), 1.5, borderType=cv2.BORDER_REPLICATE)[0]
    return np.clip(0.5 + smooth / (3 * smooth.std()), 0, 1)


def noise_under(rng: np.random.Generator, loudness: np.ndarray) -> np.ndarray:
    """(T,) a frame in [0, 1] -> (640 T,) float32: noise as loud as that, over 40 dB."""
    level = np.interp(np.arange(len(loudness) * FRAME) / FRAME - 0.5, np.arange(len(loudness)), loudness)
    return (0.3 * 10 ** (2 * level - 2) * rng.uniform(-1, 1, len(level))).astype(np.float32)


def drawn_faces(opening: np.ndarray, skin: int) -> np.ndarray:
    """(T,) in [0, 1] -> (T, 128, 128, 3) uint8: a flat face whose mouth is a dark ellipse that high."""
    faces = np.full((len(opening), 128, 128, 3), skin, np.uint8)
    for face, height in zip(faces, opening, strict=True):
        cv2.ellipse(face, (64, 90), (16, 1 + round(14 * float(height))), 0, 0, 360, (skin // 4,) * 3, -1)
    return faces


def write_prepared(folder: Path, clips: dict[str, tuple[str, str, np.ndarray, np.ndarray]]) -> Path:
    """Prepared clips by name: split, speaker, faces, sound."""
    entries = []
    for name, (split, speaker, faces, sound) in clips.items():
        place = folder / "clips" / name
        place.mkdir(parents=True)
        landmarks = np.zeros((len(faces), 68, 3), np.float32)
        landmarks[:, 45, 0] = 100
        np.save(place / "frames.npy", faces)
        np.savez(
            place / "motion.npz",
            landmarks=landmarks,
            matrices=np.zeros((len(faces), 2, 3), np.float32),
            preparation=PREPARATION,
        )
        np.savez(speech_file(place, "moonshine"), features=np.zeros((2 * len(faces), 4), np.float16), speeds=[])
        np.save(place / "sound.npy", np.round(sound * 32767).astype(np.int16))
        entries.append({"name": name, "split": split, "speaker": speaker, "frames": len(faces), "path": f"{name}.mp4"})
    index = {"preparation": PREPARATION, "encoder": "moonshine", "source": str(folder), "clips": entries}
    (folder / "index.json").write_text(json.dumps(index))
    return folder


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Drawn mouths that follow the sound: short clips, and long ones that are early, late or foreign."""
    rng = np.random.default_rng(5)
    clips = {}
    for split in ("train", "val"):
        for speaker in ("ada", "ben"):
            for number in range(12 if split == "train" else 5):
                opening = envelope(rng, 30)
                faces = drawn_faces(opening, int(rng.integers(90, 200)))
                clips[f"{split}-{speaker}-{number}"] = (split, f"{split}-{speaker}", faces, noise_under(rng, opening))
    for name, early in (("train-early", 4), ("val-late", -3), ("train-foreign", None)):
        # Chance fits a foreign sound to some offset, the less so the longer it is.
        frames = 300 if early is None else 100
        opening = envelope(rng, frames + 10)
        heard = envelope(rng, frames + 10) if early is None else np.roll(opening, -early)
        faces = drawn_faces(opening[5:-5], int(rng.integers(90, 200)))
        clips[name] = (name.split("-")[0], name, faces, noise_under(rng, heard[5:-5]))
    return write_prepared(tmp_path_factory.mktemp("drawn"), clips)


@pytest.fixture(scope="module")
def tiny(drawn: Path) -> SyncExpert:
    """A small expert after some steps on the short drawn clips."""
    torch.manual_seed(0)
    expert = SyncExpert(picture_widths=(16, 16, 16), sound_widths=(16, 16, 16), dim=32)
    objective = SyncObjective(expert)
    source = SyncBatches(
        with_sound([clip for clip in load_clips(drawn, "train") if len(clip) < 50]), spans=8, windows=6
    )
    optimizer = torch.optim.AdamW(expert.parameters(), lr=3e-3)
    for step in range(150):
        optimizer.zero_grad()
        objective(source(np.random.default_rng(step)))["loss"].backward()
        optimizer.step()
    return expert.eval()


def test_sound_that_comes_late_has_a_positive_offset() -> None:
    rng = np.random.default_rng(0)
    sound = unit_rows(rng, 140)
    for late in (-15, -4, 0, 7, 15):
        # What is seen at frame t is heard at frame t + late.
        picture = sound[20 + late : 120 + late]
        score = distance_by_offset(picture, sound[20:120]).score()
        assert score.offset == late
        assert score.distance == pytest.approx(0, abs=1e-3)
        assert score.confidence > 1


def test_a_fraction_of_a_frame_lies_between_its_neighbours() -> None:
    offsets = np.arange(-5, 6)
    curve = SyncCurve(offsets, 1 + 0.01 * (offsets - 1.3) ** 2)
    assert curve.score().offset == 1
    assert curve.exact_offset() == pytest.approx(1.3)
    assert SyncCurve(offsets, np.arange(11.0)).exact_offset() == -5  # at the edge nothing is to the other side


def test_a_second_must_be_left_at_every_offset() -> None:
    rows = unit_rows(np.random.default_rng(1), 26)  # 30 frames
    assert distance_by_offset(rows, rows).offsets.tolist() == list(range(-5, 6))
    with pytest.raises(InputError, match="choose a longer clip"):
        distance_by_offset(rows[:20], rows)
    faces, audio = np.zeros((24, 128, 128, 3), np.uint8), np.ones(2 * SAMPLE_RATE, np.float32)
    with pytest.raises(InputError, match="0.96 s and 2.00 s"):
        sync_curve(SyncExpert(), faces, audio)


def test_faces_of_another_size_are_refused() -> None:
    with pytest.raises(InputError, match="aligned_face"):
        mouth_crops(np.zeros((30, 96, 96, 3), np.uint8))


def test_a_click_is_heard_at_its_time() -> None:
    audio = np.zeros(SAMPLE_RATE, np.float32)
    audio[SAMPLE_RATE // 2] = 1
    mel = log_mel(audio)
    assert mel.shape == (100, 64)
    assert mel.mean(1).argmax() == 50


def test_a_window_hears_its_own_fifth_of_a_second_only() -> None:
    expert = SyncExpert(sound_widths=(8, 8, 8), dim=16).eval()
    mel = np.random.default_rng(2).normal(size=(100, 64)).astype(np.float32)
    whole = embed_mel(expert, mel)
    assert whole.shape == (21, 16)
    for frame in (0, 7, 20):
        alone = embed_mel(expert, mel[4 * frame : 4 * frame + 20])
        np.testing.assert_allclose(alone[0], whole[frame], atol=1e-5)


def test_batches_bring_sound_and_picture_together(drawn: Path) -> None:
    clip = next(clip for clip in load_clips(drawn, "train") if clip.name == "train-early")
    known = with_sound([clip], {clip.name: 4.0})
    batch = SyncBatches(known, spans=6, windows=4, augment=False)(np.random.default_rng(0))
    assert batch["mouths"].shape == (6, SPAN, 64, 64)
    seen = (batch["mouths"].float() < batch["mouths"].amax((1, 2, 3), keepdim=True).float() / 2).float().mean((2, 3))
    heard = batch["mel"].mean(2).unflatten(1, (SPAN, 4)).mean(2)
    for opening, loudness in zip(seen.numpy(), heard.numpy(), strict=True):
        assert np.corrcoef(opening, loudness)[0, 1] > 0.9


def test_clips_without_an_offset_teach_nothing(drawn: Path) -> None:
    clips = load_clips(drawn, "train")
    assert {item.clip.name for item in SyncBatches(with_sound(clips)).clips} == {c.name for c in clips if len(c) < 50}


def test_disturbed_mouths_still_move_as_they_did() -> None:
    opening = envelope(np.random.default_rng(4), SPAN)
    faces = drawn_faces(opening, 150)
    seen = set()
    for seed in range(12):
        rng = np.random.default_rng(seed)
        mouths = disturb_mouths(faces, rng)
        assert mouths.shape == (SPAN, 64, 64)
        dark = mouths[:, 20:50, 12:52].mean((1, 2))
        assert np.corrcoef(-dark, opening)[0, 1] > 0.9
        seen.add(mouths[0].tobytes())
    assert len(seen) == 12


@pytest.mark.slow
def test_an_expert_that_has_learnt_follows_the_sound(drawn: Path, tiny: SyncExpert) -> None:
    checked = check_expert(drawn, tiny)
    assert checked["pools"] == 1
    assert checked["long_clips"] == 1
    assert checked["long_follow"] > 0.9
    assert checked["pool_follow"] > 0.9
    assert checked["pool_zero"] == 1


@pytest.mark.slow
def test_offsets_are_measured_with_their_sign(drawn: Path, tiny: SyncExpert) -> None:
    try:
        counts = measure_offsets(drawn, tiny)
        clips = {clip.name: clip for split in ("train", "val") for clip in load_clips(drawn, split)}
    finally:
        (drawn / "offsets.json").unlink()
    assert clips["train-early"].offset == 4
    assert clips["val-late"].offset == -3
    assert clips["train-foreign"].offset is None
    assert {clip.offset for clip in clips.values() if len(clip) < 50} == {0}
    assert (counts["long_clips"], counts["long_clear"]) == (3, 2)
    assert np.isnan(counts["long_lag_ms"])  # drawn mouths have no landmarks


def test_known_offsets_do_not_count_as_late_again(landmarks: np.ndarray) -> None:
    opening = np.zeros(120)
    opening[60:65] = 0.05, 0.12, 0.12, 0.06, 0.03
    mel = np.random.default_rng(0).normal(size=(480, 64)).astype(np.float32)
    (plain,) = moments("ada", lips_opened(landmarks, opening), mel, 0.0)
    (moved,) = moments("ada", lips_opened(landmarks, opening), np.roll(mel, -12, 0), 3.0)
    np.testing.assert_array_equal(plain.loudness, moved.loudness)


def test_nothing_that_stands_out_is_no_offset() -> None:
    rng = np.random.default_rng(0)
    flat = distance_by_offset(unit_rows(rng, 100), unit_rows(rng, 100))
    assert find_offset(flat) is None
    shared = mean_curve([SyncCurve(np.arange(-2, 3), np.arange(5.0)), SyncCurve(np.arange(-1, 4), np.ones(5))])
    assert shared.offsets.tolist() == [-1, 0, 1, 2]
    assert shared.distances.tolist() == [1, 1.5, 2, 2.5]


def lips_opened(landmarks: np.ndarray, opening: np.ndarray) -> np.ndarray:
    """(68, 3) and (T,) in inter-ocular distances -> (T, 68, 3) with the inner lips so far apart."""
    moving = np.repeat(landmarks[None], len(opening), 0).copy()
    distance = interocular_distance(landmarks)
    for upper, lower in ((61, 67), (62, 66), (63, 65)):
        moving[:, lower] = moving[:, upper]
        moving[:, lower, 1] += opening * distance
    return moving


@pytest.mark.parametrize("late", [-0.05, 0.0, 0.09])
def test_true_zero_is_where_parting_lips_are_heard(landmarks: np.ndarray, late: float) -> None:
    rng = np.random.default_rng(0)
    found = []
    for number in range(60):
        opening = np.zeros(120)
        for start in np.array([20, 50, 80]) + rng.integers(-5, 6, 3):
            opening[start : start + 5] = rng.uniform(0.04, 0.07), 0.12, 0.12, 0.06, 0.03
        moving = lips_opened(landmarks, opening)
        loud = np.full(480, -1.0, np.float32)
        for parting in partings(moving):
            first = round((parting / 25 + late + NATURAL_LAG) * 100)
            loud[first : first + 18] = 0
        found += moments(f"speaker {number % 6}", moving, np.repeat(loud[:, None], 64, 1), 0.0)
    assert len(found) == 180
    assert lag_of_sound(found) == pytest.approx(late, abs=0.012)
    assert lag_of_sound(found[:100]) is None


def test_slow_or_small_openings_are_not_partings(landmarks: np.ndarray) -> None:
    slow = np.concatenate([np.zeros(10), np.linspace(0, 0.12, 12)])
    small = np.concatenate([np.zeros(10), np.full(12, 0.045)])
    quick = np.concatenate([np.zeros(10), np.full(12, 0.1)])
    counts = [len(partings(lips_opened(landmarks, opening))) for opening in (slow, small, quick)]
    assert counts == [0, 0, 1]
    assert partings(lips_opened(landmarks, quick))[0] == pytest.approx(9.25, abs=0.01)


def test_recordings_are_kept_once_and_missing_footage_is_said(
    drawn: Path, tmp_path: Path, speech_file: Path, speech: np.ndarray
) -> None:
    folder = write_prepared(
        tmp_path / "data", {"one": ("train", "ada", np.zeros((30, 128, 128, 3), np.uint8), np.zeros(10))}
    )
    kept = folder / "clips" / "one" / "sound.npy"
    kept.unlink()
    with pytest.raises(InputError, match="run 'prepare' again"):
        keep_sound(folder)
    index = json.loads((folder / "index.json").read_text())
    index["source"], index["clips"][0]["path"] = str(speech_file.parent), speech_file.name
    (folder / "index.json").write_text(json.dumps(index))
    keep_sound(folder)
    np.testing.assert_allclose(load_sound(kept.parent), speech, atol=1e-3)
    before = kept.stat().st_mtime_ns
    keep_sound(folder)
    assert kept.stat().st_mtime_ns == before
    with pytest.raises(InputError, match="prepare"):
        keep_sound(tmp_path)


@pytest.mark.slow
def test_the_command_trains_measures_and_resumes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rng = np.random.default_rng(6)
    clips = {}
    for name, frames in (("train-a", 30), ("train-b", 30), ("train-long", 60), ("val-a", 30), ("val-long", 60)):
        opening = envelope(rng, frames)
        clips[name] = (name.split("-")[0], name, drawn_faces(opening, 150), noise_under(rng, opening))
    data, run = write_prepared(tmp_path / "data", clips), tmp_path / "sync"
    command = ["train", "sync", "--data", str(data), "--output", str(run), "--minutes", "0", "--batch", "2"]
    options = ["--max-steps", "3", "--workers", "0", "--cpu", "--precision", "no"]
    assert cli([*command, *options]) == 0
    assert "long_follow: " in capsys.readouterr().out
    # Too little was learnt for any offset to stand out: the short clips stay as they are, the long ones are left out.
    assert {clip.name: clip.offset for clip in load_clips(data, "train")} == {
        "train-a": 0,
        "train-b": 0,
        "train-long": None,
    }
    shipped = tmp_path / "shipped"
    assert ship(run, shipped) == sum(file.stat().st_size for file in shipped.glob("*.safetensors"))
    assert load_expert(shipped).scale.item() == pytest.approx(load_expert(run / "model").scale.item(), abs=1e-2)
    card = (shipped / "README.md").read_text()
    assert "- long_follow: " in card
    assert str(tmp_path) not in card + (shipped / "training.json").read_text() + (shipped / "config.json").read_text()
    before = (run / "first" / "metrics.jsonl").read_text()
    assert cli([*command, *options]) == 0
    assert (run / "first" / "metrics.jsonl").read_text() == before
    capsys.readouterr()
    offsets = ["train", "offsets", "--data", str(data), "--expert"]
    assert cli([*offsets, str(run / "model")]) == 0
    assert "long_clips: 2.0" in capsys.readouterr().out
    assert cli([*offsets, str(tmp_path)]) == 2
    assert "train sync" in capsys.readouterr().err


@pytest.fixture(scope="module")
def speaking(small_picture: np.ndarray, landmarks: np.ndarray, speech: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The astronaut's aligned faces, her mouth opening with the loudness of the recording; and the recording."""
    sound = np.tile(speech, 2)
    frames = len(sound) // FRAME
    sound = sound[: frames * FRAME]
    level = np.sqrt((sound.reshape(frames, FRAME) ** 2).mean(1))
    opening = np.clip(np.log10(level / level.max() + 1e-3) / 2 + 1, 0, 1)
    frame = FaceFrame(landmarks / 2)
    residual = np.zeros((frames, 68, 3), np.float32)
    residual[:, LOWER_LIP_AND_JAW, 1] = 0.12 * opening[:, None]
    motion = frame.posed(residual, np.zeros((frames, 6)))
    radii = (MOVING_RADII[0] * 1.2 * frame.unit, MOVING_RADII[1] * 1.2 * frame.unit)
    nothing = np.zeros((frames, 3, 128, 128), np.float32)
    film = Composer(small_picture, face_centre(frame), radii)(FrameWarp(frame, motion), nothing)
    return np.stack([aligned_face(*pair) for pair in zip(film, motion.matrices, strict=True)]), sound


@pytest.mark.slow
def test_the_shipped_expert_hears_when_a_portrait_speaks_with_the_sound(
    speaking: tuple[np.ndarray, np.ndarray],
) -> None:
    faces, sound = speaking
    together = sync_score(faces, sound)
    assert isinstance(together, SyncScore)
    assert abs(together.offset) <= 2
    late, early = sync_score(faces[6:], sound), sync_score(faces, sound[6 * FRAME :])
    assert abs(late.offset - together.offset - 6) <= 1
    assert abs(early.offset - together.offset + 6) <= 1
    still = sync_score(np.repeat(faces[:1], len(faces), 0), sound)
    assert together.confidence > 2 * still.confidence


def test_a_mouth_that_moves_like_the_real_one_pleases_the_frozen_expert(
    speaking: tuple[np.ndarray, np.ndarray],
) -> None:
    loss = SyncLoss().train()
    before = {name: value.clone() for name, value in loss.state_dict().items()}
    real = torch.from_numpy(speaking[0][10:26]).permute(3, 0, 1, 2)[None].float() / 127.5 - 1
    mouth = MOUTH_WINDOW.cut(real)
    still = mouth[:, :, :1].expand_as(mouth).clone().requires_grad_()
    assert float(loss(mouth, real)) < 1e-5
    stiff = loss(still, real)
    assert float(stiff.detach()) > 0.02
    stiff.backward()
    assert still.grad is not None
    assert float(still.grad.abs().sum()) > 0
    assert all(torch.equal(value, before[name]) for name, value in loss.state_dict().items())
