"""The smile of a style: read in a clip, and shown under the portrait's speech."""

import numpy as np
import pytest
from test_spoken_parts import motion_of, with_parts

from moditalker.atom.blendshapes import BlendshapeMap
from moditalker.atom.emotion import express, expressions
from moditalker.atom.motion import Motion
from moditalker.atom.shown_expression import ShownExpression
from moditalker.atom.streamed_motion import StreamedMotion, StreamSettings
from moditalker.atom.style import STYLE, Manner, smile_of
from moditalker.benchmark.control_table import smile_table
from moditalker.face.geometry import FaceFrame
from moditalker.face.layout import LOWER_INNER_LIP, LOWER_OUTER_LIP, MOUTH_CORNERS, lip_gap
from moditalker.options import DEFAULTS
from moditalker.pipeline import MoDiTalkerPipeline
from moditalker.portrait import Portrait
from moditalker.utils.seeds import generators_of


@pytest.fixture(scope="module")
def shape(blendshapes: BlendshapeMap) -> np.ndarray:
    """(68, 3) of the mean of all faces, which does not smile."""
    return FaceFrame(blendshapes.template.numpy()).shape


@pytest.fixture(scope="module")
def serious() -> np.ndarray:
    """(50, 68, 3) of a mouth that opens and closes."""
    said = np.zeros((50, 68, 3), np.float32)
    opened = 0.05 * (1 - np.cos(np.arange(50)))
    for points in (LOWER_INNER_LIP, LOWER_OUTER_LIP):
        said[:, points, 1] += opened[:, None]
    return said


def test_a_clip_smiles_where_its_speaker_does_most_of_the_time(
    blendshapes: BlendshapeMap, shape: np.ndarray, serious: np.ndarray
) -> None:
    smiling = serious + shape + expressions(blendshapes, shape)["happy"].face
    mostly = np.concatenate([serious + shape, smiling[:20]])
    assert smile_of(mostly, blendshapes) == pytest.approx(smile_of(serious + shape, blendshapes), abs=0.1)
    assert smile_of(smiling, blendshapes) > 0.5 > 0.2 > smile_of(mostly, blendshapes)


def test_a_smiling_style_raises_the_corners_and_a_serious_one_does_not(
    blendshapes: BlendshapeMap, shape: np.ndarray, serious: np.ndarray
) -> None:
    def shown(level: float) -> np.ndarray:
        expression = ShownExpression.of(DEFAULTS, blendshapes, shape, level)
        assert expression is not None
        expression.follow(serious)
        smile = expression.between(0, len(serious))
        return serious if smile is None else express(serious, shape, smile)

    assert shown(0.0) is serious, "not touched"
    half = shown(0.5)
    assert smile_of(half + shape, blendshapes) == pytest.approx(0.5, abs=0.1)
    assert (half - serious)[:, MOUTH_CORNERS, 1].max() < -0.01, "both go up, in every frame"
    np.testing.assert_allclose(lip_gap(half + shape), lip_gap(serious + shape), atol=1e-6)
    farthest = np.abs(shown(1.0) - serious)[:, MOUTH_CORNERS].max()
    happy = expressions(blendshapes, shape)["happy"].face
    assert farthest < np.abs(happy[MOUTH_CORNERS]).max(), "no emotion is outdone"


def test_a_smile_makes_room_for_an_emotion(blendshapes: BlendshapeMap, shape: np.ndarray, serious: np.ndarray) -> None:
    later = DEFAULTS.but(emotion="1:sad")
    sad, smiled = (ShownExpression.of(later, blendshapes, shape, smile) for smile in (None, 0.6))
    assert sad is not None
    assert smiled is not None
    smiled.follow(serious)
    one, other = (shown.between(0, 50) for shown in (sad, smiled))
    assert one is not None
    assert other is not None
    assert np.abs(one.face - other.face)[:25, MOUTH_CORNERS].min() > 0
    np.testing.assert_array_equal(one.face[40:], other.face[40:])


def test_the_smile_of_a_style_reaches_the_motion_alone(
    pipeline: MoDiTalkerPipeline, portrait: Portrait, speech: np.ndarray
) -> None:
    able, style = with_parts(pipeline, "head"), np.zeros(STYLE, np.float32)
    network = pipeline.blendshapes

    def made(smile: float | None, pipe: MoDiTalkerPipeline = able) -> Motion:
        return motion_of(pipe, portrait, speech, style=Manner(style, smile))

    def face(motion: Motion) -> np.ndarray:
        return motion.residual(portrait.frame.shape) + portrait.frame.shape

    plain, serious = made(None), made(0.0)
    np.testing.assert_array_equal(motion_of(able, portrait, speech, style=style).lips, plain.lips)
    for part in ("head", "blinks", "gaze"):
        np.testing.assert_array_equal(getattr(serious, part), getattr(plain, part))
    assert smile_of(face(serious), network) < smile_of(face(plain), network) - 0.2, "the astronaut smiles less"
    np.testing.assert_allclose(lip_gap(face(serious)), lip_gap(face(plain)), atol=1e-5)
    without = MoDiTalkerPipeline(**{**able.components, "blendshapes": None})
    np.testing.assert_array_equal(made(0.0, without).lips, plain.lips)


def test_the_table_says_what_becomes_of_a_smile(
    pipeline: MoDiTalkerPipeline, portrait: Portrait, speech: np.ndarray
) -> None:
    styles = {"grave": Manner(np.zeros(STYLE, np.float32), 0.0)}
    row = smile_table(with_parts(pipeline, "head"), portrait, speech[8000:20000], styles).splitlines()[-1]
    name, clip, without, shown, gap = row.strip("| ").split(" | ")
    assert (name, clip) == ("grave", "0.00")
    assert float(shown) < float(without) - 0.2
    assert float(gap) < 0.01


def test_a_stream_smiles_as_the_style_does(
    pipeline: MoDiTalkerPipeline, portrait: Portrait, speech: np.ndarray
) -> None:
    networks = pipeline.atom, pipeline.head, pipeline.atom_scheduler

    def face(smile: float | None, pieces: int = 1) -> np.ndarray:
        settings = StreamSettings(DEFAULTS.but(guidance=1.0), steps=1, still=True, smile=smile)
        _, generators = generators_of(3, None)
        motion = StreamedMotion(*networks, portrait.frame, generators, settings, pipeline.blendshapes)
        landmarks = np.concatenate(list(motion(np.array_split(speech, pieces))))
        return portrait.frame.analyse(landmarks)[0] + portrait.frame.shape

    plain, serious = face(None), face(0.0)
    assert smile_of(serious, pipeline.blendshapes) < smile_of(plain, pipeline.blendshapes) - 0.2
    np.testing.assert_allclose(lip_gap(serious), lip_gap(plain), atol=1e-3)
    np.testing.assert_array_equal(serious, face(0.0, pieces=7))
