"""The Animate tab's video while it is drawn: it plays when it can go on to its end; the finished file takes over."""

import io
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import soundfile
from browser import complaints_of, needs_browser, new_visitor
from playwright.sync_api import Browser
from starlette.applications import Starlette
from starlette.testclient import TestClient
from test_app import FakePipeline, served

from moditalker.audio.recording import Recording
from moditalker.constants import FPS, SAMPLE_RATE
from moditalker.face.landmark_file import write_landmarks
from moditalker.ui.animate.estimate import Speeds
from moditalker.ui.animate.events import Growing, Result
from moditalker.ui.animate.growing import address_of, growing_route, seconds_to_wait
from moditalker.ui.animate.request import Request
from moditalker.ui.animate.studio import Studio
from moditalker.ui.shared.line import Line
from moditalker.ui.shared.settings import Settings
from moditalker.ui.shared.workspace import Workspace
from moditalker.video.write import VideoWriter

SECONDS = 6


class Drawing(FakePipeline):
    """Draws noise, faster than it plays; a result as long as the recording.

    Args:
        speed: seconds of video that it draws in a second.
        rests: at the middle, until it is `released`.
    """

    def __init__(self, speed: float, rests: bool = False) -> None:
        super().__init__()
        self.speed, self.rests = speed, rests

    def animate(self, portrait: Any, audio: Recording, output: Any, **options: Any) -> dict[str, Any]:
        total, noise = round(audio.seconds * FPS), np.random.default_rng(0)
        with VideoWriter(Path(output), (64, 64), FPS, audio.original, audio.original_rate) as writer:
            for start in range(0, total, 12):
                # Noise: browsers read 32 kB at a time, and a grey picture has less than that in all.
                frames = noise.integers(0, 256, (min(12, total - start), 64, 64, 3), np.uint8)
                for frame in frames:
                    writer.write(frame)
                options["on_frames"](frames)
                options["progress"]("video", start, total)
                time.sleep(12 / FPS / self.speed)
                if self.rests and start > total / 2:
                    self.released.wait(60)
        write_landmarks(options["save_landmarks"], np.random.default_rng(0).uniform(0, 64, (total, 68, 3)))
        return {"seed": options["seed"], "seconds": {"video": 1.0}, "frames": total, "fps": FPS, "warnings": []}


@pytest.fixture
def speech_of_six(speech: np.ndarray, tmp_path: Path) -> Path:
    path = tmp_path / "speech.wav"
    soundfile.write(path, np.resize(speech, SECONDS * SAMPLE_RATE), SAMPLE_RATE)
    return path


@pytest.mark.parametrize("speed", [0.2, 0.5, 0.9, 1.5])
def test_a_video_that_began_when_it_was_told_to_never_stops(speed: float) -> None:
    total, now = 20.0, 0.0
    while (left := seconds_to_wait(now * speed, total, speed)) > 0:
        now += min(left, 0.5)
    for played in np.arange(0.0, total, 0.1):
        # The machine gets slower by a twentieth afterwards.
        assert min(total, now * speed + 0.95 * speed * played) >= played - 1e-6
    if speed < 1:
        assert now > 0.5
    else:
        assert now * speed == pytest.approx(1.0)


def test_a_video_is_handed_out_while_it_grows(portrait_file: Path, speech_of_six: Path, tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "work")
    studio = Studio(Drawing(20.0), Settings(), workspace, Speeds(), Line(1, 8))
    request = Request(str(portrait_file), str(speech_of_six), consent=True)
    client = TestClient(Starlette(routes=[growing_route(workspace)]))
    told = []
    for event in studio.make(request, keep=True):
        if isinstance(event, Growing):
            told.append(event)
        if isinstance(event, Result):
            answer = client.get("/" + address_of(told[-1].video))
    assert [event.left == 0 for event in told] == [False] * (len(told) - 1) + [True]
    assert answer.headers["content-type"] == "video/mp4"
    with av.open(io.BytesIO(answer.content)) as file:
        assert sum(1 for _ in file.decode(video=0)) == SECONDS * FPS
    with av.open(io.BytesIO(answer.content)) as file:
        heard = sum(part.samples / part.sample_rate for part in file.decode(audio=0))
    assert heard == pytest.approx(SECONDS, abs=0.06)
    folder, name = told[-1].video.parent.name, told[-1].video.name
    for wrong in (
        f"/growing/{folder}/growing-x.mp4",
        f"/growing/{folder}/landmarks.npz",
        f"/growing/..%2F{folder}/{name}",
    ):
        assert client.get(wrong).status_code == 404


@pytest.fixture(scope="module")
def resting() -> Drawing:
    return Drawing(6.0, rests=True)


@pytest.fixture(scope="module")
def url(resting: Drawing, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with served(resting, tmp_path_factory.mktemp("server")) as address:
        yield address


@pytest.mark.slow
@needs_browser
def test_it_plays_before_it_is_whole_and_the_finished_one_goes_on_from_there(
    chromium: Browser, url: str, resting: Drawing, portrait_file: Path, speech_of_six: Path, tmp_path: Path
) -> None:
    page = new_visitor(chromium, 1440, 900)
    page.set_default_timeout(60_000)
    complaints = complaints_of(page)
    page.goto(url)
    page.locator("#portrait input[type=file]").set_input_files(portrait_file)
    page.locator("#audio input[type=file]").set_input_files(speech_of_six)
    page.locator("#portrait img").wait_for()
    page.locator("#found-note .note").first.wait_for()
    page.locator("#consent input").check()
    page.locator("#animate").click()
    page.wait_for_function("document.querySelector('#growing video')?.currentTime > 0.5")
    assert page.locator("#status").get_by_text("Done").count() == 0, "it did not wait for the whole"
    page.screenshot(path=tmp_path / "growing.png")
    resting.released.set()
    page.locator("#status").get_by_text("Done").wait_for()
    page.wait_for_function("document.querySelector('#result video')?.currentTime > 0.5")
    assert page.locator("#growing video").count() == 0
    assert page.locator("#result").get_by_label("Download").count() + page.locator("#result a[download]").count() > 0
    assert complaints == []
    page.close()
