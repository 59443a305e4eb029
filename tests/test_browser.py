"""The real app in a real browser: `python app.py`, driven through headless Chromium."""

import json
import re
import time
from collections.abc import Iterator
from dataclasses import astuple
from pathlib import Path

import pytest
import skimage.data
import soundfile
from app_server import Server
from browser import complaints_of, needs_browser, new_visitor
from PIL import Image
from playwright.sync_api import Browser, Page

from moditalker.audio.text_to_speech import synthesize
from moditalker.constants import SAMPLE_RATE
from moditalker.ui.animate.presets import DEFAULT_PRESET, PRESETS

ANIMATE_SECONDS = 180
EXAMPLE_SECONDS = 8.0
PATIENCE_SECONDS = 60

pytestmark = [pytest.mark.slow, needs_browser]


@pytest.fixture
def url(app: Server) -> str:
    return app.url


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    opened = new_visitor(chromium, 1280, 1100)
    opened.set_default_timeout(PATIENCE_SECONDS * 1000)
    yield opened
    opened.close()


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


def fill_in(page: Page, url: str, portrait: Path, speech: Path) -> None:
    page.goto(url)
    page.locator("#portrait input[type=file]").set_input_files(portrait)
    page.locator("#audio input[type=file]").set_input_files(speech)
    page.locator("#portrait img").wait_for()
    page.locator("#audio #duration", has_text=re.compile("0:0[1-9]")).wait_for()
    page.get_by_label("I may use this face and this voice").check()
    page.get_by_role("button", name="More settings").click()
    for slider, steps in (("atom-steps", "2"), ("mtov-steps", "1")):
        page.locator(f"#{slider} input[type=number]").fill(steps)


def test_an_example_s_result_is_there_and_plays_at_a_click(url: str, page: Page) -> None:
    complaints = complaints_of(page)
    page.goto(url)
    page.locator("#animate").wait_for()
    started = time.monotonic()
    page.get_by_role("button", name="Astronaut").click()
    page.wait_for_function("document.querySelector('#result video')?.currentTime > 0.1")
    assert time.monotonic() - started < EXAMPLE_SECONDS
    first = page.locator("#result video").get_attribute("src")
    page.get_by_role("button", name="Admiral").click()
    page.wait_for_function(
        "first => { const video = document.querySelector('#result video');"
        " return video && video.getAttribute('src') != first && video.readyState >= 2; }",
        arg=first,
    )
    assert page.locator("#used-seed input").input_value() == "1"
    assert complaints == []


def test_a_visitor_gets_a_video_as_long_as_the_recording(
    url: str, page: Page, astronaut: Path, speech: Path, tmp_path: Path
) -> None:
    complaints = complaints_of(page)
    fill_in(page, url, astronaut, speech)
    page.locator("#found img").wait_for()
    assert "One face" in page.locator("#found-note").inner_text()
    assert not page.locator("#face").is_visible()
    page.locator("#animate").click()
    page.get_by_role("progressbar").wait_for(timeout=ANIMATE_SECONDS * 1000)
    page.locator("#status").get_by_text("Done").wait_for(timeout=ANIMATE_SECONDS * 1000)

    video = page.locator("#result video")
    page.wait_for_function("document.querySelector('#result video')?.readyState >= 2")
    assert video.evaluate("video => video.duration") == pytest.approx(soundfile.info(speech).duration, abs=0.05)
    assert video.evaluate("video => video.videoWidth") > 0
    assert int(page.locator("#used-seed input").input_value()) >= 0
    page.get_by_role("button", name="Report").click()
    with page.expect_download() as download:
        page.locator("#report-file").click()
    assert json.loads(download.value.path().read_text())["output"] == download.value.suggested_filename.replace(
        ".json", ".mp4"
    )
    video.evaluate("async video => { video.muted = true; await video.play(); }")
    page.wait_for_function("document.querySelector('#result video').currentTime > 0.2")
    page.screenshot(path=tmp_path / "result.png", full_page=True)

    # And once more, cancelled: the page says so and offers to start again.
    page.locator("#animate").click()
    page.get_by_role("progressbar").wait_for(timeout=ANIMATE_SECONDS * 1000)
    page.get_by_role("button", name="Cancel").click()
    page.locator("#status").get_by_text("Cancelled").wait_for(timeout=ANIMATE_SECONDS * 1000)
    page.locator("#animate").wait_for()
    assert page.locator("#result video").count() == 0
    assert complaints == []


def test_a_click_on_a_face_of_a_group_chooses_it(
    url: str, page: Page, astronaut: Path, speech: Path, tmp_path: Path
) -> None:
    complaints = complaints_of(page)
    head = Image.open(astronaut).crop((120, 0, 350, 230))
    group = Image.new("RGB", (500, 240), "white")
    group.paste(head.resize((200, 200)), (10, 20))
    group.paste(head, (250, 5))
    group.save(tmp_path / "group.png")
    fill_in(page, url, tmp_path / "group.png", speech)
    page.locator("#found-note").get_by_text("Face 2 of 2 speaks").wait_for()
    picture = page.locator("#found img")
    shown = picture.bounding_box()
    assert shown is not None
    scale = min(shown["width"] / 500, shown["height"] / 240)
    middle = {"x": shown["width"] / 2 + (110 - 250) * scale, "y": shown["height"] / 2}
    picture.click(position=middle)
    page.locator("#found-note").get_by_text("Face 1 of 2 speaks").wait_for()
    assert page.locator("#face input").input_value() == "1"
    assert complaints == []


def test_a_picture_without_a_face_and_a_missing_consent_get_a_sentence(
    url: str, page: Page, speech: Path, tmp_path: Path
) -> None:
    complaints = complaints_of(page)
    wall = tmp_path / "wall.png"
    Image.new("RGB", (320, 320), "steelblue").save(wall)
    fill_in(page, url, wall, speech)
    page.locator("#found-note").get_by_text("No face was found").wait_for()
    page.locator("#animate").click()
    page.get_by_test_id("toast-body").get_by_text("No face was found").wait_for(timeout=ANIMATE_SECONDS * 1000)
    page.locator("#animate").wait_for()
    page.get_by_label("I may use this face and this voice").uncheck()
    page.locator("#animate").click()
    page.get_by_test_id("toast-body").get_by_text("Tick that you may use this face").wait_for()
    assert page.get_by_role("button", name="Cancel").count() == 0
    assert complaints == []


def test_presets_dice_and_text_set_what_they_say(url: str, page: Page) -> None:
    complaints = complaints_of(page)
    page.goto(url)
    page.locator("#animate").wait_for()
    page.get_by_role("button", name="More settings").click()

    def values() -> list[str]:
        sliders = [page.locator(f"#{name} input[type=number]") for name in ("atom-steps", "mtov-steps", "guidance")]
        return [slider.input_value() for slider in sliders]

    def wait_for(expected: list[str]) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while values() != expected and time.monotonic() < deadline:
            page.wait_for_timeout(100)
        assert values() == expected

    expected = {name: [f"{value:g}" for value in astuple(preset)] for name, preset in PRESETS.items()}
    wait_for(expected[DEFAULT_PRESET])
    for name in ("fast", "best", "balanced"):
        page.locator("#preset").get_by_label(name.capitalize()).click()
        wait_for(expected[name])
        # The name follows the values; what came before may be named in between.
        page.locator(f"#preset input[value={name}]:checked").wait_for()

    seed = page.locator("#seed input")
    assert seed.input_value() == "-1"
    page.locator("#dice").click()
    page.wait_for_function("Number(document.querySelector('#seed input').value) >= 0")

    page.get_by_label("A text", exact=True).check()
    page.locator("#text textarea").fill("Mama, come!")
    page.locator("#estimate .note").wait_for()
    page.get_by_role("button", name="Listen to it").click()
    page.locator("#voice #duration", has_text=re.compile("0:0[1-9]")).wait_for()
    assert complaints == []


def test_the_page_is_used_by_keyboard_and_fits_a_phone(url: str, page: Page) -> None:
    page.goto(url)
    page.locator("#animate").wait_for()
    reached = set()
    for _ in range(60):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.closest('[id]')?.id"))
    assert reached >= {"consent", "animate"}, reached
    page.set_viewport_size({"width": 390, "height": 844})
    for tab in ("Animate", "Live", "Dub", "Compare", "Study", "About"):
        page.get_by_role("tab", name=tab).click()
        page.wait_for_timeout(300)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, f"{tab} is wider than the screen"
    unnamed = page.evaluate(
        "[...document.querySelectorAll('img')].filter(img => !img.hasAttribute('alt')).map(img => img.src)"
    )
    assert unnamed == []
