"""The Chromium or Chrome of this machine, which tests drive, and what is wrong with a page while they do."""

import shutil

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page

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
needs_browser = pytest.mark.skipif(
    CHROMIUM is None, reason="no Chromium or Chrome on this machine to drive a page with"
)


# A tab keeps its own session over a reload, so storage is emptied for a new visitor and not for one who reloads.
_NEW_VISITOR = """if (!sessionStorage.getItem("visits")) {
    localStorage.clear();
    sessionStorage.setItem("visits", "1");
}"""


def new_visitor(browser: Browser, width: int, height: int) -> Page:
    """A window of somebody who was never here, but whose browser has the page's programs: half the work of loading."""
    context = browser.contexts[0] if browser.contexts else browser.new_context()
    page = context.new_page()
    page.set_viewport_size({"width": width, "height": height})
    page.add_init_script(_NEW_VISITOR)
    return page


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
