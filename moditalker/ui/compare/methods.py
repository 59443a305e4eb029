"""Which methods are compared: their choice, their licences, and the leave to send files to their machines."""

import threading
import time
from collections.abc import Sequence
from html import escape
from typing import Any

import gradio as gr
from gradio.context import Context

from moditalker.baselines.protocol import Method
from moditalker.baselines.registry import listing
from moditalker.ui.compare.compare_request import FEWEST, MOST
from moditalker.ui.shared.settings import Settings

SHARE = "The portrait and the recording may be sent to the machines named above."
CHOSEN = ("rules", "ours")
LOOK_AGAIN_SECONDS = 120.0
"""How long it is believed what machines elsewhere answered."""


class MethodsPanel:
    """Lets a visitor choose the columns.

    Args:
        methods: by name.
    """

    def __init__(self, methods: dict[str, Method]) -> None:
        self._methods = methods
        self._looking = threading.Lock()
        self._listed: list[dict[str, str]] = []
        self._looked = -LOOK_AGAIN_SECONDS

    def build(self) -> tuple[gr.CheckboxGroup, gr.Checkbox, gr.Video, gr.Textbox]:
        """Add the panel to the `gr.Blocks` that is open.

        Returns:
            The names of the methods, the leave to share, a video made elsewhere, and what that is called.
        """
        methods = gr.CheckboxGroup(
            [(_choice(method), name) for name, method in self._methods.items()],
            value=[name for name in CHOSEN if name in self._methods],
            label=f"Methods, {FEWEST} to {MOST} columns in all",
            info=self._info() or None,
            elem_id="compare-methods",
        )
        apart = gr.HTML(elem_id="compare-apart")
        with gr.Accordion("A video made elsewhere, as a column", open=False):
            video = gr.Video(label="Video of the same portrait and recording", sources=["upload"], height=200,
                             elem_id="compare-video")  # fmt: skip
            video_title = gr.Textbox(
                "", label="What it is called", max_length=Settings.max_title, elem_id="compare-video-title"
            )
        with gr.Accordion("How they work, and their licences", open=False):
            gr.HTML(self.licences(), elem_id="compare-listing")
        share = gr.Checkbox(label=SHARE, value=False, visible=False, elem_id="compare-share")
        methods.change(
            self.asks_to_share,
            inputs=methods,
            outputs=share,
            api_visibility="private",
            queue=False,
            show_progress="hidden",
        )
        assert Context.root_block is not None, "there is a page around this"
        # When the page opens; the ticks are left alone, as a visitor may be setting them.
        Context.root_block.load(
            self.look,
            outputs=[methods, apart],
            api_visibility="private",
            show_progress="hidden",
            concurrency_limit=1,
            concurrency_id="compare-look",
        )
        return methods, share, video, video_title

    def _info(self) -> str:
        if not any(method.facts.sent_to for method in self._methods.values()):
            return ""
        return "↗ runs on another machine: portrait and recording are sent there, and nothing without your tick."

    def asks_to_share(self, methods: Sequence[str]) -> Any:
        """Ask for leave to send the files away, naming where to, when a chosen method does."""
        machines = sorted({self._methods[name].facts.sent_to for name in methods if name in self._methods} - {""})
        label = f"The portrait and the recording may be sent to {', '.join(machines)}." if machines else SHARE
        return gr.Checkbox(label=label, visible=bool(machines), value=False)

    def look(self) -> tuple[Any, str]:
        """The choice of those that can run here, and the others with what they need; asks the machines elsewhere."""
        listed = self.listed()
        here = [method["name"] for method in listed if not method["missing"]]
        rows = [
            f"<li><strong>{escape(method['title'])}</strong>: {escape(method['missing'])}</li>"
            for method in listed
            if method["missing"]
        ]
        apart = f"<details><summary>{len(rows)} more cannot run here</summary><ul>{''.join(rows)}</ul></details>"
        choices = [(_choice(self._methods[name]), name) for name in here]
        return gr.CheckboxGroup(choices=choices), apart if rows else ""

    def listed(self) -> list[dict[str, str]]:
        """See `registry.listing`; what it said is believed for a while, as each look costs up to three seconds."""
        with self._looking:
            if time.monotonic() - self._looked >= LOOK_AGAIN_SECONDS:
                self._listed = listing(self._methods.values())
                self._looked = time.monotonic()
            return self._listed

    def licences(self) -> str:
        """A table of all methods."""
        rows = [
            f"<tr><th scope='row'>{escape(facts.title)}</th><td>{escape(facts.what)}</td>"
            f"<td>{escape(facts.licence)}</td></tr>"
            for facts in (method.facts for method in self._methods.values())
        ]
        head = "<tr><td></td><th scope='col'>how</th><th scope='col'>licence</th></tr>"
        return f"<div class='prose'><table>{head}{''.join(rows)}</table></div>"


def _choice(method: Method) -> str:
    facts = method.facts
    return f"{facts.title} ↗" if facts.sent_to else facts.title
