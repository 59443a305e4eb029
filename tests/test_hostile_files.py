"""Files of numbers, weights and settings that arrived broken: one sentence, in time, and nothing is left behind."""

import shutil
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from damage import broken

from moditalker.baselines.spaces.space_file import read_description
from moditalker.face.landmark_file import read_landmarks, write_landmarks
from moditalker.loading import load_pipeline
from moditalker.study.recipe import read_recipe
from moditalker.utils.errors import InputError

SPACE = """
name = "another"
title = "Another talker"
what = "Runs elsewhere."
licence = "MIT"
server = "http://127.0.0.1:9"
endpoint = "/talk"
arguments = ["$portrait", "$audio", 3, true]
result = "0"
timeout_seconds = 60.0
"""


def read_all(path: Path, content: bytes, rng: np.random.Generator, times: int, load: Callable[[], object]) -> int:
    """Break a file so many times and read it; returns how often it could still be read."""
    good, refusals = 0, list[str]()
    before = sorted(path.parent.rglob("*"))
    for number in range(times):
        path.write_bytes(broken(content, rng))
        started = time.monotonic()
        try:
            load()
            good += 1
        except InputError as error:
            refusals.append(str(error))
        assert time.monotonic() - started < 30, f"{path.name}, number {number}"
    assert sorted(path.parent.rglob("*")) == before
    assert all(refusal.endswith((".", "?")) and len(refusal) < 600 for refusal in refusals), refusals
    return good


def test_broken_landmark_files(tmp_path: Path, landmarks: np.ndarray) -> None:
    path = tmp_path / "motion.npz"
    write_landmarks(path, np.repeat(landmarks[None], 3, 0))
    content = path.read_bytes()
    assert len(read_landmarks(path)) == 3
    read_all(path, content, np.random.default_rng(33), 120, lambda: read_landmarks(path))


@pytest.mark.parametrize("kind", ["space", "recipe"])
def test_broken_toml(kind: str, tmp_path: Path) -> None:
    path = tmp_path / f"{kind}.toml"
    shipped = Path(__file__).resolve().parent.parent / "assets" / "study" / "recipe.toml"
    content = SPACE.encode() if kind == "space" else shipped.read_bytes()
    path.write_bytes(content)
    read: Callable[[Path], object] = read_description if kind == "space" else read_recipe
    if kind == "space":
        read(path)
    read_all(path, content, np.random.default_rng(34), 120, lambda: read(path))


@pytest.mark.slow
def test_broken_weights(weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    folder = tmp_path / "weights"
    shutil.copytree(weights, folder)
    path = folder / "detail" / "diffusion_pytorch_model.safetensors"
    content = path.read_bytes()
    load_pipeline(folder)
    # What changes numbers alone is read.
    good = read_all(path, content, np.random.default_rng(35), 30, lambda: load_pipeline(folder))
    assert good < 30
