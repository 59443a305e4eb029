"""Gradio servers as methods: a real one on the loopback that works, is slow, fails, is busy, or is not there."""

import socket
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import gradio as gr
import httpx2
import numpy as np
import pytest

from moditalker.baselines.protocol import Options
from moditalker.baselines.spaces import space_method as spaces_method
from moditalker.baselines.spaces.space_file import SHIPPED, SpaceDescription, find_descriptions, read_description
from moditalker.baselines.spaces.space_method import RemoteSpace
from moditalker.compare.inputs import Inputs, prepare_inputs
from moditalker.face.tracker import make_tracker
from moditalker.utils.errors import InputError
from moditalker.video.read import probe_video, read_video
from moditalker.video.write import VideoWriter

FACTS = {"name": "peer", "title": "Peer", "what": "It talks.", "licence": "MIT"}


def silent(stage: str, done: int, total: int) -> None:
    """Progress that nobody looks at."""


@pytest.fixture(scope="module")
def inputs(small_picture: np.ndarray, speech: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Inputs:
    folder = tmp_path_factory.mktemp("inputs")
    return prepare_inputs(small_picture, speech[:8000], folder, make_tracker("mediapipe"))


@pytest.fixture(scope="module")
def heard() -> list[dict[str, Any]]:
    """What the server was sent."""
    return []


@pytest.fixture(scope="module")
def server(heard: list[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A peer: its videos are as bright as its number says, and last what it is told."""
    folder = tmp_path_factory.mktemp("peer")

    def talk(picture: str, sound: str, brightness: float) -> tuple[str, str]:
        """Makes a video."""
        heard.append({"picture": Path(picture).read_bytes()[:4], "sound": Path(sound).read_bytes()[:4]})
        path = folder / f"{len(heard)}.mp4"
        with VideoWriter(path, (64, 48), 20, None) as writer:
            for _ in range(10):
                writer.write(np.full((48, 64, 3), int(brightness), np.uint8))
        return str(path), "done"

    def lipsync(sound: str, video: str, seed: float) -> str:
        """Takes a video in place of a picture."""
        heard.append({"video": probe_video(video), "seed": seed})
        return talk(video, sound, 200)[0]

    def slow(picture: str, sound: str) -> str:
        """Takes longer than anybody waits."""
        time.sleep(20)
        return picture

    def erring(picture: str, sound: str) -> str:
        """Fails, and says so."""
        raise gr.Error("No GPU is free.\nTraceback ...", print_exception=False)

    def wordy(picture: str, sound: str) -> str:
        """Gives a text in place of a video."""
        return "there you are"

    with gr.Blocks(analytics_enabled=False) as page:
        picture, sound = gr.Image(type="filepath"), gr.Audio(type="filepath")
        video, number, text = gr.Video(), gr.Number(), gr.Textbox()
        gr.Button().click(talk, [picture, sound, number], [video, text], api_name="talk")
        gr.Button().click(lipsync, [sound, video, number], [video], api_name="lipsync")
        gr.Button().click(slow, [picture, sound], [video], api_name="slow", concurrency_limit=2)
        gr.Button().click(erring, [picture, sound], [video], api_name="erring")
        gr.Button().click(wordy, [picture, sound], [text], api_name="wordy")
    _, url, _ = page.queue().launch(prevent_thread_lock=True, quiet=True, server_name="127.0.0.1")
    yield url
    page.close(verbose=False)


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spaces_method, "PAUSE_SECONDS", 0.05)


def peer(server: str, endpoint: str, **told: Any) -> RemoteSpace:
    told.setdefault("arguments", ("$portrait", "$audio"))
    return RemoteSpace(SpaceDescription(**FACTS, server=server, endpoint=endpoint, **told))


def make(method: RemoteSpace, inputs: Inputs, folder: Path) -> np.ndarray:
    method.make(inputs.portrait, inputs.audio, folder / "out.mp4", Options(seed=5), silent)
    return np.stack(list(read_video(folder / "out.mp4")))


@pytest.mark.parametrize(
    "sent",
    [
        {"arguments": ("$portrait", "$audio", 120)},
        {"arguments": (), "parameters": {"picture": "$portrait", "sound": "$audio", "brightness": 120}, "result": "0"},
    ],
    ids=["in order", "by name"],
)
def test_a_server_s_video_becomes_a_column(
    server: str, inputs: Inputs, heard: list[dict[str, Any]], tmp_path: Path, sent: dict[str, Any]
) -> None:
    method = peer(server, "/talk", **sent)
    assert method.facts.sent_to == server
    assert method.available() is None
    frames = make(method, inputs, tmp_path)
    # 0.5 s at 20 frames a second, at 25; the recording lasts as long.
    assert frames.shape == (12, 48, 64, 3)
    assert frames.mean() == pytest.approx(120, abs=4)
    assert heard[-1] == {"picture": b"\x89PNG", "sound": b"RIFF"}
    assert [path.name for path in tmp_path.iterdir()] == ["out.mp4"]


def test_a_server_that_wants_a_video_gets_the_still_portrait(
    server: str, inputs: Inputs, heard: list[dict[str, Any]], tmp_path: Path
) -> None:
    make(peer(server, "/lipsync", arguments=("$audio", "$portrait_video", "$seed")), inputs, tmp_path)
    told = next(one for one in heard if "video" in one)
    assert told["video"].size == (256, 256)
    assert told["video"].duration == pytest.approx(0.5, abs=0.05)
    assert told["seed"] == 5


def test_a_slow_server_is_not_waited_for(server: str, inputs: Inputs, tmp_path: Path) -> None:
    started = time.monotonic()
    with pytest.raises(InputError, match="Peer at .* was not done within 1 s"):
        make(peer(server, "/slow", timeout_seconds=1), inputs, tmp_path)
    assert time.monotonic() - started < 10
    assert list(tmp_path.iterdir()) == []


def test_whoever_waits_may_give_up(server: str, inputs: Inputs, tmp_path: Path) -> None:
    class GivenUpError(Exception):
        pass

    started = time.monotonic()

    def progress(stage: str, done: int, total: int) -> None:
        if time.monotonic() - started > 1:
            raise GivenUpError

    with pytest.raises(GivenUpError):
        peer(server, "/slow").make(inputs.portrait, inputs.audio, tmp_path / "out.mp4", Options(), progress)
    assert time.monotonic() - started < 10


@pytest.mark.parametrize(
    ("endpoint", "told", "reason"),
    [
        ("/erring", {}, "refused or failed: No GPU is free"),
        ("/wordy", {}, "gave no video as its result 0"),
        ("/talk", {"arguments": ("$portrait", "$audio", 9), "result": 1}, "gave no video as its result 1"),
        ("/missing", {}, "Peer at"),
        ("/talk", {"arguments": ("$portrait", "$audio", "bright")}, "Peer at"),
    ],
)
def test_what_a_server_does_wrong_is_said(
    server: str, inputs: Inputs, tmp_path: Path, endpoint: str, told: dict[str, Any], reason: str
) -> None:
    with pytest.raises(InputError, match=reason) as caught:
        make(peer(server, endpoint, **told), inputs, tmp_path)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_is_down_is_tried_again_and_then_told(
    inputs: Inputs, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{probe.getsockname()[1]}"
    method = peer(address, "/talk", retries=2, connect_seconds=1)
    with caplog.at_level("INFO", "moditalker.baselines.spaces.space_method"):
        with pytest.raises(InputError, match="could not be reached"):
            make(method, inputs, tmp_path)
    assert sum("attempt" in line for line in caplog.messages) == 3
    assert "does not answer" in str(method.available())


def test_a_space_that_cannot_be_reached_is_told(
    inputs: Inputs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(*_: object, **__: object) -> None:
        raise httpx2.ConnectError("Name or service not known")

    monkeypatch.setattr(spaces_method, "Client", unreachable)
    with pytest.raises(InputError, match="Peer could not be reached at somebody/Peer: it does not answer; try later"):
        make(peer("somebody/Peer", "/talk", retries=1), inputs, tmp_path)


def test_a_machine_that_accepts_and_says_nothing_costs_no_more_than_its_time(inputs: Inputs, tmp_path: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        address = f"http://127.0.0.1:{listener.getsockname()[1]}"
        started = time.monotonic()
        with pytest.raises(InputError, match="not done within 1 s"):
            make(peer(address, "/talk", timeout_seconds=1), inputs, tmp_path)
        assert time.monotonic() - started < 10


def test_the_shipped_descriptions_are_right_and_a_folder_of_one_s_own_replaces_them(tmp_path: Path) -> None:
    shipped = {one.name: one for one in find_descriptions(SHIPPED)}
    assert set(shipped) == {"sadtalker", "musetalk", "joyvasa", "hallo", "dreamtalk"}
    assert "$portrait_video" in shipped["musetalk"].arguments
    text = (SHIPPED / "hallo.toml").read_text().replace("http://127.0.0.1:7863", "http://127.0.0.1:7870")
    (tmp_path / "mine.toml").write_text(text)
    assert {one.name: one for one in find_descriptions(SHIPPED, tmp_path)}["hallo"].server == "http://127.0.0.1:7870"
    with pytest.raises(InputError, match="no folder"):
        find_descriptions(tmp_path / "gone")


GOOD = """
name = "mine"
title = "Mine"
what = "It talks."
licence = "MIT"
server = "me/mine"
endpoint = "/predict"
arguments = ["$portrait", "$audio"]
"""


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (("name =", "name ="), None),
        (("[", "("), "cannot be read as TOML"),
        (('title = "Mine"', ""), "lacks 'title'; add it"),
        (('"mine"', '"My Talker"'), "small letters"),
        (('"$audio"', '"$sound"'), r"\$sound is none of"),
        ((', "$audio"', ""), r"no \$audio"),
        (("arguments", "argument"), "has no entry 'argument'; did you mean 'arguments'"),
        (('arguments = ["$portrait", "$audio"]', ""), "either arguments"),
        (("endpoint =", "retries = -1\nendpoint ="), "'retries' must be greater than or equal to 0, and is -1"),
        (("endpoint =", 'timeout_seconds = "long"\nendpoint ='), "'timeout_seconds' must be a number, and is 'long'"),
        (('"$audio"', '"$audio", "\\u0000"'), "has a NUL byte"),
        (('["$portrait", "$audio"]', "3"), "'arguments' must be a list, and is 3"),
        (("endpoint =", "result = 0.5\nendpoint ="), "'result' must be the number of an output"),
    ],
)
def test_a_description_that_is_wrong_is_refused_by_its_name(
    change: tuple[str, str], reason: str | None, tmp_path: Path
) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(GOOD.replace(*change))
    if reason is None:
        assert read_description(path).arguments == ("$portrait", "$audio")
    else:
        with pytest.raises(InputError, match=reason) as caught:
            read_description(path)
        assert "mine.toml" in str(caught.value)
