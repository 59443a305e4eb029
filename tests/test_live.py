"""The socket `/live`: sound goes in, a video comes out while it is made; one speaker at a time."""

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient, WebSocketDenialResponse, WebSocketTestSession
from starlette.websockets import WebSocketDisconnect

from moditalker.atom.style import STYLE, Manner
from moditalker.audio.utterances import Utterances
from moditalker.constants import FPS, SAMPLE_RATE
from moditalker.pipeline import MoDiTalkerPipeline
from moditalker.ui.live.live_socket import LiveSocket
from moditalker.ui.shared.hosts import host_checks
from moditalker.ui.shared.line import Line
from moditalker.ui.shared.settings import Settings
from moditalker.ui.shared.workspace import Workspace

ADDRESS = "ws://127.0.0.1/live"
QUICK = {"consent": True, "mtov_steps": 0, "motion_steps": 1, "guidance": 1.0, "seed": 3}


def pcm(sound: np.ndarray) -> bytes:
    return (sound * 32767).astype("<i2").tobytes()


@pytest.fixture
def line() -> Line:
    return Line(1, 8)


@pytest.fixture
def client(pipeline: MoDiTalkerPipeline, line: Line, tmp_path: Path) -> Iterator[TestClient]:
    live = LiveSocket(pipeline, Settings(max_live_seconds=2.4), Workspace(tmp_path), line)
    with TestClient(Starlette(routes=[live.route], middleware=host_checks("127.0.0.1")), "http://127.0.0.1") as made:
        yield made


@contextmanager
def opened(client: TestClient, portrait: Path, **options: Any) -> Iterator[WebSocketTestSession]:
    with client.websocket_connect(ADDRESS) as socket:
        socket.send_text(json.dumps(QUICK | options))
        socket.send_bytes(portrait.read_bytes())
        yield socket


def told(socket: WebSocketTestSession, until: str) -> tuple[list[dict[str, Any]], bytes]:
    """Events up to one, and all of the video that came meanwhile."""
    events: list[dict[str, Any]] = []
    video = b""
    while True:
        message = socket.receive()
        if message["type"] == "websocket.close":
            raise AssertionError(f"closed after {events}")
        if message.get("bytes") is not None:
            video += message["bytes"]
            continue
        events.append(json.loads(message["text"]))
        if events[-1]["event"] == until:
            return events, video


def shown(video: bytes) -> tuple[int, float]:
    """Frames and seconds of sound."""
    with av.open(io.BytesIO(video)) as file:
        frames = sum(1 for _ in file.decode(video=0))
    with av.open(io.BytesIO(video)) as file:
        return frames, sum(part.samples / part.sample_rate for part in file.decode(audio=0))


def refusal_of(client: TestClient, first: Any, second: bytes = b"x") -> str:
    with client.websocket_connect(ADDRESS) as socket:
        socket.send_text(first if isinstance(first, str) else json.dumps(first))
        socket.send_bytes(second)
        events, _ = told(socket, "refused")
        with pytest.raises(WebSocketDisconnect):
            socket.receive_text()
    return str(events[-1]["sentence"])


@pytest.mark.slow
def test_sound_goes_in_and_a_video_with_it_comes_out(
    client: TestClient, portrait_file: Path, speech: np.ndarray
) -> None:
    with opened(client, portrait_file, rate=16_000) as socket:
        for part in np.array_split(speech, 20):
            socket.send_bytes(pcm(part))
        socket.send_text('{"end": true}')
        events, video = told(socket, "ended")
    names = [event["event"] for event in events]
    assert names[0] == "ready"
    assert names[-3:] == ["heard", "made", "ended"]
    frames, seconds = shown(video)
    assert frames == round(len(speech) / SAMPLE_RATE * FPS)
    assert seconds == pytest.approx(frames / FPS, abs=0.06)
    assert b"AI-generated" in video


@pytest.mark.slow
def test_each_utterance_is_a_video_and_silence_is_none(
    client: TestClient, portrait_file: Path, speech: np.ndarray
) -> None:
    silence = np.zeros(SAMPLE_RATE, np.float32)
    word = speech[: SAMPLE_RATE // 2 * 3]
    sound = np.concatenate([silence, word, silence, silence, word, silence])
    with opened(client, portrait_file, pauses="skipped") as socket:
        for part in np.array_split(sound, 40):
            socket.send_bytes(pcm(part))
        socket.send_text('{"say": "Mama. Come!"}')
        socket.send_text('{"end": true}')
        events, video = told(socket, "ended")
    begun = [event for event in events if event["event"] == "begins"]
    assert [event["kind"] for event in begun] == ["speech", "speech", "text", "text"]
    assert 0.6 < begun[0]["at"] < 1.4
    assert 3.6 < begun[1]["at"] < 5.0
    assert video.count(b"ftyp") == 4
    made = sum(event["seconds"] for event in events if event["event"] == "made" and event["turn"] < 2)
    assert made < 5.0


@pytest.mark.slow
def test_one_speaks_at_a_time_and_who_leaves_makes_room(
    client: TestClient, portrait_file: Path, speech: np.ndarray, line: Line
) -> None:
    with opened(client, portrait_file) as second:
        with opened(client, portrait_file) as first:
            first.send_bytes(pcm(speech[:SAMPLE_RATE]))
            told(first, "begins")
            second.send_bytes(pcm(speech[:SAMPLE_RATE]))
            second.send_text('{"end": true}')
            events, _ = told(second, "waiting")
            assert events[-1]["before"] == 1
        _, video = told(second, "ended")
    assert shown(video)[0] == FPS
    assert line.lengths() == (0, 0)


def test_what_cannot_be_used_gets_a_sentence(client: TestClient, portrait_file: Path, tmp_path: Path) -> None:
    picture = portrait_file.read_bytes()
    assert "you may use this face" in refusal_of(client, QUICK | {"consent": False}, picture)
    assert "not JSON" in refusal_of(client, "{") or "cannot be used" in refusal_of(client, "{")
    assert "rate cannot be used" in refusal_of(client, QUICK | {"rate": 1})
    assert "wings cannot be used" in refusal_of(client, QUICK | {"wings": 2})
    assert "gaze_scale cannot be used" in refusal_of(client, QUICK | {"gaze_scale": -1})
    assert "emotion" in refusal_of(client, QUICK | {"emotion": "hungry"})
    assert "portrait" in refusal_of(client, QUICK, b"no picture")
    assert list(tmp_path.rglob("portrait")) == []


def test_a_style_comes_after_the_portrait(client: TestClient, portrait_file: Path, tmp_path: Path) -> None:
    with opened(client, portrait_file, style=True, gaze_scale=1.0) as socket:
        socket.send_text("{}")
        assert "third message must be the video for the style" in told(socket, "refused")[0][-1]["sentence"]
    with opened(client, portrait_file, style=True) as socket:
        socket.send_bytes(b"no video")
        assert told(socket, "refused")[0][-1]["sentence"].endswith(".")
    assert list(tmp_path.rglob("style")) == []


@pytest.mark.slow
def test_the_style_of_a_clip_reaches_the_stream(
    pipeline: MoDiTalkerPipeline,
    portrait_file: Path,
    speech: np.ndarray,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    taken: list[Any] = []
    style = Manner(np.zeros(STYLE, np.float32), 0.4)
    monkeypatch.setattr("moditalker.ui.live.live_socket.check_video", lambda *_: None)
    monkeypatch.setattr("moditalker.ui.live.live_socket.manner_for", lambda *_: style)
    monkeypatch.setattr(
        type(pipeline), "stream", lambda self, portrait, sound, **told: taken.append(told) or (one for one in ())
    )
    live = LiveSocket(pipeline, Settings(), Workspace(tmp_path), Line(1, 8))
    with TestClient(Starlette(routes=[live.route]), "http://127.0.0.1") as client:
        with opened(client, portrait_file, style=True, gaze_scale=0.5) as socket:
            socket.send_bytes(b"a clip")
            socket.send_bytes(pcm(speech[:8000]))
            socket.send_text('{"end": true}')
            told(socket, "ended")
    assert taken[0]["style"] is style
    assert taken[0]["gaze_scale"] == 0.5


@pytest.mark.slow
def test_a_turn_has_an_end_and_a_wrong_word_does_not_end_the_session(
    client: TestClient, portrait_file: Path, speech: np.ndarray
) -> None:
    wrong = {
        "{": "not JSON",
        '{"sing": 1}': "nothing known",
        '{"say": "..."}': "pronounced",
        '{"idle": 99}': "up to 10",
    }
    with opened(client, portrait_file) as socket:
        for message, sentence in wrong.items():
            socket.send_text(message)
            assert sentence in told(socket, "refused")[0][-1]["sentence"]
        socket.send_bytes(pcm(np.tile(speech, 2)))
        assert "At most 2.4 seconds" in told(socket, "refused")[0][-1]["sentence"]
        socket.send_text('{"idle": 0.2}')
        socket.send_text('{"end": true}')
        events, _ = told(socket, "ended")
    assert [event["seconds"] for event in events if event["event"] == "made"] == [2.4, 0.2]


@pytest.mark.slow
def test_a_client_that_falls_silent_frees_the_machine_and_may_go_on(
    client: TestClient, portrait_file: Path, speech: np.ndarray, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("moditalker.ui.live.session.SILENT_SECONDS", 0.8)
    with opened(client, portrait_file) as socket:
        for _ in range(2):
            socket.send_bytes(pcm(speech[: SAMPLE_RATE // 5]))
            assert told(socket, "made")[0][-1]["seconds"] == 0.2
        socket.send_text('{"end": true}')
        told(socket, "ended")
    assert line.lengths() == (0, 0)


def test_a_page_elsewhere_opens_no_socket(client: TestClient) -> None:
    with pytest.raises((WebSocketDisconnect, WebSocketDenialResponse)):
        with client.websocket_connect(ADDRESS, headers={"origin": "http://elsewhere.example"}):
            pass


def test_an_utterance_has_its_first_and_its_last_sound(speech: np.ndarray) -> None:
    noise = np.random.default_rng(0).normal(0, 1e-3, 2 * SAMPLE_RATE).astype(np.float32)
    sound = np.concatenate([noise, speech, noise])
    utterances, parts, begun = Utterances(), [], []
    for piece in np.array_split(sound, 211):
        for part, begins in utterances(piece):
            if begins:
                begun.append(utterances.heard - len(part))
            parts.append(part)
    assert len(begun) == 1
    assert not utterances.speaks
    heard = np.concatenate(parts)
    np.testing.assert_array_equal(heard, sound[begun[0] : begun[0] + len(heard)])
    assert 1.6 * SAMPLE_RATE < begun[0] < 2.2 * SAMPLE_RATE
    assert len(heard) / SAMPLE_RATE == pytest.approx(len(speech) / SAMPLE_RATE + 0.2, abs=0.5)
    assert list(Utterances()(noise)) == []
