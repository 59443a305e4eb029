"""What a visitor sees of a run, looked at as boxes inside the window: progress, waiting, and the result that plays."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from browser import complaints_of, needs_browser, new_visitor
from PIL import Image
from playwright.sync_api import Browser, Page, expect
from test_app import FakePipeline, served

WIDE, PHONE = (1440, 900), (390, 844)
PATIENCE_SECONDS = 60

pytestmark = [pytest.mark.slow, needs_browser]

# Every 50 ms: where the progress and the notes are, as far as they can be seen.
WATCH = """() => {
    window.seen = [];
    setInterval(() => {
        for (const element of document.querySelectorAll('#status .progress, #status .note')) {
            const box = element.getBoundingClientRect();
            if (!element.checkVisibility() || box.height < 8) continue;
            const bar = element.querySelector('.progress-bar > div');
            window.seen.push({
                inside: box.top >= 0 && box.bottom <= innerHeight && box.left >= 0 && box.right <= innerWidth,
                text: element.innerText,
                width: bar ? Number(element.getAttribute('aria-valuenow')) : null,
            });
        }
    }, 50);
}"""


class SteppingPipeline(FakePipeline):
    """Reports a hundred frames, and takes about four seconds for them."""

    def animate(self, portrait: str | Path, audio: str | Path, output: str | Path, **options: Any) -> dict[str, Any]:
        for stage, share in (("face", 0.1), ("motion", 0.2), ("lip_correction", 0.7), ("video", 1.0)):
            for done in range(0, 101, 4):
                options["progress"](stage, done, 100)
                self.released.wait(0.08 * share)
        return super().animate(portrait, audio, output, **options)


@pytest.fixture(scope="module")
def stepping() -> SteppingPipeline:
    return SteppingPipeline()


@pytest.fixture(scope="module")
def url(stepping: SteppingPipeline, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with served(stepping, tmp_path_factory.mktemp("server")) as address:
        yield address


@pytest.fixture(scope="module")
def files(astronaut: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("files")
    paths = {"portrait": folder / "portrait.png", "slow": folder / "slow.png", "speech": folder / "speech.wav"}
    for name in ("portrait", "slow"):
        Image.fromarray(astronaut).save(paths[name])
    moments = np.arange(16_000) / 16_000
    soundfile.write(paths["speech"], 0.3 * np.sin(2 * np.pi * 220 * moments), 16_000)
    return paths


def visit(chromium: Browser, url: str, size: tuple[int, int]) -> Page:
    page = new_visitor(chromium, size[0], size[1])
    page.set_default_timeout(PATIENCE_SECONDS * 1000)
    page.goto(url)
    page.locator("#animate").wait_for()
    return page


def fill_in(page: Page, portrait: Path, speech: Path) -> None:
    page.locator("#portrait input[type=file]").set_input_files(portrait)
    page.locator("#audio input[type=file]").set_input_files(speech)
    page.locator("#portrait img").wait_for()
    page.locator("#audio #duration", has_text=re.compile("0:0[1-9]")).wait_for()
    page.locator("#found-note .note").wait_for()
    page.locator("#consent input").check()


def in_window(page: Page, selector: str) -> bool:
    script = """selector => { const element = document.querySelector(selector);
        if (!element || !element.checkVisibility()) return false;
        const box = element.getBoundingClientRect();
        return box.height > 8 && box.top >= 0 && box.bottom <= innerHeight && box.right <= innerWidth; }"""
    return bool(page.evaluate(script, selector))


@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["laptop", "phone"])
def test_progress_moves_in_sight_and_the_result_plays_there(
    chromium: Browser, url: str, files: dict[str, Path], size: tuple[int, int]
) -> None:
    page = visit(chromium, url, size)
    complaints = complaints_of(page)
    page.wait_for_function("document.querySelector('#opening video')?.currentTime > 0.3")
    assert in_window(page, "#opening video"), "portraits speak when the page opens"
    fill_in(page, files["portrait"], files["speech"])
    page.evaluate(WATCH)
    page.locator("#animate").click()
    page.locator("#status").get_by_text("Done").wait_for()
    page.wait_for_function("document.querySelector('#result video')?.currentTime > 0.1")
    page.wait_for_timeout(800)  # of scrolling
    assert in_window(page, "#result")
    assert complaints == []
    if size == WIDE:
        assert page.evaluate("window.scrollY") == 0
        assert all(in_window(page, part) for part in ("#portrait", "#audio", "#preset", "#consent", "#animate"))
    seen = page.evaluate("window.seen")
    bars = [one for one in seen if one["width"] is not None]
    # On a phone the first ones are on their way there.
    settled = bars if size == WIDE else bars[len(bars) // 2 :]
    assert len(settled) > 5
    assert all(one["inside"] for one in settled)
    widths = [one["width"] for one in bars]
    assert widths == sorted(widths), "the bar ran backwards"
    assert len(set(widths)) > 2
    page.close()


def test_who_waits_sees_how_many_come_before(
    chromium: Browser, url: str, stepping: SteppingPipeline, files: dict[str, Path]
) -> None:
    first, second = visit(chromium, url, WIDE), visit(chromium, url, WIDE)
    for page, portrait in ((first, files["slow"]), (second, files["portrait"])):
        fill_in(page, portrait, files["speech"])
        page.locator("#animate").click()
        page.locator("#status").get_by_text(
            re.compile("Drawing" if page is first else "Waiting: 1 request comes before yours")
        ).wait_for()
    assert in_window(second, "#status .note")
    second.screenshot(path=files["speech"].with_name("waiting.png"))
    stepping.released.set()
    for page in (first, second):
        page.locator("#status").get_by_text("Done").wait_for()
        page.close()


def test_an_example_s_settings_show_and_do_not_stick_to_one_s_own_portrait(
    chromium: Browser, url: str, files: dict[str, Path]
) -> None:
    page = visit(chromium, url, WIDE)
    page.get_by_role("button", name="Admiral").click()
    chips = page.locator("#chips")
    chips.get_by_text("head motion: still").wait_for()
    assert chips.locator(".chip").all_inner_texts() == ["head motion: still", "lip motion: 1.1"]
    assert in_window(page, "#changed")
    page.locator("#portrait").get_by_label("Remove Image").click()
    page.locator("#portrait input[type=file]").set_input_files(files["portrait"])
    page.locator("#changed").wait_for(state="hidden")
    page.get_by_role("button", name="Admiral").click()
    chips.get_by_text("head motion: still").wait_for()
    page.locator("#preset").get_by_label("Fast").check()
    page.locator("#reset").click()
    page.locator("#changed").wait_for(state="hidden")
    expect(page.locator("#preset").get_by_label("Balanced")).to_be_checked()
    page.get_by_role("button", name="More settings").click()
    expect(page.locator("#head-motion").get_by_label("Natural")).to_be_checked()
    expect(page.locator("#lip-scale input[type=number]")).to_have_value("1")
    page.close()


def test_a_reload_asks_and_then_finds_the_run_and_its_result_again(
    chromium: Browser, url: str, stepping: SteppingPipeline, files: dict[str, Path]
) -> None:
    stepping.released.clear()
    page = visit(chromium, url, WIDE)
    asked: list[str] = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
    fill_in(page, files["slow"], files["speech"])
    page.locator("#animate").click()
    page.locator("#status").get_by_text("Drawing").wait_for()
    page.reload()
    assert asked == ["beforeunload"]
    page.locator("#cancel").wait_for()
    page.get_by_role("progressbar").wait_for()
    stepping.released.set()
    page.locator("#status").get_by_text("Done").wait_for()
    page.wait_for_function("document.querySelector('#result video')?.readyState >= 2")
    page.locator("#animate").wait_for()
    page.reload()
    page.locator("#status").get_by_text("Done").wait_for()
    page.wait_for_function("document.querySelector('#result video')?.readyState >= 2")
    assert asked == ["beforeunload"]
    # Another browser's window, which has a storage of its own.
    elsewhere = chromium.new_page()
    elsewhere.goto(url)
    elsewhere.locator("#animate").wait_for()
    elsewhere.wait_for_timeout(1500)
    assert elsewhere.locator("#result video").count() == 0
    elsewhere.close()
    page.close()
