"""Clips become training data: what is prepared, left out, split, and put into batches."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import Talking
from prepared_clips import clip_named

from moditalker.face.geometry import aligning_matrix, transform_points
from moditalker.face.layout import MIRRORED, eye_opening, interocular_distance, mouth_opening
from moditalker.mtov.conditions import STEPS_A_PIXEL
from moditalker.render.grid import sample
from moditalker.render.landmark_map import draw_landmarks, lower_face_mask
from moditalker.training.data.block_batches import BlockBatches
from moditalker.training.data.clips import PreparedClip, load_clips
from moditalker.training.data.motion_batches import MotionBatches
from moditalker.training.data.prepare import prepare, read_clip_list
from moditalker.utils.errors import InputError


@pytest.mark.slow
def test_usable_clips_are_listed_and_others_left_out_with_the_reason(prepared: Path) -> None:
    index = json.loads((prepared / "index.json").read_text())["clips"]
    assert {row["path"]: (row["split"], row["speaker"], row["frames"]) for row in index} == {
        "ada-long.mp4": ("train", "ada", 60),
        "ada-short.mp4": ("train", "ada", 30),
        "ben.mp4": ("val", "ben", 40),
    }
    (rejected,) = json.loads((prepared / "rejected.json").read_text())
    assert rejected["path"] == "nobody.mp4"
    assert "only 0 of 20 frames" in rejected["reason"]
    assert len(list((prepared / "clips").iterdir())) == 3


def test_what_is_prepared_of_a_clip(prepared: Path, landmarks: np.ndarray, talking: Talking) -> None:
    clip = clip_named(prepared, "ada-long")
    assert clip.landmarks.shape == (60, 68, 3)
    assert clip.matrices.shape == (60, 2, 3)
    assert clip.features.shape == (120, 328)
    assert np.isfinite(clip.features).all()
    true = mouth_opening(talking(landmarks / 2, 60, sway=0.15))
    assert np.corrcoef(mouth_opening(clip.landmarks), true)[0, 1] > 0.7
    faces = clip.faces(slice(0, 60))
    assert faces.shape == (60, 128, 128, 3)
    assert faces.dtype == np.uint8
    np.testing.assert_allclose(clip.matrices, aligning_matrix(clip.landmarks), atol=1e-4)
    # The head sways in the film and not in the aligned faces.
    eyes = transform_points(clip.matrices, clip.landmarks)[:, [36, 45]]
    assert np.ptp(eyes, axis=0).max() < 3


def stamps(folder: Path) -> dict[str, int]:
    return {str(path.relative_to(folder)): path.stat().st_mtime_ns for path in (folder / "clips").rglob("*.np?")}


@pytest.mark.slow
def test_a_second_run_makes_only_what_is_missing(clips: Path, tmp_path: Path) -> None:
    listed = tmp_path / "clips.csv"
    listed.write_text(f"path,split,speaker\n{clips.parent / 'ada-short.mp4'},train,ada\n")
    assert prepare(listed, tmp_path / "out") == (1, 0)
    first = stamps(tmp_path / "out")
    assert len(first) == 4
    listed.write_text(listed.read_text() + f"{clips.parent / 'ben.mp4'},val,ben\n")
    assert prepare(listed, tmp_path / "out") == (2, 0)
    second = stamps(tmp_path / "out")
    assert len(second) == 8
    assert {name: second[name] for name in first} == first


def test_when_no_clip_can_be_used_the_reasons_are_there(clips: Path, tmp_path: Path) -> None:
    listed = tmp_path / "clips.csv"
    listed.write_text(f"path,split,speaker\n{clips.parent / 'nobody.mp4'},train,nobody\nmissing.mp4,train,x\n")
    with pytest.raises(InputError, match="rejected.json"):
        prepare(listed, tmp_path / "out")
    reasons = json.loads((tmp_path / "out" / "rejected.json").read_text())
    assert [row["path"].split("/")[-1] for row in reasons] == ["nobody.mp4", "missing.mp4"]
    assert "does not exist" in reasons[1]["reason"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "no list of clips"),
        ("", "path, speaker, split"),
        ("path,split\na.mp4,train\n", "lacks the column.* speaker"),
    ],
)
def test_a_list_that_cannot_be_used(content: str | None, reason: str, tmp_path: Path) -> None:
    listed = tmp_path / "clips.csv"
    if content is not None:
        listed.write_text(content)
    with pytest.raises(InputError, match=reason):
        read_clip_list(listed)


def test_clips_of_the_same_name_are_told_apart(tmp_path: Path) -> None:
    listed = tmp_path / "clips.csv"
    listed.write_text("path,split,speaker\none/talk/a.mp4,train,x\ntwo/talk/a.mp4,train,y\n")
    names = [clip.name for clip in read_clip_list(listed)]
    assert len(set(names)) == 2
    assert all(name.startswith("talk-a-") for name in names)


def test_folders_without_prepared_clips_are_refused(prepared: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no prepared clips"):
        load_clips(tmp_path, "train")
    with pytest.raises(InputError, match="no clip of the split 'test'"):
        load_clips(prepared, "test")
    index = json.loads((prepared / "index.json").read_text())
    (tmp_path / "index.json").write_text(json.dumps({**index, "preparation": 0}))
    with pytest.raises(InputError, match="another version"):
        load_clips(tmp_path, "train")


def test_speakers_of_a_split_are_never_mixed(prepared: Path) -> None:
    assert {clip.speaker for clip in load_clips(prepared, "train")} == {"ada"}
    assert {clip.speaker for clip in load_clips(prepared, "val")} == {"ben"}


def test_the_sound_of_a_long_clip_counts_only_when_its_offset_is_known(prepared: Path) -> None:
    long, short = clip_named(prepared, "ada-long"), clip_named(prepared, "ada-short")
    assert (long.offset, short.offset) == (None, 0)
    (prepared / "offsets.json").write_text(json.dumps({"clips": {long.name: {"offset": 3}}}))
    try:
        known = clip_named(prepared, "ada-long")
    finally:
        (prepared / "offsets.json").unlink()
    assert known.offset == 3
    # Sound that comes three frames early is moved three frames later.
    np.testing.assert_array_equal(known.speech(10, 20), long.speech(7, 17))


def test_motion_batches(prepared: Path) -> None:
    source = MotionBatches(load_clips(prepared, "train"), window=48, frames=96)
    one, again, other = (source(np.random.default_rng(seed)) for seed in (1, 1, 2))
    for key, value in one.items():
        assert torch.equal(value, again[key])
    assert one["speech"].shape != other["speech"].shape or not torch.equal(one["speech"], other["speech"])
    for seed in range(10):
        batch = source(np.random.default_rng(seed))
        count, frames = batch["residual"].shape[:2]
        # The short clip as a whole, faster or slower than it was; or a window of the long one.
        assert frames == 48 or 24 <= frames <= 36
        assert batch["pose"].shape == (count, frames, 6)
        assert batch["identity"].shape == (count, 68, 3)
        assert batch["speech"].shape == (count, 2 * frames, 328)
        assert (batch["synchronised"] == (frames < 48)).all()  # the offset of the long clip is not known
        assert interocular_distance(batch["identity"].numpy()) == pytest.approx(1, abs=1e-3)


def test_small_batches_hold_at_least_one_window(prepared: Path) -> None:
    source = MotionBatches(load_clips(prepared, "train"), window=48, frames=10)
    assert all(len(source(np.random.default_rng(seed))["residual"]) == 1 for seed in range(6))


def test_a_mirrored_face_is_a_face() -> None:
    assert sorted(MIRRORED) == list(range(68))
    np.testing.assert_array_equal(MIRRORED[MIRRORED], np.arange(68))


def test_mirrored_motion_is_the_motion_of_a_mirror(landmarks: np.ndarray, talking: Talking, tmp_path: Path) -> None:
    moving = talking(landmarks, 24, sway=0.3)
    moving[10:14, [37, 38, 40, 41], 1] = moving[10:14, 36:37, 1]  # the right eye blinks
    features = np.zeros((48, 4), np.float16)
    clip = PreparedClip("a", "a", tmp_path, moving, aligning_matrix(moving), features, 0)
    flip = np.array([-1, 1, 1], np.float32)
    other = PreparedClip("b", "a", tmp_path, moving[:, MIRRORED] * flip, clip.matrices, features, 0)
    seen = set()
    for seed in range(8):
        plain = MotionBatches([clip], 96, 24, mirror=False)(np.random.default_rng(seed))
        mirror = MotionBatches([other], 96, 24, mirror=False)(np.random.default_rng(seed))
        either = MotionBatches([clip], 96, 24)(np.random.default_rng(seed))
        wanted = [torch.allclose(either["residual"], batch["residual"], atol=1e-5) for batch in (plain, mirror)]
        assert sum(wanted) == 1
        same = (plain, mirror)[wanted.index(True)]
        assert torch.allclose(either["pose"], same["pose"], atol=1e-4)
        assert torch.allclose(either["identity"], same["identity"], atol=1e-4)
        points = (either["residual"] + either["identity"][:, None]).numpy()[0]
        assert eye_opening(points)[11] < 0.8 * eye_opening(points)[5]
        assert mouth_opening(points)[5] > mouth_opening(points)[10] + 0.05
        seen.add(wanted.index(True))
    assert seen == {0, 1}


def test_block_batches_show_every_frame_as_it_is_or_mirrored(prepared: Path) -> None:
    clip = clip_named(prepared, "ada-short")
    source = BlockBatches([clip], blocks=8, frames=3)
    batch, again = (source(np.random.default_rng(4)) for _ in range(2))
    for key, value in batch.items():
        assert torch.equal(value, again[key]), key
    shapes = {key: (tuple(value.shape), value.dtype) for key, value in batch.items()}
    assert shapes == {
        "video": ((8, 3, 16, 128, 128), torch.uint8),
        "portrait": ((8, 3, 128, 128), torch.uint8),
        "frames": ((8, 3), torch.int64),
        "warped": ((8, 3, 3, 128, 128), torch.uint8),
        "landmark_map": ((8, 3, 3, 128, 128), torch.uint8),
        "visible": ((8, 1, 3, 128, 128), torch.uint8),
        "displacement": ((8, 2, 3, 128, 128), torch.int8),
        "loose": ((8, 1, 3, 32, 32), torch.float32),
        "shift": ((8, 2, 3, 32, 32), torch.float32),
    }
    faces = torch.from_numpy(np.array(clip.faces(slice(None)))).permute(3, 0, 1, 2)
    aligned = transform_points(clip.matrices, clip.landmarks)
    drawn = torch.from_numpy(draw_landmarks(aligned)).transpose(0, 1)
    visible = torch.from_numpy(lower_face_mask(aligned)).to(torch.uint8).transpose(0, 1)
    mirrored = []
    for index in range(8):
        item = {key: value[index] for key, value in batch.items()}
        starts = {
            (start, flipped): torch.equal(item["video"], view[:, start : start + 16])
            for start in range(len(clip) - 15)
            for flipped, view in ((False, faces), (True, faces.flip(-1)))
        }
        ((start, flipped),) = [place for place, equal in starts.items() if equal]
        mirrored.append(flipped)
        wanted = start + item["frames"]
        turn: Callable[[torch.Tensor], torch.Tensor] = (lambda x: x.flip(-1)) if flipped else (lambda x: x)
        assert torch.equal(item["landmark_map"], turn(drawn[:, wanted]))
        assert torch.equal(item["visible"], turn(visible[:, wanted]))
        assert any(torch.equal(item["portrait"], turn(face)) for face in faces.unbind(1))
        real = item["video"][:, item["frames"]].float()
        assert (item["warped"].float() - real).abs().mean() < 20
        displacement = item["displacement"].permute(1, 2, 3, 0) / STEPS_A_PIXEL
        again = sample(item["portrait"][None].float(), displacement).permute(1, 0, 2, 3)
        assert (again - item["warped"].float()).abs().mean() < 2, "mirrored too, the flow is the one of the warp"
    assert set(mirrored) == {True, False}
