"""What keeps people from using the page, by the rules of axe-core: every tab, light and dark, with a result shown."""

import re
import urllib.request
from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from browser import needs_browser, new_visitor
from playwright.sync_api import Browser
from test_app import FakePipeline, served

TABS = ("Animate", "Live", "Dub", "Compare", "Study", "About")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
PATIENCE_SECONDS = 60

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with served(FakePipeline(), tmp_path_factory.mktemp("server")) as address:
        yield address


@needs_browser
def test_no_tab_breaks_a_serious_rule(chromium: Browser, url: str) -> None:
    page = new_visitor(chromium, 1440, 900)
    page.set_default_timeout(PATIENCE_SECONDS * 1000)
    page.goto(f"{url}?__theme=light")
    page.locator("#examples").get_by_role("button", name="Admiral").click()
    page.locator("#found img").wait_for()
    page.locator("#chips .chip").first.wait_for()
    broken = []
    for tab in TABS:
        page.get_by_role("tab", name=tab).click()
        page.get_by_role("tab", name=tab, selected=True).wait_for()
        closed = page.locator("button.label-wrap:visible:not(.open)")
        while closed.count():
            closed.first.click()
        for scheme in ("light", "dark"):
            # As Gradio's own switch does it.
            page.evaluate("dark => document.body.classList.toggle('dark', dark)", scheme == "dark")
            page.wait_for_timeout(400)
            found = Axe().run(page, options={"runOnly": {"type": "tag", "values": RULES}}).response["violations"]
            broken += [
                f"{tab}, {scheme}: {rule['id']}: {node['html'][:120]}"
                for rule in found
                if rule["impact"] in ("serious", "critical")
                for node in rule["nodes"]
            ]
    assert broken == []
    page.close()


@needs_browser
def test_snippets_name_the_address_of_the_page(chromium: Browser, url: str) -> None:
    page = new_visitor(chromium, 390, 844)
    address = url.replace("127.0.0.1", "localhost").rstrip("/")
    page.goto(address)
    page.get_by_role("tab", name="About").click()
    page.locator("#program").get_by_text(address).first.wait_for(timeout=PATIENCE_SECONDS * 1000)
    assert "127.0.0.1" not in page.locator("#program").inner_text()
    page.get_by_role("button", name="Model card").click()
    cells = page.locator("#model-card td")
    cells.first.wait_for()
    narrow = [cell for cell in cells.all() if cell.evaluate("cell => cell.clientWidth") < 60]
    assert cells.count() > 4
    assert narrow == []
    page.close()


def test_a_link_to_the_page_is_previewed_as_what_it_is(url: str) -> None:
    with urllib.request.urlopen(url) as answer:
        page = answer.read().decode()
    told = dict(re.findall(r'<meta\s+(?:property|name)="((?:og|twitter):\w+)"\s+content="([^"]*)"', page))
    assert told["og:title"] == "MoDiTalker"
    assert "video of that person" in told["og:description"]
    assert "gradio" not in told["og:title"].lower() + told["og:description"].lower()
    with urllib.request.urlopen(told["og:image"]) as answer:
        assert answer.headers["content-type"] == "image/jpeg"
