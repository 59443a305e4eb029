"""Streams: frames come while the sound is still being made, and nothing of it shows."""

import io
import itertools
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest
import torch

from moditalker.atom.streamed_motion import HOP, LOOK_AHEAD, StreamedMotion, StreamSettings
from moditalker.audio.pcm import pcm_pieces
from moditalker.benchmark.stream_bench import bench_stream
from moditalker.benchmark.stream_probe import probe
from moditalker.cli.main import main as cli
from moditalker.constants import FPS, SAMPLE_RATE, SAMPLES_A_FRAME
from moditalker.face.layout import mouth_opening
from moditalker.live import pieces, write_live
from moditalker.options import DEFAULTS
from moditalker.pipeline import MoDiTalkerPipeline
from moditalker.portrait import Portrait
from moditalker.utils.ahead import ahead
from moditalker.utils.errors import InputError
from moditalker.utils.ring import Recent
from moditalker.utils.seeds import generators_of
from moditalker.video.fragments import FragmentWriter


def streamed(pipeline: MoDiTalkerPipeline, portrait: Portrait, **settings: bool) -> StreamedMotion:
    _, generators = generators_of(3, None)
    return StreamedMotion(
        pipeline.atom,
        pipeline.head,
        pipeline.atom_scheduler,
        portrait.frame,
        generators,
        StreamSettings(DEFAULTS, steps=2, **settings),
    )


def decoded(data: bytes) -> tuple[int, float]:
    """Frames and seconds of sound in an MP4."""
    with av.open(io.BytesIO(data)) as file:
        frames = sum(1 for _ in file.decode(video=0))
    with av.open(io.BytesIO(data)) as file:
        samples = sum(frame.samples / frame.sample_rate for frame in file.decode(audio=0))
    return frames, samples


def test_motion_is_the_same_however_the_sound_is_cut(
    pipeline: MoDiTalkerPipeline, portrait: Portrait, speech: np.ndarray
) -> None:
    whole = np.concatenate(list(streamed(pipeline, portrait)([speech])))
    cut = np.concatenate(list(streamed(pipeline, portrait)(np.array_split(speech, 37))))
    assert len(whole) == round(len(speech) / SAMPLES_A_FRAME)
    np.testing.assert_array_equal(whole, cut)


def test_frames_are_known_320_ms_after_their_sound(
    pipeline: MoDiTalkerPipeline, portrait: Portrait, speech: np.ndarray
) -> None:
    assert pytest.approx(0.32) == LOOK_AHEAD / FPS
    asked: list[int] = []

    def frame_by_frame() -> Iterator[np.ndarray]:
        for start in range(0, len(speech), SAMPLES_A_FRAME):
            asked.append(start // SAMPLES_A_FRAME + 1)
            yield speech[start : start + SAMPLES_A_FRAME]

    known = 0
    for landmarks in streamed(pipeline, portrait)(itertools.islice(frame_by_frame(), 3 * HOP)):
        known += len(landmarks)
        assert asked[-1] <= max(known + LOOK_AHEAD, HOP + LOOK_AHEAD)
    assert known == 3 * HOP


def test_no_hop_shows_in_the_motion(pipeline: MoDiTalkerPipeline, portrait: Portrait, speech: np.ndarray) -> None:
    landmarks = np.concatenate(list(streamed(pipeline, portrait)([np.tile(speech, 3)])))
    steps = np.linalg.norm(np.diff(landmarks[..., :2], axis=0), axis=-1).mean(1)
    at_borders = steps[HOP - 1 :: HOP]
    others = np.delete(steps, np.arange(HOP - 1, len(steps), HOP))
    assert at_borders.max() <= others.max()
    assert at_borders.mean() < 1.5 * others.mean()


def test_memory_does_not_grow_with_the_sound(
    pipeline: MoDiTalkerPipeline, portrait: Portrait, speech: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("moditalker.atom.streamed_motion._HEARD_SECONDS", 1.5)
    motion = streamed(pipeline, portrait)
    rings = [motion._sound, *motion._noise.values(), *motion._raw.values()]
    for _ in motion(itertools.repeat(speech, 4)):
        assert len(motion._sound.values) <= 3 * SAMPLE_RATE
        assert max(len(ring.values) for ring in rings[1:]) <= 4 * 32
    assert min(ring.start for ring in rings) > 0, "what was long ago is forgotten"


def test_a_stream_moves_the_lips_as_far_as_it_is_told(
    pipeline: MoDiTalkerPipeline, portrait: Portrait, speech: np.ndarray
) -> None:
    def spread(scale: float) -> float:
        options = DEFAULTS.but(lip_scale=scale)
        _, generators = generators_of(3, None)
        networks = pipeline.atom, pipeline.head, pipeline.atom_scheduler
        motion = StreamedMotion(*networks, portrait.frame, generators, StreamSettings(options, steps=2))
        landmarks = np.concatenate(list(motion([speech])))
        return float(mouth_opening(portrait.frame.analyse(landmarks)[0] + portrait.frame.shape).std())

    assert spread(0.0) < 0.2 * spread(1.0) < 0.2 * spread(2.0)


def test_an_idle_head_breathes_and_one_that_speaks_is_not_touched(
    pipeline: MoDiTalkerPipeline, portrait: Portrait
) -> None:
    silence = np.zeros(3 * SAMPLE_RATE, np.float32)
    still, idle = (
        np.concatenate(list(streamed(pipeline, portrait, idle=breathes)([silence]))) for breathes in (False, True)
    )
    tip = (slice(None), 30, 1)
    assert np.ptp(idle[tip]) > np.ptp(still[tip]) + 0.005 * portrait.frame.unit


@pytest.mark.slow
def test_a_live_video_plays_before_it_is_whole(
    pipeline: MoDiTalkerPipeline, portrait: Portrait, speech: np.ndarray
) -> None:
    sink, grown = io.BytesIO(), []
    frames = write_live(
        pipeline,
        portrait,
        np.array_split(speech, 9),
        sink,
        on_piece=lambda piece: grown.append(len(sink.getvalue())),
        mtov_steps=0,
        motion_steps=1,
        seed=3,
    )
    assert frames == round(len(speech) / SAMPLES_A_FRAME)
    assert len(grown) > 2
    with av.open(io.BytesIO(sink.getvalue())) as file:
        context = file.streams.video[0].codec_context
        assert (context.colorspace, context.color_range) == (1, 1)  # BT.709, limited range: what players assume
    shown, seconds = decoded(sink.getvalue())
    assert shown == frames
    assert seconds == pytest.approx(frames / FPS, abs=0.06)
    # What was there at the last piece is a video by itself.
    part, _ = decoded(sink.getvalue()[: grown[-1]])
    assert FPS <= part < frames


def test_a_probe_tells_by_how_much_sound_is_late(speech: np.ndarray, tmp_path: Path) -> None:
    heard = np.tile(speech, 2)[: 4 * SAMPLE_RATE]
    grey = np.full((4 * FPS, 64, 64, 3), 90, np.uint8)
    for late in (0, 3):
        shifted = np.concatenate([np.zeros(late * SAMPLES_A_FRAME, np.float32), heard])[: len(heard)]
        with (tmp_path / f"{late}.mp4").open("wb") as file:
            writer = FragmentWriter(file, (64, 64), FPS)
            for start in range(0, len(grey), 12):
                part = slice(start * SAMPLES_A_FRAME, (start + 12) * SAMPLES_A_FRAME)
                writer.write(grey[start : start + 12], shifted[part])
            writer.close()
        found = probe(tmp_path / f"{late}.mp4", heard)
        assert found.frames == len(grey)
        assert found.wander < 1
        assert len(found.sound) >= 3
        assert all(by == pytest.approx(40 * late, abs=3) for _, by in found.sound)


@pytest.mark.slow
def test_the_bench_says_when_frames_come_and_how_far_sound_and_picture_are_apart(
    pipeline: MoDiTalkerPipeline, portrait_file: Path, speech_file: Path
) -> None:
    table, rows = bench_stream(pipeline, portrait_file, speech_file, 2.0, seed=1, whole=False)
    assert rows[0]["run"] == "stream"
    assert 0 < rows[0]["first_frame"] <= rows[0]["first_second"] < 2 * rows[0]["real_time"] + 1
    assert rows[-1]["frames"] == 2 * FPS
    assert "ms at most" in table


def test_a_stream_without_sound_has_no_frames(pipeline: MoDiTalkerPipeline, portrait: Portrait) -> None:
    assert list(pipeline.stream(portrait, [])) == []


@pytest.mark.slow
def test_a_stream_can_be_left(pipeline: MoDiTalkerPipeline, portrait: Portrait, speech: np.ndarray) -> None:
    ended = []

    def endless() -> Iterator[np.ndarray]:
        try:
            while True:
                yield speech
        finally:
            ended.append(True)

    made = pieces(pipeline, portrait, endless(), mtov_steps=0, motion_steps=1)
    assert next(made).frames.shape[1:] == portrait.picture.shape
    made.close()
    assert ended == [True]


@pytest.mark.slow
def test_the_command_writes_a_video_from_a_pipe(
    weights: Path, portrait_file: Path, speech: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pcm = (speech[:SAMPLE_RATE] * 32767).astype("<i2").tobytes()
    monkeypatch.setattr("sys.stdin", type("Pipe", (), {"buffer": io.BytesIO(pcm)}))
    out = tmp_path / "live.mp4"
    arguments = [str(portrait_file), "--audio", "-", "-o", str(out), "--preset", str(weights), "--mtov-steps", "0"]
    assert cli(["live", *arguments]) == 0
    assert decoded(out.read_bytes())[0] == FPS


def test_the_command_does_not_write_over_the_portrait(portrait_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli(["live", str(portrait_file), "--audio", "-", "-o", str(portrait_file)]) == 2
    assert "choose another name" in capsys.readouterr().err


def test_a_missing_microphone_gets_a_sentence(
    weights: Path,
    portrait_file: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise av.FFmpegError(5, "no such device", "default")

    monkeypatch.setattr("moditalker.audio.pcm.av.open", refuse)
    out = tmp_path / "live.mp4"
    assert cli(["live", str(portrait_file), "-o", str(out), "--preset", str(weights)]) == 2
    assert "No microphone could be opened" in capsys.readouterr().err
    assert not out.exists()


@pytest.mark.parametrize("rate", [16_000, 48_000])
def test_pcm_keeps_its_length_whatever_its_rate(rate: int) -> None:
    tone = np.sin(2 * np.pi * 440 * np.arange(rate) / rate)
    heard = np.concatenate(list(pcm_pieces(io.BytesIO((tone * 20_000).astype("<i2").tobytes() + b"\0"), rate)))
    assert len(heard) == pytest.approx(SAMPLE_RATE, abs=32)
    assert np.abs(heard).max() == pytest.approx(20_000 / 32768, abs=0.02)


def test_work_ahead_keeps_order_hands_errors_over_and_rests() -> None:
    made = []

    def source() -> Iterator[int]:
        for number in range(100):
            made.append(number)
            yield number
            if number == 50:
                raise InputError("That is enough.")

    taken = ahead(source(), 2)
    assert [next(taken) for _ in range(10)] == list(range(10))
    assert len(made) <= 14, "the source does not rest"
    with pytest.raises(InputError, match="enough"):
        list(taken)


def test_recent_values_are_found_by_their_place() -> None:
    recent = Recent(8, (2,))
    for start in range(0, 90, 3):
        recent.append(np.arange(start, start + 3)[:, None].repeat(2, 1))
    assert recent.end == 90
    np.testing.assert_array_equal(recent.between(83, 90)[:, 0], np.arange(83, 90))
    with pytest.raises(ValueError, match="are kept"):
        recent.between(10, 20)


def test_noise_in_fours_is_the_noise_drawn_at_once() -> None:
    """Why a stream with a seed resembles the whole recording with it."""
    at_once = torch.randn(44, 68, 3, generator=torch.Generator().manual_seed(1))
    generator = torch.Generator().manual_seed(1)
    parts = [torch.randn(count, 68, 3, generator=generator) for count in (20, 12, 12)]
    assert torch.equal(at_once, torch.cat(parts))
