"""Models of single parts in the pipeline: what each replaces, what stays, styles, and faces that hear the voice."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from moditalker.atom.arousal import FEATURES, GAINED, ArousalMap
from moditalker.atom.motion import Motion
from moditalker.atom.motion_transformer import CHANNELS, MotionTransformer
from moditalker.atom.style import STYLE
from moditalker.cli.main import main
from moditalker.emotions import parse_emotion
from moditalker.face.layout import OTHER_BRANCH
from moditalker.face.motion_controls import EXPRESSION
from moditalker.pipeline import MoDiTalkerPipeline
from moditalker.portrait import Portrait
from moditalker.utils.errors import InputError

SMALL = {"width": 16, "num_layers": 1, "heads": 2, "window": 32, "overlap": 8}
BROWS = np.isin(OTHER_BRANCH, EXPRESSION)


def part_model(part: str) -> MotionTransformer:
    torch.manual_seed(5)
    network = MotionTransformer(part, **SMALL).eval()
    for layer in network.layers:
        torch.nn.init.normal_(layer.film1.linear.weight, std=0.3)
    network.motion_std.fill_(0.02)
    return network


def with_parts(pipeline: MoDiTalkerPipeline, *parts: str, always: str = "") -> MoDiTalkerPipeline:
    given = {f"{part}_part": part_model(part) for part in parts}
    return MoDiTalkerPipeline(**{**pipeline.components, **given}, always=always)


def motion_of(pipeline: MoDiTalkerPipeline, portrait: Portrait, speech: np.ndarray, **told: object) -> Motion:
    motion = pipeline.motion(portrait, speech[8000:28000], seed=3, atom_steps=2, **told).motion
    assert motion is not None
    return motion


@pytest.fixture(scope="module")
def plain(pipeline: MoDiTalkerPipeline, portrait: Portrait, speech: np.ndarray) -> Motion:
    return motion_of(pipeline, portrait, speech)


def same(one: Motion, other: Motion) -> dict[str, bool]:
    """Which parts are equal to the last bit."""
    pairs = {name: (getattr(one, name), getattr(other, name)) for name in ("lips", "blinks", "head")}
    pairs["brows"] = one.expression[:, BROWS], other.expression[:, BROWS]
    return {name: np.array_equal(*pair) for name, pair in pairs.items()}


@pytest.mark.parametrize(
    ("part", "moved"), [("lips", {"lips"}), ("expression", {"brows", "blinks"}), ("head", {"head"})]
)
def test_a_model_replaces_its_part_and_nothing_else(
    part: str, moved: set[str], pipeline: MoDiTalkerPipeline, portrait: Portrait, speech: np.ndarray, plain: Motion
) -> None:
    made = motion_of(with_parts(pipeline, part, always=part), portrait, speech)
    assert {name for name, equal in same(made, plain).items() if not equal} == moved
    asleep = motion_of(with_parts(pipeline, part), portrait, speech)
    assert all(same(asleep, plain).values()), "it speaks where a style is asked for only"


def test_parts_keep_their_own_seeds_and_keys(
    pipeline: MoDiTalkerPipeline, portrait: Portrait, speech: np.ndarray
) -> None:
    both = with_parts(pipeline, *CHANNELS, always=",".join(CHANNELS))
    usual = motion_of(both, portrait, speech)
    assert all(same(motion_of(both, portrait, speech), usual).values())
    for seed, moved in (("lip_seed", {"lips"}), ("expression_seed", {"brows", "blinks"}), ("head_seed", {"head"})):
        other = motion_of(both, portrait, speech, **{seed: 11})
        assert {name for name, equal in same(other, usual).items() if not equal} == moved, seed
    blink = motion_of(both, portrait, speech, keys=[{"time": 0.6, "do": "blink"}])
    assert {name for name, equal in same(blink, usual).items() if not equal} == {"blinks"}
    assert blink.blinks[15].min() > 0.9
    shut = motion_of(both, portrait, speech, keys=[{"time": 0.6, "do": "close-mouth"}])
    assert {name for name, equal in same(shut, usual).items() if not equal} == {"lips"}


def test_a_style_moves_brows_and_head_and_leaves_the_lips(
    pipeline: MoDiTalkerPipeline, portrait: Portrait, speech: np.ndarray, plain: Motion
) -> None:
    able = with_parts(pipeline, "expression", "head")
    one, other = (motion_of(able, portrait, speech, style=np.full(STYLE, value, np.float32)) for value in (-1.0, 1.0))
    assert same(one, other) == {"lips": True, "brows": False, "blinks": False, "head": False}
    assert same(one, plain)["lips"], "what is said stays what is said"


def test_a_style_that_cannot_be_taken_is_refused(
    pipeline: MoDiTalkerPipeline, portrait: Portrait, speech: np.ndarray, portrait_file: Path, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="know no styles"):
        motion_of(pipeline, portrait, speech, style="anybody.mp4")
    able = with_parts(pipeline, "head")
    with pytest.raises(InputError, match="style must be a video"):
        motion_of(able, portrait, speech, style=tmp_path / "missing.mp4")
    with pytest.raises(InputError, match="leave the landmarks out, or leave it out"):
        able.animate(portrait, speech, tmp_path / "out.mp4", style="a.mp4", landmarks=np.zeros((3, 68, 3)))
    same_file = str(tmp_path / "clip.mp4")
    assert main(["animate", str(portrait_file), "a.wav", "-o", same_file, "--style", same_file]) == 2


def test_a_pipeline_keeps_its_parts(pipeline: MoDiTalkerPipeline, tmp_path: Path) -> None:
    with_parts(pipeline, "head", always="head").save_pretrained(tmp_path)
    assert json.loads((tmp_path / "model_index.json").read_text())["always"] == "head"
    again = MoDiTalkerPipeline.from_pretrained(tmp_path)
    assert isinstance(again.head_part, MotionTransformer)
    assert again.config["always"] == "head"
    assert again.expression_part is None


@pytest.fixture(scope="module")
def hears(pipeline: MoDiTalkerPipeline) -> MoDiTalkerPipeline:
    """With a face that moves farther where the voice is loud."""
    arousal = ArousalMap().eval()
    arousal.linear.weight.data[:, 0] = 1.0
    return MoDiTalkerPipeline(**{**pipeline.components, "arousal": arousal})


def test_a_loud_voice_moves_brows_lids_and_head_farther() -> None:
    arousal = ArousalMap().eval()
    arousal.linear.weight.data[:, 0] = torch.tensor([1.0, 0.5, -1.0])
    said = np.zeros((300, 6), np.float32)
    said[:150, 0] = -0.3
    gains = arousal.gains(said, np.ones(150, np.float32))
    assert gains.shape == (150, len(GAINED))
    quiet, loud = gains[20], gains[130]
    assert loud[0] > loud[1] > 1 > loud[2]
    assert quiet[0] < 1 < quiet[2]
    assert np.abs(np.diff(gains, axis=0)).max() < 0.02, "no jump"
    assert (arousal.gains(said, np.zeros(150, np.float32)) == 1).all()
    assert ArousalMap().linear.in_features == FEATURES


def test_auto_moves_all_but_the_lips_and_streams(
    hears: MoDiTalkerPipeline, pipeline: MoDiTalkerPipeline, portrait: Portrait, speech: np.ndarray, plain: Motion
) -> None:
    moved = motion_of(hears, portrait, speech, emotion="auto")
    assert same(moved, plain) == {"lips": True, "brows": False, "blinks": False, "head": False}
    assert all(same(motion_of(hears, portrait, speech, emotion="auto", emotion_scale=0), plain).values())
    farther = motion_of(hears, portrait, speech, emotion="auto", emotion_scale=1.5)
    change = [np.abs(one.head - plain.head).mean() for one in (moved, farther)]
    assert change[1] > change[0]
    with pytest.raises(InputError, match="leave auto out"):
        motion_of(pipeline, portrait, speech, emotion="auto")
    assert parse_emotion("0:auto,2:happy:0.5")[0].shares == {"auto": 1.0}

    def streamed(network: MoDiTalkerPipeline, emotion: str) -> np.ndarray:
        shown: list[np.ndarray] = []
        options = {"seed": 3, "mtov_steps": 0, "motion_steps": 1, "emotion": emotion, "on_landmarks": shown.append}
        for _ in network.stream(portrait, speech[8000:24000], **options):
            pass
        return np.concatenate(shown)

    assert np.abs(streamed(hears, "auto") - streamed(hears, "neutral")).max() > 0.01
    with pytest.raises(InputError, match="leave auto out"):
        streamed(pipeline, "auto")


@pytest.mark.slow
def test_the_relation_of_voice_and_motion_can_be_learnt(prepared: Path, tmp_path: Path) -> None:
    told = ["--data", str(prepared), "--minutes", "0", "--max-steps", "5", "--workers", "0", "--cpu"]
    assert main(["train", "arousal", *told, "--output", str(tmp_path / "arousal")]) == 0
    measured = json.loads((tmp_path / "arousal" / "model" / "measures.json").read_text())
    assert set(measured) == set(GAINED)
    assert all(row["low"] <= row["high"] for row in measured.values())
    assert ArousalMap.from_pretrained(tmp_path / "arousal" / "model").linear.weight.abs().max() > 0
