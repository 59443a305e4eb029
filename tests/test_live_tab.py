"""The Live tab in headless Chromium with a fake microphone: lips move after speech, and rest when it has ended."""

import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
import soundfile
import uvicorn
from app_server import Server
from browser import CHROMIUM, CHROMIUM_OPTIONS, complaints_of, needs_browser
from playwright.sync_api import Page, sync_playwright
from starlette.applications import Starlette
from starlette.responses import HTMLResponse
from starlette.routing import Route

from moditalker.constants import SAMPLE_RATE
from moditalker.pipeline import MoDiTalkerPipeline
from moditalker.ui.live.live_socket import LiveSocket
from moditalker.ui.shared.hosts import host_checks
from moditalker.ui.shared.line import Line
from moditalker.ui.shared.settings import Settings
from moditalker.ui.shared.workspace import Workspace

PATIENCE_SECONDS = 60

pytestmark = [pytest.mark.slow, needs_browser]

# Mean change of the shown portrait's lower half from one look to the next, grey levels, and what kind of turn it was.
WATCH = """() => {
    const canvas = Object.assign(document.createElement("canvas"), { width: 64, height: 64 });
    const context = canvas.getContext("2d", { willReadFrequently: true });
    let last = null, name = null;
    window.seen = [];
    setInterval(() => {
        const shown = document.querySelector(".live-stage video.shown");
        if (!shown || shown.paused) return;
        context.drawImage(shown, 0, 0, 64, 64);
        const now = context.getImageData(12, 28, 40, 30).data;
        if (last && name === shown.src) {
            const change = now.reduce((sum, value, index) => sum + Math.abs(value - last[index]), 0) / now.length;
            window.seen.push({ kind: shown.dataset.kind, change });
        }
        [last, name] = [now, shown.src];
    }, 120);
}"""


@pytest.fixture
def page(app: Server, speech: np.ndarray, tmp_path: Path) -> Iterator[Page]:
    """With a microphone that hears a second of nothing, a sentence, and then nothing more."""
    quiet = np.zeros(SAMPLE_RATE, np.float32)
    sound = np.concatenate([quiet, speech[: SAMPLE_RATE * 3 // 2], np.tile(quiet, 40)])
    soundfile.write(tmp_path / "voice.wav", sound, SAMPLE_RATE, subtype="PCM_16")
    fake = [
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-audio-capture={tmp_path / 'voice.wav'}%noloop",
        "--autoplay-policy=no-user-gesture-required",
    ]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*CHROMIUM_OPTIONS, *fake])
        opened = browser.new_page(viewport={"width": 1280, "height": 900})
        opened.set_default_timeout(PATIENCE_SECONDS * 1000)
        opened.goto(app.url)
        yield opened
        browser.close()


def test_the_portrait_says_what_the_microphone_hears_and_then_rests(
    page: Page, portrait_file: Path, tmp_path: Path
) -> None:
    complaints = complaints_of(page)
    page.get_by_role("tab", name="Live").click()
    note = page.locator(".live-note")
    page.get_by_role("button", name="Start").click()
    note.get_by_text("There is no portrait").wait_for()
    page.locator("#live-portrait input[type=file]").set_input_files(portrait_file)
    page.locator("#live-portrait img").wait_for()
    page.get_by_role("button", name="Start").click()
    note.get_by_text("Tick that you may use").wait_for()
    page.locator("#live-consent input").check()
    page.get_by_role("button", name="Start").click()
    page.locator(".live-stage video.shown[data-kind=idle]").wait_for()
    page.evaluate(WATCH)
    page.get_by_role("button", name="Speak").click()
    page.locator(".live-stage video.shown[data-kind=speech]").wait_for()
    page.screenshot(path=tmp_path / "live.png")
    page.locator(".live-stage video.shown[data-kind=idle]").wait_for()
    page.wait_for_timeout(1500)
    seen = page.evaluate("window.seen")
    speaking = [one["change"] for one in seen if one["kind"] == "speech"]
    resting = [one["change"] for one in seen if one["kind"] == "idle"][-8:]
    assert max(speaking) > 3 * np.median(resting)
    assert max(resting) > 0, "it does not freeze"
    assert re.fullmatch(r"\d+\.\d s", page.locator("[data-number=delay]").inner_text())
    assert re.fullmatch(r"\d+\.\d\d s", page.locator("[data-number=speed]").inner_text())

    page.get_by_role("button", name="Close the microphone").click()
    page.locator(".live-text").fill("Mama, come!")
    page.get_by_role("button", name="Say it").click()
    page.locator(".live-stage video.shown[data-kind=text]").wait_for()
    page.get_by_role("button", name="Stop").click()
    note.get_by_text("nothing of it was kept").wait_for()
    assert page.locator(".live-stage video").count() == 0
    assert complaints == []


@pytest.fixture
def alone(pipeline: MoDiTalkerPipeline, tmp_path: Path) -> Iterator[str]:
    """The socket, and the documented client in a page of its own."""
    document = (Path(__file__).parents[1] / "docs" / "api.md").read_text()
    [client] = re.findall(r"```html\n(.*?)```", document, re.DOTALL)
    assert len(client.splitlines()) < 40
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    client = client.replace("127.0.0.1:7860", address)
    live = LiveSocket(pipeline, Settings(), Workspace(tmp_path / "work"), Line(1, 8))
    routes = [live.route, Route("/", lambda _: HTMLResponse(client))]
    served = Starlette(routes=routes, middleware=host_checks("127.0.0.1"))
    server = uvicorn.Server(uvicorn.Config(served, port=int(address.partition(":")[2]), log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    yield f"http://{address}"
    server.should_exit = True
    thread.join()


def test_the_documented_client_plays_in_a_page_of_its_own(
    alone: str, page: Page, portrait_file: Path, brief_file: Path
) -> None:
    page.goto(alone)
    page.locator("#portrait").set_input_files(portrait_file)
    page.locator("#speech").set_input_files(brief_file)
    page.locator("#said", has_text="ended").wait_for()
    page.wait_for_function("video.buffered.length && video.buffered.end(0) > 0.4 && video.videoWidth > 0")
    page.evaluate("video.play()")
    page.wait_for_function("video.currentTime > 0.3")
