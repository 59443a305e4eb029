"""The real app in a real browser: `python app.py` with the shipped weights, driven through headless Chromium."""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import skimage.data
import soundfile
from PIL import Image
from playwright.sync_api import ConsoleMessage, Page, sync_playwright

from moditalker.audio.load import SAMPLE_RATE
from moditalker.audio.speech import synthesize

ROOT = Path(__file__).parents[1]
WEIGHTS = ROOT / "assets" / "compact" / "model_index.json"
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
CHROMIUM_OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
START_SECONDS = 180
ANIMATE_SECONDS = 180

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium or Chrome on this machine to drive the page with"),
    pytest.mark.skipif(not WEIGHTS.exists(), reason=f"no weights to serve: {WEIGHTS} is missing"),
]


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until_served(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        assert server.poll() is None, f"app.py ended at its start:\n{log.read_text()}"
        try:
            urllib.request.urlopen(url, timeout=5).close()
        except OSError:
            time.sleep(0.3)
        else:
            return
    pytest.fail(f"app.py did not answer within {START_SECONDS} s:\n{log.read_text()}")


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("server")
    log = folder / "app.log"
    port = free_port()
    environment = os.environ | {
        "GRADIO_SERVER_NAME": "127.0.0.1",
        "GRADIO_SERVER_PORT": str(port),
        "GRADIO_TEMP_DIR": str(folder / "gradio"),
    }
    with log.open("wb") as output:
        server = subprocess.Popen(
            [sys.executable, "app.py"], cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT
        )
        try:
            address = f"http://127.0.0.1:{port}"
            wait_until_served(address, server, log)
            yield address
        finally:
            server.terminate()
            server.wait(timeout=20)


@pytest.fixture
def page() -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_OPTIONS)
        yield browser.new_page(viewport={"width": 1280, "height": 1100})
        browser.close()


@pytest.fixture(scope="module")
def astronaut(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("portrait") / "astronaut.png"
    Image.fromarray(skimage.data.astronaut()).save(path)
    return path


@pytest.fixture(scope="module")
def speech(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("speech") / "mama.wav"
    soundfile.write(path, synthesize("Mama, come!", seed=0), SAMPLE_RATE)
    return path


def complaints_of(page: Page) -> list[str]:
    """Filled while the page is used: errors in its console, exceptions, and requests that leave this machine."""
    complaints: list[str] = []

    def on_console(message: ConsoleMessage) -> None:
        if message.type == "error":
            complaints.append(f"console: {message.text}")

    page.on("console", on_console)
    page.on("pageerror", lambda error: complaints.append(f"exception: {error}"))
    page.on(
        "request",
        lambda request: (
            None
            if request.url.startswith(("http://127.0.0.1:", "data:", "blob:"))
            else complaints.append(f"request: {request.url}")
        ),
    )
    return complaints


def fill_in(page: Page, url: str, portrait: Path, speech: Path) -> None:
    page.goto(url)
    page.locator("#portrait input[type=file]").set_input_files(portrait)
    page.locator("#audio input[type=file]").set_input_files(speech)
    page.locator("#portrait img").wait_for()
    page.locator("#audio #duration", has_text=re.compile("0:0[1-9]")).wait_for()


def test_a_visitor_gets_a_video_as_long_as_the_recording(
    url: str, page: Page, astronaut: Path, speech: Path, tmp_path: Path
) -> None:
    complaints = complaints_of(page)
    fill_in(page, url, astronaut, speech)
    page.get_by_role("button", name="More settings").click()
    for slider, steps in (("atom-steps", "2"), ("mtov-steps", "1")):
        page.locator(f"#{slider} input[type=number]").fill(steps)
    page.locator("#animate").click()

    video = page.locator("#result video")
    video.wait_for(timeout=ANIMATE_SECONDS * 1000)
    page.wait_for_function("document.querySelector('#result video').readyState >= 2")
    assert video.evaluate("video => video.duration") == pytest.approx(soundfile.info(speech).duration, abs=0.05)
    assert video.evaluate("video => video.videoWidth") > 0
    assert int(page.locator("#used-seed input").input_value()) >= 0
    video.evaluate("async video => { video.muted = true; await video.play(); }")
    page.wait_for_function("document.querySelector('#result video').currentTime > 0.2")

    page.screenshot(path=tmp_path / "result.png", full_page=True)
    assert complaints == []


def test_a_picture_without_a_face_gets_a_sentence(url: str, page: Page, speech: Path, tmp_path: Path) -> None:
    wall = tmp_path / "wall.png"
    Image.new("RGB", (320, 320), "steelblue").save(wall)
    fill_in(page, url, wall, speech)
    page.locator("#animate").click()
    page.get_by_test_id("toast-body").get_by_text("face").wait_for(timeout=ANIMATE_SECONDS * 1000)
    assert page.locator("#result video").count() == 0
