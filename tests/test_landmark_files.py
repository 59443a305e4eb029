"""Landmark files that are none, or that somebody made to do harm: one sentence, and little memory."""

import os
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from moditalker.face.landmark_file import MAX_FRAMES, read_landmarks
from moditalker.utils.errors import InputError


def face(frames: int = 3) -> np.ndarray:
    """(T, 68, 3) points in a square of 200 pixels."""
    return np.tile(np.random.default_rng(0).uniform(0, 200, (68, 3)), (frames, 1, 1))


def blank(frame: int, value: float) -> np.ndarray:
    """A face whose points in one frame are all the same number."""
    points = face()
    points[frame] = value
    return points


def save(path: Path, **arrays: object) -> None:
    np.savez_compressed(path, **{name: np.asarray(array) for name, array in arrays.items()})


def one_point(value: float) -> np.ndarray:
    points = face()
    points[1, 30, 0] = value
    return points


@pytest.mark.parametrize("fps", [1, 12.5, 240])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int32])
def test_numbers_of_any_type_are_read_at_any_usual_rate(tmp_path: Path, fps: float, dtype: type) -> None:
    save(tmp_path / "good.npz", landmarks=face(240).astype(dtype), fps=fps)
    read = read_landmarks(tmp_path / "good.npz")
    assert (len(read), read.dtype) == (round(240 * 25 / fps), np.float32)
    np.testing.assert_allclose(read[0], face()[0], atol=1.0)


@pytest.mark.parametrize("fps", [0.0, -25.0, 0.99, 241.0, 1e308, np.nan, np.inf])
def test_a_rate_is_from_1_to_240(tmp_path: Path, fps: float) -> None:
    save(tmp_path / "bad.npz", landmarks=face(), fps=fps)
    with pytest.raises(InputError, match=r"bad\.npz gives .* frames a second: it must be 1 to 240\."):
        read_landmarks(tmp_path / "bad.npz")


@pytest.mark.parametrize(
    "landmarks",
    [blank(0, 0.0), blank(2, 0.0), blank(1, 7.0), one_point(np.nan), one_point(np.inf), one_point(-np.inf),
     one_point(1e30)],
    ids=["zeros-first", "zeros-last", "one-place", "nan", "infinite", "minus-infinite", "far"],
)  # fmt: skip
def test_frames_without_a_face_are_refused(tmp_path: Path, landmarks: np.ndarray) -> None:
    save(tmp_path / "bad.npz", landmarks=landmarks, fps=25)
    with pytest.raises(InputError, match=r"bad\.npz has frames without a face, or points that are not numbers"):
        read_landmarks(tmp_path / "bad.npz")


@pytest.mark.parametrize(
    "arrays",
    [
        {"fps": 25.0},
        {"landmarks": face()},
        {"landmarks": face()[..., :2], "fps": 25.0},
        {"landmarks": face()[0], "fps": 25.0},
        {"landmarks": face()[:0], "fps": 25.0},
        {"landmarks": face(), "fps": [25.0, 25.0]},
        {"landmarks": face(), "fps": "25"},
        {"landmarks": face().astype(complex), "fps": 25.0},
        {"landmarks": np.full((3, 68, 3), None), "fps": 25.0},
    ],
    ids=["no-landmarks", "no-fps", "flat", "one-frame", "empty", "two-rates", "text", "complex", "objects"],
)
def test_other_arrays_are_refused(tmp_path: Path, arrays: dict[str, object]) -> None:
    save(tmp_path / "bad.npz", **arrays)
    with pytest.raises(InputError, match=r"bad\.npz is not a landmark file"):
        read_landmarks(tmp_path / "bad.npz")


def test_what_is_no_archive_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    save(tmp_path / "good.npz", landmarks=face(), fps=25)
    content = (tmp_path / "good.npz").read_bytes()
    (tmp_path / "text.npz").write_text("not landmarks")
    (tmp_path / "empty.npz").touch()
    (tmp_path / "half.npz").write_bytes(content[: len(content) // 2])
    (tmp_path / "changed.npz").write_bytes(content[:60] + bytes(40) + content[100:])
    np.save(tmp_path / "plain.npy", face())
    os.mkfifo(tmp_path / "pipe.npz")
    for name in ("text.npz", "empty.npz", "half.npz", "changed.npz", "plain.npy", "missing.npz", "pipe.npz", "."):
        with pytest.raises(InputError, match=name.replace(".", r"\.") if name != "." else "directory"):
            read_landmarks(tmp_path / name)


def write_bomb(path: Path, header: tuple[int, ...], content: int, kind: int = zipfile.ZIP_DEFLATED) -> None:
    """A file whose array says one shape and holds so many zero bytes."""
    with zipfile.ZipFile(path, "w", kind) as archive:
        with archive.open("landmarks.npy", "w", force_zip64=True) as member:
            np.lib.format.write_array_header_1_0(member, {"descr": "<f8", "fortran_order": False, "shape": header})
            for _ in range(content // 1_000_000):
                member.write(bytes(1_000_000))
        with archive.open("fps.npy", "w") as member:
            np.lib.format.write_array(member, np.asarray(25.0))


@pytest.mark.parametrize(
    "make",
    [
        lambda path: write_bomb(path, (10_000_000, 68, 3), 200_000_000),
        lambda path: write_bomb(path, (MAX_FRAMES + 1, 68, 3), 200_000_000),
        lambda path: write_bomb(path, (2**62, 68, 3), 1_000_000),
        lambda path: write_bomb(path, (3, 68, 3), 200_000_000),
        lambda path: write_bomb(path, (3, 68, 3), 200_000_000, zipfile.ZIP_LZMA),
        lambda path: write_bomb(path, (1000, 68, 3), 1_000_000),
    ],
    ids=["long", "a-frame-too-long", "overflow", "more-than-it-says", "lzma", "less-than-it-says"],
)
def test_a_bomb_is_not_unpacked(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / "bomb.npz")
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match=r"bomb\.npz"):
            read_landmarks(tmp_path / "bomb.npz")
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()
