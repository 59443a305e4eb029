"""Which methods are compared: their choice, their licences, and the leave to send files to their machines."""

from collections.abc import Sequence
from html import escape
from typing import Any

import gradio as gr

from moditalker.baselines.protocol import Method
from moditalker.baselines.registry import listing
from moditalker.ui.compare.compare_request import FEWEST, MOST
from moditalker.ui.shared.settings import Settings

SHARE = "The portrait and the recording may be sent to the machines named above."
CHOSEN = ("rules", "ours")


class MethodsPanel:
    """Lets a visitor choose the columns.

    Args:
        methods: by name.
    """

    def __init__(self, methods: dict[str, Method]) -> None:
        self._methods = methods

    def build(self) -> tuple[gr.CheckboxGroup, gr.Checkbox, gr.Video, gr.Textbox]:
        """Add the panel to the `gr.Blocks` that is open.

        Returns:
            The names of the methods, the leave to share, a video made elsewhere, and what that is called.
        """
        methods = gr.CheckboxGroup(
            [(_choice(method), name) for name, method in self._methods.items()],
            value=[name for name in CHOSEN if name in self._methods],
            label=f"Methods, {FEWEST} to {MOST} columns in all",
            info="↗ runs on another machine: portrait and recording are sent there, and nothing without your tick.",
            elem_id="compare-methods",
        )
        with gr.Accordion("A video made elsewhere, as a column", open=False):
            video = gr.Video(label="Video of the same portrait and recording", sources=["upload"], height=200,
                             elem_id="compare-video")  # fmt: skip
            video_title = gr.Textbox(
                "", label="What it is called", max_length=Settings.max_title, elem_id="compare-video-title"
            )
        with gr.Accordion("Licences, and what can run here", open=False):
            table = gr.HTML(elem_id="compare-listing")
            gr.Button("Look", size="sm", elem_id="compare-look").click(
                self.listed,
                outputs=table,
                api_visibility="private",
                show_progress="minimal",
                concurrency_limit=1,
                concurrency_id="compare-look",
            )
        share = gr.Checkbox(label=SHARE, value=False, visible=False, elem_id="compare-share")
        methods.change(
            self.asks_to_share,
            inputs=methods,
            outputs=share,
            api_visibility="private",
            queue=False,
            show_progress="hidden",
        )
        return methods, share, video, video_title

    def asks_to_share(self, methods: Sequence[str]) -> Any:
        """Ask for leave to send the files away, naming where to, when a chosen method does."""
        machines = sorted({self._methods[name].facts.sent_to for name in methods if name in self._methods} - {""})
        label = f"The portrait and the recording may be sent to {', '.join(machines)}." if machines else SHARE
        return gr.Checkbox(label=label, visible=bool(machines), value=False)

    def listed(self) -> str:
        """The methods with their licences, and whether each can run here; asks the machines elsewhere."""
        rows = [
            f"<tr><th scope='row'>{escape(method['title'])}</th><td>{escape(method['what'])}</td>"
            f"<td>{escape(method['licence'])}</td><td>{escape(method['missing'] or 'can run here')}</td></tr>"
            for method in listing(self._methods.values())
        ]
        head = "<tr><th></th><th>how</th><th>licence</th><th>here</th></tr>"
        return f"<div class='prose'><table>{head}{''.join(rows)}</table></div>"


def _choice(method: Method) -> str:
    facts = method.facts
    return f"{facts.title} ↗" if facts.sent_to else facts.title
