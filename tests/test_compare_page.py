"""Videos in step, in a real browser: the page that the command line writes, and the Compare tab with fake methods."""

import json
import shutil
import time
from collections.abc import Callable, Iterator
from itertools import repeat
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser import complaints_of, needs_browser, new_visitor
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from playwright.sync_api import Browser, Page

from moditalker.audio.load import load_audio
from moditalker.baselines.frame_writing import write_frames
from moditalker.baselines.protocol import Facts, Made, Options
from moditalker.compare.comparison_page import Shown, write_page
from moditalker.compare.inputs import Inputs, prepare_inputs
from moditalker.constants import SAMPLE_RATE
from moditalker.face.picture import load_portrait
from moditalker.face.tracker import make_tracker
from moditalker.ui.animate.request import Request
from moditalker.ui.compare.compare_request import CompareRequest
from moditalker.ui.compare.compare_studio import CompareStudio
from moditalker.ui.compare.compare_tab import CompareTab
from moditalker.ui.page import build_page, launch_options
from moditalker.ui.shared.line import Line
from moditalker.ui.shared.settings import Settings
from moditalker.ui.shared.workspace import Workspace
from moditalker.utils.errors import InputError
from moditalker.utils.progress import Progress
from moditalker.video.read import probe_video

IN_STEP_SECONDS = 0.08
IN_STEP_SAMPLES = 10
"""In a row, 50 ms apart."""
IN_STEP_PATIENCE_SECONDS = 30
MOST_LATE = 0.3
"""Of a timer's own time, on average; on an idle machine it is 0.01."""
SECONDS = 20.0
"""Long enough for a busy machine to look while they play."""
PATIENCE_SECONDS = 180

pytestmark = pytest.mark.slow


def silent(*told: object) -> None:
    """Whatever is told."""


@pytest.fixture
def browser_page(chromium: Browser) -> Iterator[Page]:
    opened = new_visitor(chromium, 1280, 1100)
    opened.set_default_timeout(PATIENCE_SECONDS * 1000)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def inputs(small_picture: np.ndarray, speech: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Inputs:
    folder = tmp_path_factory.mktemp("inputs")
    return prepare_inputs(small_picture, np.resize(speech, 4 * SAMPLE_RATE), folder, make_tracker("mediapipe"))


def write_shades(path: Path, seconds: float, samples: np.ndarray) -> None:
    """A small video that gets brighter as it goes."""
    count = round(25 * seconds)
    shades = np.linspace(20, 220, count).astype(np.uint8)
    frames = (np.full((1, 64, 64, 3), shade, np.uint8) for shade in shades)
    write_frames(path, frames, samples, count, Options(), silent, {})


class Step:
    """The videos on a page.

    Args:
        page: opened.
        root: selector of what holds the videos and, somewhere on the page, one set of controls.
    """

    def __init__(self, page: Page, root: str) -> None:
        self.page, self.root = page, root

    def control(self, role: str) -> Any:
        return self.page.locator(f'[data-role="{role}"]')

    def videos(self, what: str) -> list[Any]:
        """An expression of each ``video``, all at one moment."""
        script = f"root => [...document.querySelectorAll(root + ' video')].map(video => {what})"
        return list(self.page.evaluate(script, self.root))

    def until(self, condition: str) -> None:
        """Wait for an expression of all ``videos``."""
        script = f"root => {{ const videos = [...document.querySelectorAll(root + ' video')]; return {condition}; }}"
        self.page.wait_for_function(script, arg=self.root)

    def seek(self, share: float) -> None:
        """Move the slider to a share of the whole, as a hand does."""
        self.control("seek").evaluate(
            "(seek, value) => { seek.value = value; seek.dispatchEvent(new Event('input')); }", round(1000 * share)
        )

    def check_in_step(self) -> None:
        """Assert that all play within 80 ms of each other for half a second, at some time in the next half a minute.

        The page itself looks, at all of them at one moment; how late its looks come tells how busy the machine is.
        """
        in_step, late = self.page.evaluate(
            """async ([root, samples, apart, patience]) => {
                const start = performance.now(), passed = () => (performance.now() - start) / 1000;
                let looks = 0, kept = 0;
                while (kept < samples && passed() < patience) {
                    await new Promise(done => setTimeout(done, 50));
                    looks++;
                    const videos = [...document.querySelectorAll(root + " video")];
                    const moments = videos.map(video => video.currentTime);
                    const good = !videos.some(video => video.paused || video.seeking);
                    kept = good && Math.max(...moments) - Math.min(...moments) < apart ? kept + 1 : 0;
                }
                return [kept === samples, passed() / (0.05 * looks) - 1];
            }""",
            [self.root, IN_STEP_SAMPLES, IN_STEP_SECONDS, IN_STEP_PATIENCE_SECONDS],
        )
        if not in_step and late > MOST_LATE:
            pytest.skip(f"The browser's timers took {1 + late:.1f} times as long: this machine is too busy to tell.")
        assert in_step, "The videos that play are not within 80 ms of each other."


@pytest.fixture(scope="module")
def row(inputs: Inputs, speech: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``index.html``, which has one row of three videos, and ``column-0.mp4`` and so on."""
    folder = tmp_path_factory.mktemp("row")
    videos = [folder / f"column-{index}.mp4" for index in range(3)]
    write_shades(videos[0], SECONDS, np.resize(speech, int(SECONDS * SAMPLE_RATE)))
    for video in videos[1:]:
        shutil.copy(videos[0], video)
    rows = [{"name": name, "title": name.title(), "identity": 0.9} for name in ("one", "two", "three")]
    shutil.copy(inputs.portrait, folder / "portrait.png")
    write_page(folder / "index.html", "Side by side", [Shown("ada", folder / "portrait.png", rows, videos, None)])
    return folder


def open_row(page: Page, folder: Path, count: int) -> Step:
    """The page, as soon as so many videos can play."""
    page.goto((folder / "index.html").as_uri())
    step = Step(page, ".row")
    step.until(f"videos.filter(video => video.readyState >= 3).length === {count}")
    return step


@needs_browser
def test_the_videos_of_a_row_are_tied(row: Path, browser_page: Page) -> None:
    complaints = complaints_of(browser_page)
    step = open_row(browser_page, row, 3)

    step.control("loop").check()
    step.control("play").click()
    step.until("videos.every(video => video.currentTime > 0.3)")
    step.seek(0.5)
    step.until("videos.every(video => !video.paused && video.currentTime > 10.1)")
    assert step.videos("video.muted") == [False, True, True]
    step.control("sound").select_option("1")
    assert step.videos("video.muted") == [True, False, True]

    # A video's own controls move the others too.
    step.videos("video.pause()")
    step.until("videos.every(video => video.paused)")
    browser_page.evaluate("document.querySelectorAll('video')[2].currentTime = 1.5")
    step.until("videos.every(video => !video.seeking && Math.abs(video.currentTime - 1.5) < 0.01)")
    assert step.control("play").inner_text() == "▶ Play"
    browser_page.evaluate("void document.querySelectorAll('video')[0].play().catch(() => {})")
    step.until("videos.every(video => !video.paused && video.currentTime > 1.7)")

    step.seek(0.97)
    step.until("videos.every(video => !video.paused && video.currentTime > 0.1 && video.currentTime < 15)")
    step.control("loop").uncheck()
    step.seek(0.97)
    step.until("videos.every(video => video.ended)")
    browser_page.wait_for_function("document.querySelector('[data-role=play]').textContent.includes('Play')")

    step.control("difference").check()
    overlays = browser_page.locator(".row img.difference")
    assert overlays.count() == 3
    assert overlays.first.evaluate("picture => getComputedStyle(picture).mixBlendMode") == "difference"
    sizes = browser_page.evaluate(
        "[...document.querySelectorAll('img.difference, video')].map(shown => shown.getBoundingClientRect().width)"
    )
    assert max(sizes) - min(sizes) < 1.5
    step.control("difference").uncheck()
    assert overlays.count() == 0
    assert [told for told in complaints if not told.startswith("request: file:")] == []

    step.control("loop").check()
    step.control("play").click()
    step.seek(0.3)
    step.until("videos.every(video => !video.paused && !video.seeking && video.currentTime > 6.1)")
    step.check_in_step()


@needs_browser
def test_one_that_loses_time_is_waited_for(row: Path, browser_page: Page) -> None:
    step = open_row(browser_page, row, 3)
    # What the clock of a muted video does on a busy machine: it loses a fifth of its time, whatever it is told.
    browser_page.evaluate(
        """() => {
            const own = Object.getOwnPropertyDescriptor(HTMLMediaElement.prototype, "playbackRate");
            const slow = document.querySelectorAll("video")[1];
            const set = speed => own.set.call(slow, 0.8 * speed);
            Object.defineProperty(slow, "playbackRate", { set, get: () => own.get.call(slow) / 0.8 });
            slow.playbackRate = 1;
        }"""
    )
    # Not in a loop: whatever starts anew is in step for a moment.
    step.control("play").click()
    step.until("videos.every(video => !video.paused && video.currentTime > 2)")
    step.check_in_step()


@needs_browser
def test_one_that_cannot_be_played_holds_up_nobody(row: Path, browser_page: Page, tmp_path: Path) -> None:
    folder = tmp_path / "row"
    shutil.copytree(row, folder)
    (folder / "column-1.mp4").write_bytes(b"No video.")
    step = open_row(browser_page, folder, 2)
    step.control("play").click()
    step.seek(0.3)
    both = "[videos[0], videos[2]]"
    step.until(f"{both}.every(video => !video.paused && !video.seeking && video.currentTime > 6.1)")
    # A video that is played again goes on from its start, and the others with it.
    step.seek(0.99)
    step.until(f"{both}.every(video => video.ended)")
    browser_page.evaluate("void document.querySelectorAll('video')[2].play().catch(() => {})")
    step.until(f"{both}.every(video => !video.paused && video.currentTime > 0.1 && video.currentTime < 15)")


class Fake:
    """A method that shows the portrait, or does what a test says.

    Args:
        name, title: of it.
        before: called with the progress before the video is written.
        sent_to: a machine elsewhere.
        missing: why it cannot run.
    """

    def __init__(
        self,
        name: str,
        title: str,
        before: Callable[[Progress], None] | None = None,
        sent_to: str = "",
        missing: str | None = None,
    ) -> None:
        self.facts = Facts(name, title, "As a test says.", "MIT", sent_to=sent_to)
        self._before, self._missing = before, missing

    def available(self) -> str | None:
        return self._missing

    def make(self, portrait: Path, audio: Path, output: Path, options: Options, progress: Progress) -> Made:
        if self._before is not None:
            self._before(progress)
        samples = load_audio(audio)
        count = round(25 * len(samples) / SAMPLE_RATE)
        write_frames(output, repeat(load_portrait(portrait)[None], count), samples, count, options, progress, {})
        return Made({"video": 0.5}, [f"{self.facts.title} has a warning."])


def erring(progress: Progress) -> None:
    raise InputError("Marmoset at the zoo refused or failed: No GPU is free.")


def endless(progress: Progress) -> None:
    while True:
        progress("waiting", 0, 1)
        time.sleep(0.05)


METHODS = [
    Fake("okapi", "Okapi 3000"),
    Fake("quokka", "Quokka Pro"),
    Fake("marmoset", "Marmoset", erring, "http://zoo"),
    Fake("sloth", "Sloth", endless),
    Fake("lemur", "Lemur"),
    Fake("dodo", "Dodo", missing="Dodo needs an island: name one."),
]
TITLES = [method.facts.title for method in METHODS]
SETTINGS = Settings(max_audio_seconds=5)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return Workspace(tmp_path_factory.mktemp("server") / "work")


@pytest.fixture(scope="module")
def url(workspace: Workspace) -> Iterator[str]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GRADIO_TEMP_DIR", str(workspace.root.parent / "gradio"))
        studio = CompareStudio({method.facts.name: method for method in METHODS}, SETTINGS, workspace, Line(1, 8))
        tab = CompareTab(studio, SETTINGS)
        page = build_page([tab], SETTINGS)
        _, address, _ = page.launch(
            **launch_options(SETTINGS), prevent_thread_lock=True, quiet=True, server_name="127.0.0.1"
        )
        yield address
        page.close(verbose=False)


@needs_browser
def test_a_visitor_compares_first_blind_then_with_names(
    url: str, inputs: Inputs, browser_page: Page, tmp_path: Path
) -> None:
    page, complaints = browser_page, complaints_of(browser_page)
    page.goto(url)
    page.locator("#compare-portrait input[type=file]").set_input_files(inputs.portrait)
    page.locator("#compare-audio input[type=file]").set_input_files(inputs.audio)
    page.locator("#compare-portrait img").wait_for()
    choice = page.locator("#compare-methods")
    page.locator("#compare-apart summary").get_by_text("1 more cannot run here").click()
    page.locator("#compare-apart").get_by_text("Dodo needs an island").wait_for()
    assert "Dodo" not in choice.inner_text()
    for name in ("Okapi 3000", "Quokka Pro", "Marmoset ↗"):
        choice.get_by_label(name).check()
    page.locator("#compare-share").get_by_text("may be sent to http://zoo").wait_for()
    page.locator("#compare-share input").check()
    page.locator("#compare-consent input").check()
    page.locator("#compare-blind input").check()
    choice.wait_for(state="hidden")
    page.locator("#compare").click()
    page.locator("#compare-status").get_by_text("Done: 2 of 3 columns").wait_for(timeout=300_000)
    step = Step(page, "#compare-columns")
    step.until("videos.length === 2 && videos.every(video => video.readyState >= 3)")

    # Not a word of a name: neither in what is seen, nor in what is there for programs that read pages aloud.
    texts = "document.body.innerText + [...document.querySelectorAll('.gradio-container *')].map(element =>"
    texts += " ['aria-label', 'title', 'alt', 'src', 'href'].map(name => element.getAttribute(name))).join(' ')"
    hidden = page.evaluate(texts)
    assert [title for title in (*TITLES, "okapi", "quokka", "marmoset", "zoo") if title in hidden] == []
    assert page.locator("#compare-columns label").all_inner_texts()[:2] == ["A", "B"]
    # Numbers tell the methods apart too.
    assert page.locator("#compare-table table").count() == 0
    assert not page.locator("#compare-csv").is_visible()
    assert "This column could not be made" in hidden

    step.seek(0.3)
    step.until("videos.every(video => !video.seeking && Math.abs(video.currentTime - 1.2) < 0.05)")
    assert sorted(step.videos("video.muted")) == [False, True]
    step.control("difference").check()
    assert page.locator("#compare-columns img.difference").count() == 2
    page.screenshot(path=tmp_path / "blind.png", full_page=True)

    page.locator("#compare-reveal").click()
    choice.wait_for()
    assert page.locator("#compare-table th[scope=row]").count() == 3
    assert not page.locator("#compare-blind input").is_checked()
    page.locator("#compare-table").get_by_text("Okapi 3000").wait_for()
    shown = page.evaluate("document.body.innerText")
    assert all(title in shown for title in ("Okapi 3000", "Quokka Pro", "Marmoset"))
    assert "No GPU is free" in shown
    assert "Quokka Pro has a warning." in shown
    page.screenshot(path=tmp_path / "named.png", full_page=True)
    page.set_viewport_size({"width": 390, "height": 844})
    page.wait_for_timeout(300)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    cut_off = page.evaluate(
        "[...document.querySelectorAll('#compare-columns video, #compare-bar button, #compare-bar input')]"
        ".filter(element => element.checkVisibility() && element.getBoundingClientRect().right > 390).length"
    )
    assert cut_off == 0
    page.screenshot(path=tmp_path / "phone.png", full_page=True)
    page.set_viewport_size({"width": 1280, "height": 1100})
    assert complaints == []

    step.control("loop").check()
    step.control("play").click()
    step.seek(0.5)
    step.until("videos.every(video => !video.paused && !video.seeking)")
    step.check_in_step()


def ask(url: str, inputs: Inputs, **told: Any) -> Any:
    told = {"consent": True, "methods": ["okapi", "quokka"], **told}
    client = Client(url, verbose=False)
    files = {"portrait": handle_file(str(inputs.portrait)), "audio": handle_file(str(inputs.audio))}
    return client.submit(**files, **told, api_name="/compare")


def test_a_program_compares(url: str, inputs: Inputs, workspace: Workspace) -> None:
    # Of the page's own runs, which a browser may come back to.
    kept = set(workspace.root.glob("request-*"))
    video, rows, table, videos, seed = ask(
        url, inputs, methods=["okapi", "marmoset", "quokka"], share=True, seed=7
    ).result(timeout=180)
    assert [row["name"] for row in rows] == ["okapi", "marmoset", "quokka"]
    assert rows[0]["real_time_factor"] == pytest.approx(0.5 / 4)
    assert rows[0]["identity"] > 0.9
    assert rows[1]["failed"].startswith("Marmoset at the zoo")
    assert seed == 7
    assert len(videos) == 2
    assert probe_video(video["video"] if isinstance(video, dict) else video).size[0] > 2 * 256
    assert "Okapi 3000" in Path(table).read_text()
    end = time.monotonic() + 10
    while set(workspace.root.glob("request-*")) != kept and time.monotonic() < end:
        time.sleep(0.1)
    assert set(workspace.root.glob("request-*")) == kept
    assert str(workspace.root) not in json.dumps(rows)


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        ({"consent": False}, "Tick that you may use this face"),
        ({"methods": ["okapi"]}, "2 to 4 columns, and 1"),
        ({"methods": ["marmoset", "okapi"]}, "would be sent to http://zoo"),
    ],
)
def test_what_cannot_be_compared_is_refused_in_a_sentence(
    url: str, inputs: Inputs, told: dict[str, Any], reason: str
) -> None:
    with pytest.raises(AppError, match=reason):
        ask(url, inputs, **told).result(timeout=60)


def test_a_comparison_that_is_given_up_leaves_nothing(inputs: Inputs, tmp_path: Path) -> None:
    workspace = Workspace(tmp_path / "work")
    studio = CompareStudio({method.facts.name: method for method in METHODS}, SETTINGS, workspace, Line(1, 8))
    request = CompareRequest(
        Request(str(inputs.portrait), str(inputs.audio), consent=True), ("okapi", "sloth"), video=None
    )
    made = studio.make(request)
    for _ in range(3):
        next(made)
    made.close()
    end = time.monotonic() + 10
    while list(workspace.root.iterdir()) and time.monotonic() < end:
        time.sleep(0.05)
    assert list(workspace.root.iterdir()) == []
