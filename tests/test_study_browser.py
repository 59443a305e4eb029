"""The study's page in a real browser: from consent to the completion code."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import needs_browser, new_visitor
from playwright.sync_api import Browser, ConsoleMessage, Page
from study_example import METHODS, make_study
from study_server import StudyServer

from moditalker.study.definition import Study
from moditalker.study.design import trials
from moditalker.study.store import Store

PATIENCE_SECONDS = 90
PRACTICE = 2
TOTAL = PRACTICE + 2 * 2 + 1 + 1 + 1
"""Answers: two questions of the practice, two of each of two trials, a check, and a rating with its practice."""

pytestmark = [pytest.mark.slow, needs_browser]


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return make_study(
        tmp_path_factory.mktemp("study"), methods=2, items=2, paired=2, rating=1, seconds=0.5, sound_check=True
    )


@pytest.fixture(scope="module")
def server(study: Study) -> Iterator[StudyServer]:
    running = StudyServer(study.folder / "study.toml", study.folder / "answers.sqlite")
    running.start()
    yield running
    running.kill()


@pytest.fixture(scope="module")
def rating_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StudyServer]:
    """Of a study with one trial of each kind, in the order of a comparison and a rating."""
    folder = tmp_path_factory.mktemp("rating")
    study = make_study(
        folder, methods=2, items=1, paired=1, rating=1, training=False, checks=0, questions=[("overall", "Which one?")]
    )
    running = StudyServer(study.folder / "study.toml", folder / "answers.sqlite")
    running.start()
    yield running
    running.kill()


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of three raters, who liked one thing each."""
    pytest.importorskip("statsmodels", reason="the statistics are not installed (requirements-study.txt)")
    from moditalker.study.analysis.analysis_report import analyse

    folder = tmp_path_factory.mktemp("report")
    study = make_study(folder, methods=3, items=1, paired=3, rating=2, questions=[("overall", "Which one is better?")])
    methods = {stimulus.id: stimulus.method for stimulus in study.stimuli}
    rows = []
    for block, rater in enumerate("abc"):
        for trial in trials(study, rater, block):
            shown = [methods[name] for name in trial.stimuli]
            answer = "AB"[shown.index(max(shown))] if len(shown) > 1 else str(1 + len(shown[0]) % 5 if shown[0] else 1)
            line = {
                "study": study.hash,
                "rater": rater * 32,
                "trial": trial.token,
                "role": trial.role,
                "answer": answer,
            }
            line |= {"kind": trial.kind, "item": trial.item, "stimuli": trial.stimuli, "question": trial.questions[0]}
            rows.append(json.dumps(line | {"milliseconds": 900, "plays": [1] * len(shown)}) + "\n")
    (folder / "answers.jsonl").write_text("".join(rows))
    analyse(study.folder / "study.toml", folder / "answers.jsonl", folder / "out", draws=50)
    return folder / "out" / "report.html"


@pytest.fixture(scope="module")
def page(chromium: Browser) -> Iterator[Page]:
    opened = new_visitor(chromium, 1180, 900)
    opened.set_default_timeout(PATIENCE_SECONDS * 1000)
    yield opened
    opened.close()


def count_of(page: Page) -> int:
    match = re.match(r"(\d+) of (\d+)", page.locator(".study-count").inner_text())
    assert match is not None
    assert int(match.group(2)) == TOTAL
    return int(match.group(1))


def play_all(page: Page) -> None:
    """Play every video of the trial that was not played yet, one after the other."""
    for place in range(page.locator(".study-play").count()):
        if page.locator(".study-play").nth(place).get_attribute("data-done") == "no":
            page.locator(".study-play").nth(place).click()
            page.wait_for_function(
                "place => document.querySelectorAll('.study-play')[place].dataset.done === 'yes'", arg=place
            )


def answer(page: Page, key: str) -> None:
    """Press a key and wait until the answer is acknowledged."""
    before = page.locator(".study-head").inner_text()
    page.keyboard.press(key)
    page.wait_for_function("before => document.querySelector('.study-head').innerText !== before", arg=before)


def test_from_consent_to_the_completion_code(study: Study, server: StudyServer, page: Page, tmp_path: Path) -> None:
    complaints: list[str] = []
    seen: list[str] = []

    def on_console(message: ConsoleMessage) -> None:
        if message.type == "error":
            complaints.append(f"console: {message.text}")

    page.on("console", on_console)
    page.on("pageerror", lambda error: complaints.append(f"exception: {error}"))
    page.on("request", lambda request: seen.append(request.url))

    # Nobody begins without both ticks.
    page.goto(server.url)
    begin = page.get_by_role("button", name="Begin")
    begin.wait_for()
    assert begin.is_disabled()
    page.get_by_label("years old or older").check()
    assert begin.is_disabled()
    page.get_by_label("agree to take part").check()
    begin.click()

    # The digits have to be right.
    digits = page.locator("#study-digits")
    digits.wait_for()
    assert study.sound_check is not None
    wrong = str(int(study.sound_check.digits[0] != "0")) + study.sound_check.digits[1:]
    for typed in (wrong if wrong != study.sound_check.digits else "1", study.sound_check.digits):
        digits.fill(typed)
        page.get_by_role("button", name="Continue").click()
        if typed != study.sound_check.digits:
            page.get_by_text("Those are not the digits").wait_for()

    # No answer before the end: neither by a click, nor by a key, nor by seeking, nor to the server.
    page.get_by_text("For practice").wait_for()
    options = page.locator(".study-option")
    assert options.count() == 3
    assert all(options.nth(place).is_disabled() for place in range(3))
    page.keyboard.press("a")
    page.wait_for_function("[...document.querySelectorAll('#study video')].every(video => video.duration > 0)")
    page.evaluate(
        "for (const video of document.querySelectorAll('#study video')) { video.currentTime = video.duration; }"
    )
    page.wait_for_timeout(700)
    page.keyboard.press("a")
    page.wait_for_timeout(300)
    assert options.first.is_disabled()
    assert count_of(page) == 0
    assert Store(study.folder / "answers.sqlite", study.hash).lines() == []
    page.locator(".study-play").first.click()
    page.wait_for_function("document.querySelector('.study-play').dataset.done === 'yes'")
    assert options.first.is_disabled()
    play_all(page)
    page.wait_for_function("!document.querySelector('.study-option').disabled")

    # The second question of the same videos is asked without playing them again.
    answer(page, "b")
    assert count_of(page) == 1
    assert options.first.is_enabled()
    answer(page, "=")
    assert count_of(page) == PRACTICE
    assert options.first.is_disabled()

    # A double click stores one answer.
    play_all(page)
    page.locator(".study-option[data-answer='A']").dblclick()
    page.wait_for_function("document.querySelector('.study-count').innerText.startsWith('3 ')")
    page.wait_for_timeout(300)
    assert count_of(page) == 3

    # A reload in the middle goes on where it was, and the videos have to be played again.
    asked = page.locator(".study-asked h2").inner_text()
    page.reload()
    page.locator(".study-asked h2").wait_for()
    assert page.locator(".study-asked h2").inner_text() == asked
    assert count_of(page) == 3
    assert options.first.is_disabled()

    # A server that is away for a moment loses nothing.
    play_all(page)
    page.wait_for_function("!document.querySelector('.study-option').disabled")
    server.kill()
    page.keyboard.press("b")
    page.get_by_text("tries again by itself").wait_for()
    server.start()
    page.wait_for_function("document.querySelector('.study-count').innerText.startsWith('4 ')")
    complaints[:] = [told for told in complaints if "ERR_CONNECTION" not in told and "Failed to load" not in told]

    while page.locator(".study-code").count() == 0:
        play_all(page)
        page.wait_for_function("!document.querySelector('.study-option').disabled")
        answer(page, "4" if options.count() == 5 else "a")
    code = page.locator(".study-code").inner_text()
    page.screenshot(path=tmp_path / "thanks.png")

    lines = Store(study.folder / "answers.sqlite", study.hash).lines()
    assert len(lines) == TOTAL
    assert len({(line["trial"], line["question"]) for line in lines}) == TOTAL
    assert {line["code"] for line in lines} == {code}
    assert [line["answer"] for line in lines[:4]] == ["B", "=", "A", "B"]
    assert all(min(line["plays"]) >= 1 for line in lines)
    assert lines[0]["client"]["browser"] == "Chrome"
    told = page.content() + " ".join(seen)
    assert not any(name in told for name in (*METHODS[:2], study.hash, *(s.id for s in study.stimuli)))
    assert complaints == []

    # And all of it is deleted again.
    page.get_by_role("button", name="Stop and delete").click()
    page.get_by_role("button", name="Yes, delete them").click()
    page.get_by_text(f"Your {TOTAL} answers were deleted").wait_for()
    assert Store(study.folder / "answers.sqlite", study.hash).lines() == []
    page.reload()
    page.get_by_role("button", name="Begin").wait_for()


def test_the_page_fits_a_phone(server: StudyServer, page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(server.url)
    page.get_by_role("button", name="Begin").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


@pytest.mark.parametrize(("width", "height"), [(1440, 900), (390, 844)])
def test_videos_and_answers_stand_side_by_side(rating_server: StudyServer, page: Page, width: int, height: int) -> None:
    page.set_viewport_size({"width": width, "height": height})
    page.goto(rating_server.url)
    page.evaluate("localStorage.clear()")
    page.reload()
    page.get_by_label("years old or older").check()
    page.get_by_label("agree to take part").check()
    page.get_by_role("button", name="Begin").click()
    for kind, count in (("paired", 3), ("rating", 5)):
        page.wait_for_function("count => document.querySelectorAll('.study-option').length === count", arg=count)
        options = [option.bounding_box() for option in page.locator(".study-option").all()]
        assert len({round(box["y"]) for box in options if box}) == 1, f"the answers to a {kind} one are in several rows"
        assert all(box and box["x"] >= 0 and box["x"] + box["width"] <= width for box in options)
        # No word is cut off or runs out of its button.
        assert page.evaluate(
            "[...document.querySelectorAll('.study-option')].every(o => o.scrollWidth <= o.clientWidth)"
        )
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        videos = [video.bounding_box() for video in page.locator("#study video").all()]
        assert len(videos) == (2 if kind == "paired" else 1)
        if width > 1000:
            assert len({round(box["y"]) for box in videos if box}) == 1
            assert all(box and box["y"] + box["height"] <= height for box in options), "the answers are under the fold"
        if kind == "paired":
            play_all(page)
            answer(page, "a")


@pytest.mark.parametrize("width", [1440, 390])
def test_the_report_is_whole(report: Path, page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 844})
    page.goto(report.as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    cells = page.locator("td:visible")
    assert cells.count() > 20
    assert all(
        box["x"] >= 0 and box["x"] + box["width"] <= width for box in (c.bounding_box() for c in cells.all()) if box
    )
    assert page.locator("figure svg").count() == 3
