"""Models of single parts, styles and the gaze in streams: the same in whatever pieces the sound comes."""

import numpy as np
import pytest
from test_spoken_parts import with_parts

from moditalker.atom.saccades import Saccades, sample_saccades
from moditalker.atom.streamed_motion import StreamedMotion, StreamSettings
from moditalker.atom.streamed_parts import WINDOW, StreamedParts
from moditalker.atom.style import STYLE, Manner
from moditalker.audio.prosody import PROSODY
from moditalker.face.layout import LEFT_EYE, LIP_BRANCH, RIGHT_EYE
from moditalker.face.motion_controls import EXPRESSION
from moditalker.options import DEFAULTS
from moditalker.pipeline import MoDiTalkerPipeline
from moditalker.portrait import Portrait
from moditalker.utils.errors import InputError
from moditalker.utils.ring import evenly
from moditalker.utils.seeds import generators_of

SLOW, LIVELY = (Manner(np.full(STYLE, value, np.float32)) for value in (-1.0, 1.0))
OPTIONS = DEFAULTS.but(guidance=1.0)


def streamed(
    pipeline: MoDiTalkerPipeline, portrait: Portrait, style: Manner | None = None, still: bool = True
) -> StreamedMotion:
    _, generators = generators_of(3, None)
    networks = pipeline.atom, pipeline.head, pipeline.atom_scheduler
    parts = StreamedParts.of(pipeline, portrait.frame.shape, OPTIONS, 1, generators, style)
    settings = StreamSettings(OPTIONS, steps=1, still=still)
    return StreamedMotion(*networks, portrait.frame, generators, settings, parts=parts)


def whole(motion: StreamedMotion, sound: np.ndarray) -> np.ndarray:
    return np.concatenate(list(motion([sound])))


@pytest.fixture(scope="module")
def able(pipeline: MoDiTalkerPipeline) -> MoDiTalkerPipeline:
    return with_parts(pipeline, "expression", "head")


def test_a_styled_stream_is_the_same_however_the_sound_is_cut(
    pipeline: MoDiTalkerPipeline, portrait: Portrait, speech: np.ndarray
) -> None:
    every = with_parts(pipeline, "lips", "expression", "head")
    at_once = whole(streamed(every, portrait, LIVELY, still=False), speech)
    cut = np.concatenate(list(streamed(every, portrait, LIVELY, still=False)(np.array_split(speech, 37))))
    assert np.array_equal(at_once, cut)
    assert not np.array_equal(at_once, whole(streamed(pipeline, portrait, still=False), speech))


def test_a_style_moves_brows_and_head_of_a_stream_and_leaves_the_lips(
    able: MoDiTalkerPipeline, pipeline: MoDiTalkerPipeline, portrait: Portrait, speech: np.ndarray
) -> None:
    heard = speech[8000:24000]
    plain, slow, lively = (
        whole(streamed(one, portrait, style), heard) for one, style in ((pipeline, None), (able, SLOW), (able, LIVELY))
    )
    # With a head that is still: all that a landmark does is its own.
    for one, other in ((plain, slow), (slow, lively)):
        assert np.array_equal(one[:, LIP_BRANCH], other[:, LIP_BRANCH])
        assert np.abs(one - other)[:, EXPRESSION].max() > 0.01
    poses = [
        portrait.frame.analyse(whole(streamed(able, portrait, style, still=False), heard))[1]
        for style in (SLOW, LIVELY)
    ]
    assert np.abs(poses[0] - poses[1]).max() > 0.001


def test_models_that_are_asleep_leave_a_stream_as_it_was_and_those_that_always_speak_do_not(
    able: MoDiTalkerPipeline, pipeline: MoDiTalkerPipeline, portrait: Portrait, speech: np.ndarray
) -> None:
    heard = speech[8000:24000]
    plain = whole(streamed(pipeline, portrait), heard)
    assert np.array_equal(whole(streamed(able, portrait), heard), plain)
    always = whole(streamed(with_parts(pipeline, "lips", always="lips"), portrait), heard)
    assert not np.array_equal(always[:, LIP_BRANCH], plain[:, LIP_BRANCH])
    assert np.array_equal(always[:, EXPRESSION], plain[:, EXPRESSION])


def test_memory_of_a_styled_stream_does_not_grow(able: MoDiTalkerPipeline, portrait: Portrait) -> None:
    _, generators = generators_of(3, None)
    parts = StreamedParts.of(able, portrait.frame.shape, OPTIONS, 1, generators, LIVELY)
    speech = np.zeros((2 * 32, 328 + PROSODY), np.float32)
    for shown in range(0, 12 * 30, 12):
        first = max(0, shown - 12)
        frames = shown + 20 - first
        residual, head = np.zeros((frames, 68, 3), np.float32), np.zeros((frames, 7), np.float32)
        parts.put_in(speech[: 2 * frames], first, shown, 12, residual, head)
        assert max(len(ring.values) for ring in parts.rings) <= 4 * WINDOW
    assert min(ring.start for ring in parts.rings) > 0, "what was long ago is forgotten"


def test_a_long_recording_at_once_is_streamed_from_its_beginning(
    pipeline: MoDiTalkerPipeline, portrait: Portrait, speech: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("moditalker.atom.streamed_motion._HEARD_SECONDS", 1.5)
    long = np.tile(speech, 3)
    at_once = whole(streamed(pipeline, portrait), long)
    cut = np.concatenate(list(streamed(pipeline, portrait)(np.array_split(long, 23))))
    assert np.array_equal(at_once, cut)
    assert np.array_equal(at_once[:12], whole(streamed(pipeline, portrait), speech)[:12])


def test_eyes_wander_the_same_in_whatever_pieces_they_are_asked_for() -> None:
    saccades = Saccades(7)
    pieces = [saccades(count) for count in (12, 1, 20, 0, 67, 100)]
    assert np.array_equal(np.concatenate(pieces), sample_saccades(200, 7))


def test_a_stream_with_a_gaze_changes_the_eyes_and_nothing_else(
    pipeline: MoDiTalkerPipeline, portrait: Portrait, speech: np.ndarray
) -> None:
    heard = speech[8000:24000]

    def frames(pieces: int, **told: float) -> np.ndarray:
        quick = {"seed": 3, "mtov_steps": 0, "motion_steps": 1, "guidance": 1.0, "head_motion": "still"}
        return np.concatenate(list(pipeline.stream(portrait, np.array_split(heard, pieces), **quick, **told)))

    plain, gazing = frames(1), frames(1, gaze_scale=2.0)
    assert np.array_equal(gazing, frames(7, gaze_scale=2.0))
    _, rows, columns = np.nonzero((gazing != plain).any(-1))
    eyes = portrait.frame.landmarks[[*RIGHT_EYE, *LEFT_EYE], :2]
    assert len(rows) > 0
    assert (eyes.min(0) - 4 <= [columns.min(), rows.min()]).all()
    assert ([columns.max(), rows.max()] <= eyes.max(0) + 4).all()


def test_what_a_stream_cannot_do_gets_a_sentence(
    able: MoDiTalkerPipeline, pipeline: MoDiTalkerPipeline, portrait: Portrait, speech: np.ndarray
) -> None:
    with pytest.raises(InputError, match="know no styles; leave the style out"):
        pipeline.stream(portrait, [speech], style=LIVELY)
    with pytest.raises(InputError, match="style must be a video"):
        able.stream(portrait, [speech], style="missing.mp4")
    with pytest.raises(InputError, match="gaze_scale must be between 0 and 3"):
        pipeline.stream(portrait, [speech], gaze_scale=9.0)


def test_pieces_of_any_length_become_even_ones_and_none_waits() -> None:
    values = np.arange(25, dtype=np.float32)
    given = iter(np.split(values, [1, 9, 10, 22]))
    made = evenly(given, 4)
    assert np.array_equal(next(made), values[:4])
    assert len(next(given)) == 1, "no more is asked for than is needed"
    rest = list(evenly(np.split(values, [1, 9, 22]), 4))
    assert [len(one) for one in rest] == [4] * 6 + [1]
    assert np.array_equal(np.concatenate(rest), values)
