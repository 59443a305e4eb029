"""A run, as every tab that makes videos starts it: checked at once, then carried out, and cancelled at any time."""

import secrets
import time
from collections.abc import Callable, Generator, Sequence
from typing import Any

import gradio as gr
from gradio.components import Component
from gradio.context import Context

from moditalker.ui.shared.jobs import Job, Jobs
from moditalker.ui.shared.status import note_html

STARTING, READING = "Starting", "Reading the files"
CANCELLED = "Cancelled; nothing of it was kept."
CANCEL_SECONDS = 1.0
"""A job that a program cancels runs on for at most so long before it is told: about a block of frames on two cores."""


class Run:
    """What stands behind the button that starts a run, and the one that cancels it.

    The run goes on without the page: the same browser finds it again, by an id of chance in its local storage.

    Args:
        check: gets the inputs' values, and raises what Gradio shows when they cannot be carried out.
        make: gets them too, and yields what is shown in turn: the status' HTML, then the value of each output.
        cleared: the outputs' values while there is nothing to see.
        unmade: how a sentence begins that says that nothing came of it: "No video was made".
        jobs: the runs of this tab.
    """

    def __init__(
        self,
        check: Callable[..., None],
        make: Callable[..., Generator[list[Any], None, None]],
        cleared: Callable[[], list[Any]],
        unmade: str,
        jobs: Jobs,
    ) -> None:
        self._check, self._make, self._cleared, self._unmade, self._jobs = check, make, cleared, unmade, jobs
        self._starts = 1

    def connect(
        self,
        button: gr.Button,
        cancel: gr.Button,
        status: gr.HTML,
        inputs: Sequence[Component],
        outputs: Sequence[Component],
        place: str,
        others: Sequence[tuple[gr.Button, Sequence[Component]]] = (),
    ) -> None:
        """Let the buttons do it.

        Args:
            button: starts a run.
            cancel: takes its place meanwhile.
            status: shows how the run is getting on.
            inputs: say what is asked for.
            outputs: show what comes out.
            place: id of what holds the buttons and the status; it is brought into sight.
            others: buttons that start a run too, each with inputs of its own.
        """
        starts = [(button, inputs), *others]
        buttons, self._starts = [*(start for start, _ in starts), cancel], len(starts)
        quick: dict[str, Any] = {"api_visibility": "private", "queue": False, "show_progress": "hidden"}
        # The studios have one line for all tabs, and tell a visitor who waits his place in it.
        slow: dict[str, Any] = {
            "api_visibility": "private",
            "show_progress": "hidden",
            "concurrency_limit": None,
            "concurrency_id": "run",
        }
        visitor, name = gr.BrowserState("", storage_key=f"moditalker-{place}"), gr.State("")
        runs = []
        for start, given in starts:
            checked = start.click(
                self.check,
                inputs=given,
                outputs=[*buttons, status, name],
                api_visibility="private",
                show_progress="hidden",
                # Through the queue: a refusal outside it is an error in the browser's console.
                concurrency_limit=None,
                concurrency_id="check",
            )
            checked.success(None, js=f"() => window.moditalker.began({place!r})", api_visibility="private")
            runs.append(checked.success(self.run, inputs=[visitor, name, *given], outputs=[status, *outputs], **slow))
        assert Context.root_block is not None, "there is a page around this"
        known = Context.root_block.load(self.known, inputs=visitor, outputs=[visitor, name, *buttons], **quick)
        found = known.success(self.found, inputs=visitor, outputs=[status, *outputs], **slow)
        for one in (*runs, found):
            one.success(self.after_success, outputs=buttons, **quick)
            one.failure(self.after_failure, inputs=status, outputs=[*buttons, status], **quick)
        for run in runs:
            run.success(None, js="() => window.moditalker.done()", api_visibility="private")
        cancelled = cancel.click(
            self.cancelled, inputs=name, outputs=[*buttons, status, *outputs], cancels=[*runs, found], **quick
        )
        cancelled.then(self.said_again, outputs=[status, *outputs], **quick)

    def check(self, *values: Any) -> tuple[Any, ...]:
        """Refuse at once what cannot be carried out; then show the other button, and name the run."""
        self._check(*values)
        return *self._buttons(True), note_html(STARTING), secrets.token_hex(8)

    def run(self, visitor: str, name: str, *values: Any) -> Generator[list[Any], None, None]:
        """What is shown, from the reading of the files to the end."""
        # Before any work: Gradio can cancel only what has yielded.
        yield [note_html(READING), *self._cleared()]
        job = Job(self._shown(*values), 1 + len(self._cleared()))
        self._jobs.add(visitor, name, job)
        yield from job.follow()

    def known(self, visitor: str) -> tuple[Any, ...]:
        """When the page opens: the browser's id, a new one where it has none, and the button that fits its run."""
        name, job = self._jobs.of(visitor) or ("", None)
        runs = job is not None and job.ended is None
        return visitor or secrets.token_urlsafe(16), name, *self._buttons(runs)

    def found(self, visitor: str) -> Generator[list[Any], None, None]:
        """The run that this browser started before, or its result; nothing without one."""
        yield [gr.skip()] * (1 + len(self._cleared()))
        found = self._jobs.of(visitor)
        if found is not None:
            yield from found[1].follow()

    def _shown(self, *values: Any) -> Generator[list[Any], None, None]:
        try:
            yield from self._make(*values)
        except gr.Error as error:
            # The message that Gradio shows goes away; this stays.
            yield [note_html(error.message, "bad"), *self._cleared()]
            raise

    def _buttons(self, runs: bool) -> list[Any]:
        """Those that start a run, and the one that cancels it, while one runs or not."""
        return [*[gr.Button(visible=not runs)] * self._starts, gr.Button(visible=runs)]

    def after_success(self) -> list[Any]:
        """Show the buttons that start a run again."""
        return self._buttons(False)

    def after_failure(self, status: str) -> tuple[Any, ...]:
        """Show it again; a run that broke off outside our hands, a full queue say, left its last progress."""
        if any(mark in status for mark in (STARTING, READING, 'role="progressbar"')):
            status = note_html(f"{self._unmade}: this server is busy. Try again in a minute.", "bad")
        return *self.after_success(), status

    def cancelled(self, name: str) -> tuple[Any, ...]:
        """Give the run up and show the first button again, and that nothing was kept."""
        self._jobs.cancel(name)
        return *self.after_success(), note_html(CANCELLED), *self._cleared()

    def said_again(self) -> list[Any]:
        """That it was cancelled, once more: progress that was on its way to the page overtakes what the click said."""
        time.sleep(CANCEL_SECONDS)
        return [note_html(CANCELLED), *self._cleared()]
