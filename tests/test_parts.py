"""Models of single parts of the motion, what they hear, and how they are measured; the table of controls."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from moditalker.atom.motion_transformer import CHANNELS, MotionTransformer
from moditalker.atom.schedulers import atom_scheduler
from moditalker.atom.transformer_sampling import sample_part
from moditalker.audio.prosody import PROSODY, prosody
from moditalker.benchmark.control_table import CONTROLS, control_table, sync_table
from moditalker.cli.main import main
from moditalker.constants import SAMPLE_RATE
from moditalker.metrics.motion_statistics import beat_alignment, frechet_of_curves, window_features
from moditalker.pipeline import MoDiTalkerPipeline
from moditalker.portrait import Portrait
from moditalker.training.data.clips import load_clips
from moditalker.training.objectives.train_parts import clips_with_prosody
from moditalker.training.part_check import REAL, WINDOW, Made, table


def test_prosody_hears_pitch_loudness_and_pauses() -> None:
    times = np.arange(3 * SAMPLE_RATE) / SAMPLE_RATE
    hertz = np.where(times < 1, 110, 220)
    voice = np.sign(np.sin(2 * np.pi * np.cumsum(hertz) / SAMPLE_RATE)) * np.where(times < 2, 0.2, 0)
    said = prosody(voice.astype(np.float32))
    assert said.shape == (150, PROSODY)
    low, high, silent = said[10:40], said[60:90], said[125:145]
    assert high[:, 3].mean() - low[:, 3].mean() == pytest.approx(1, abs=0.05), "an octave"
    assert low[:, 2].min() > 0.7 > 0.5 > silent[:, 2].max()
    assert silent[:, 5].all()
    assert not low[:, 5].any()
    np.testing.assert_allclose(prosody(0.1 * voice.astype(np.float32))[10:90], said[10:90], atol=0.02)
    assert np.isfinite(prosody(np.zeros(1, np.float32))).all()


@pytest.mark.parametrize("part", CHANNELS)
def test_a_part_hears_and_is_as_long_as_the_speech(part: str) -> None:
    torch.manual_seed(0)
    network = MotionTransformer(part, speech_dim=10, width=16, num_layers=1, heads=2, window=32, overlap=8).eval()
    speech = np.random.default_rng(0).standard_normal((140, 10 + PROSODY)).astype(np.float32)

    def made(heard: np.ndarray, guidance: float = 1.0) -> np.ndarray:
        told = {"steps": 2, "guidance": guidance, "generator": torch.Generator().manual_seed(1)}
        return sample_part(network, atom_scheduler(), heard, np.zeros((68, 3), np.float32), **told)

    louder = speech.copy()
    louder[:, -PROSODY] += 1
    assert made(speech).shape == (70, CHANNELS[part])
    np.testing.assert_array_equal(made(speech), made(speech))
    assert np.abs(made(louder) - made(speech)).max() > 1e-3, "prosody is heard"
    assert np.abs(made(speech, 2.0) - made(speech)).max() > 1e-3


def test_curves_of_another_kind_are_farther_away() -> None:
    rng = np.random.default_rng(0)

    def walks(size: float) -> np.ndarray:
        clips = [window_features(size * np.cumsum(rng.standard_normal((60, 2)), 0)) for _ in range(60)]
        return np.concatenate(clips, 1)

    real = walks(1)
    near, small, still = (frechet_of_curves(real, walks(size)) for size in (1, 0.5, 0))
    assert near < 0.1 < small < still == pytest.approx(1, abs=0.1)


def test_a_head_that_nods_to_the_beat_is_aligned() -> None:
    frames = np.arange(200)
    loudness = np.clip(np.sin(2 * np.pi * frames / 20), 0, None)
    head = np.zeros((200, 3))
    head[:, 0] = np.cos(2 * np.pi * frames / 40)
    off = np.roll(head, 10, 0)
    assert beat_alignment(head, loudness) > beat_alignment(off, loudness) + 0.3
    assert np.isnan(beat_alignment(np.zeros((200, 3)), np.zeros(200)))


def test_parts_are_measured_against_real_ones_with_intervals(prepared: Path) -> None:
    clips = clips_with_prosody(load_clips(prepared, "train"))
    clips = [clip for clip in clips if len(clip) >= WINDOW]
    rng = np.random.default_rng(0)

    def made(size: float) -> Made:
        return Made(*(size * np.cumsum(rng.standard_normal((60, curves)), 0) for curves in (3, 6, 2)))

    shown = table(clips, [{REAL: (real := made(1)), "same": real, "still": made(0.01)} for _ in clips])
    rows = {row.split(" | ")[0][2:]: row.split(" | ")[1:] for row in shown.splitlines()[2:]}
    assert [cell.split(" (")[0] for cell in rows["same"][:2]] == ["0.000", "1.000"]
    assert float(rows["still"][0].split(" (")[0]) > 0.9
    assert [cell.split(" (")[0] for cell in rows["same"][-4:]] == ["1.000"] * 4, "lips that follow"
    assert max(abs(float(rows["still"][index].split(" (")[0])) for index in (-3, -1)) < 0.05, "slopes of other lips"
    assert all(" to " in cell for row in rows.values() for cell in row)


@pytest.mark.slow
@pytest.mark.parametrize("part", CHANNELS)
def test_every_part_can_be_trained(part: str, prepared: Path, tmp_path: Path) -> None:
    told = ["--data", str(prepared), "--minutes", "0", "--max-steps", "1", "--batch", "96", "--workers", "0", "--cpu"]
    assert main(["train", f"{part}-part", *told, "--output", str(tmp_path / part)]) == 0
    network = MotionTransformer.from_pretrained(tmp_path / part / "model")
    assert network.config["part"] == part
    assert network.motion_std.max() < 1, "measured on the clips"


@pytest.mark.slow
def test_the_table_says_what_a_control_moves(
    pipeline: MoDiTalkerPipeline, portrait: Portrait, speech: np.ndarray
) -> None:
    rows = control_table(pipeline, portrait, speech[:24000]).splitlines()[2:]
    cells = {row.split(" | ")[0][2:]: [float(cell.strip(" |")) for cell in row.split(" | ")[1:]] for row in rows}
    assert set(cells) == set(CONTROLS)
    still = {name: [not value for value in values] for name, values in cells.items()}
    assert still["lip_seed"] == [False, True, True, True]
    assert still["expression_scale 2"] == [True, False, True, True]
    assert still["blink_scale 0"] == [True, True, True, False]


def test_a_control_is_judged_by_the_sync_of_what_is_drawn(
    astronaut: np.ndarray, landmarks: np.ndarray, speech: np.ndarray
) -> None:
    class Drawn:
        """Lips that move with the seed of the control, and not otherwise."""

        def encode_portrait(self, portrait: object) -> object:
            return portrait

        def motion(self, encoded: object, audio: np.ndarray, seed: int, lip_seed: int = 0) -> SimpleNamespace:
            self.lips = np.random.default_rng(lip_seed).random(30)
            return SimpleNamespace(landmarks=np.repeat(landmarks[None], 30, 0))

        def render(self, encoded: object, points: np.ndarray, own: bool, seed: int) -> Iterator[np.ndarray]:
            x, y = landmarks[66, :2].astype(int)
            for opened in self.lips:
                frame = astronaut.copy()
                frame[y - 4 : y + 1 + int(12 * opened), x - 12 : x + 12] = 20
                yield frame[None]

    controls: dict[str, dict[str, Any]] = {"lip_seed": {"lip_seed": 1}, "nothing": {}}
    table = sync_table(Drawn(), None, speech[: round(1.2 * SAMPLE_RATE)], controls).splitlines()[2:]
    cells = [row.strip("| ").split(" | ") for row in table]
    assert [row[0] for row in cells] == ["none", "lip_seed", "nothing"]
    assert cells[0][1:] == cells[2][1:] != cells[1][1:]
    assert cells[0][2] == "100"
