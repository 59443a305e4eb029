"""The code path of a ZeroGPU Space, with a CPU in the GPU's place (`zero_gpu_server.py` says what is real)."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import numpy as np
import pytest
import soundfile
from app_server import Server, serve
from forked import ROOT
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image

from moditalker.audio.recording import Recording
from moditalker.constants import SAMPLE_RATE
from moditalker.ui.animate.presets import PRESETS
from moditalker.ui.animate.request import Job, Request
from moditalker.ui.animate.studio import gpu_seconds
from moditalker.ui.shared.settings import Settings
from moditalker.video.read import read_video

FEW = {"atom_steps": 2, "mtov_steps": 1, "guidance": 1.0}
LOG = "lent.jsonl"
ANONYMOUS_SECONDS = 120
"""A visitor's quota a day without an account."""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("space")


@pytest.fixture(scope="module")
def server(folder: Path, weights: Path) -> Iterator[Server]:
    script = str(ROOT / "tests" / "zero_gpu_server.py")
    with serve(folder, str(folder / LOG), "--weights", str(weights), script=script) as running:
        yield running


@pytest.fixture(scope="module")
def client(server: Server, folder: Path) -> Client:
    return Client(server.url, verbose=False, download_files=folder / "got")


@pytest.fixture(scope="module")
def portrait(folder: Path, small_picture: np.ndarray) -> Path:
    Image.fromarray(small_picture).save(folder / "portrait.png")
    return folder / "portrait.png"


@pytest.fixture(scope="module")
def second(folder: Path, speech: np.ndarray) -> Path:
    soundfile.write(folder / "second.wav", speech[:SAMPLE_RATE], SAMPLE_RATE)
    return folder / "second.wav"


def silence(seconds: float) -> Recording:
    return Recording.of_samples(np.zeros(round(seconds * SAMPLE_RATE), np.float32))


def submit(client: Client, portrait: Path, audio: Path, **options: Any) -> Any:
    files = {"portrait": handle_file(str(portrait)), "audio": handle_file(str(audio))}
    return client.submit(**files, consent=True, **{**FEW, **options}, api_name="/animate")


def calls(folder: Path) -> list[dict[str, str]]:
    """What the Space asked of the service that lends GPUs so far."""
    return [json.loads(line) for line in (folder / LOG).read_text().splitlines()]


def test_a_video_is_made_in_a_forked_process_that_asks_for_as_long_as_it_needs(
    client: Client, server: Server, folder: Path, portrait: Path, second: Path
) -> None:
    video, seed, report, *_ = submit(client, portrait, second, seed=5).result(timeout=120)
    assert imageio_ffmpeg.count_frames_and_secs(video)[0] == report["frames"] == 25
    assert seed == 5
    asked = [call for call in calls(folder) if call["call"] != "/startup-report"]
    assert [call["call"] for call in asked] == ["/schedule", "/allow", "/release"]
    schedule, allow, release = asked
    job = Job(Request(str(portrait), str(second), **FEW), silence(1.0))
    assert int(schedule["durationSeconds"]) == gpu_seconds(job, folder)
    assert int(allow["pid"]) != server.pid
    assert release["fail"] == "false"


def test_what_was_looked_at_here_is_looked_at_in_the_fork_too(client: Client, portrait: Path, second: Path) -> None:
    """Libraries whose threads do not survive a fork would hang in it once they had run here."""
    client.predict(portrait=handle_file(str(portrait)), api_name="/inspect")
    first, *_ = submit(client, portrait, second, seed=6).result(timeout=120)
    again, *_ = submit(client, portrait, second, seed=6).result(timeout=120)
    np.testing.assert_array_equal(*(np.stack(list(read_video(video))) for video in (first, again)))


def test_a_refusal_comes_out_of_the_fork_as_its_sentence(client: Client, folder: Path, second: Path) -> None:
    Image.new("RGB", (320, 320), "steelblue").save(folder / "wall.png")
    with pytest.raises(AppError, match="No face was found"):
        submit(client, folder / "wall.png", second).result(timeout=120)


def test_a_cancelled_job_gives_its_gpu_back(
    client: Client, server: Server, folder: Path, portrait: Path, speech: np.ndarray
) -> None:
    soundfile.write(folder / "long.wav", np.tile(speech, 20)[: 40 * SAMPLE_RATE], SAMPLE_RATE)
    before = len(calls(folder))
    job = submit(client, portrait, folder / "long.wav", lip_scale=0.0)  # a still mouth is drawn at once
    deadline = time.monotonic() + 120
    while not (data := job.status().progress_data) or "Drawing" not in str(data[0].desc):
        assert time.monotonic() < deadline, "no progress came out of the fork"
        time.sleep(0.05)
    job.cancel()
    while "/release" not in [call["call"] for call in calls(folder)[before:]] or any(
        server.folder.glob("moditalker-*/server-*/request-*")
    ):
        assert time.monotonic() < deadline, "the fork went on"
        time.sleep(0.05)


def test_nobody_is_asked_for_more_than_a_visitor_has() -> None:
    longest = Settings().max_audio_seconds
    for preset in PRESETS.values():
        steps = {"atom_steps": preset.atom_steps, "mtov_steps": preset.mtov_steps, "guidance": preset.guidance}
        asked = [
            gpu_seconds(Job(Request(None, head_motion=motion, **steps), silence(seconds)), Path())
            for motion in ("natural", "video")
            for seconds in (1.0, longest)
        ]
        assert all(0 < seconds < ANONYMOUS_SECONDS for seconds in asked)
        assert asked[0] < asked[1] < asked[3]
