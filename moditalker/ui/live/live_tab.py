"""The Live tab: speak, or type, and the portrait says it."""

import html
import json
from pathlib import Path
from typing import Any

import gradio as gr
from starlette.routing import BaseRoute

from moditalker.options import DEFAULTS, page_bounds
from moditalker.ui.live.live_socket import PATH, LiveSocket
from moditalker.ui.shared.consent import CONSENT
from moditalker.ui.shared.settings import Settings
from moditalker.ui.shared.uploads import uploaded_path

SCRIPT, STYLE = Path(__file__).with_name("live.js"), Path(__file__).with_name("live.css")

IDLE_SECONDS = 3.8
"""A breath of `StreamedMotion`, so that the end fits the beginning."""
FASTER, WHOLE = "faster", "whole"
SETTINGS: dict[str, dict[str, Any]] = {
    FASTER: {"crop": "face", "mtov_steps": 0, "guidance": 1.0, "motion_steps": 3},
    WHOLE: {"crop": "full", "mtov_steps": DEFAULTS.mtov_steps, "guidance": DEFAULTS.guidance},
}

STAGE = """<div class="live" data-about="{about}">
<div class="live-stage"><img class="live-still shown" alt="The portrait"></div>
<div class="live-buttons">
<button type="button" class="live-start">Start</button>
<button type="button" class="live-microphone" disabled>Speak</button>
<button type="button" class="live-stop" hidden>Stop</button>
</div>
<form class="live-form">
<input class="live-text" maxlength="{most}" aria-label="What the portrait is to say, in English"
 placeholder="Or type what it is to say">
<button class="live-say" disabled>Say it</button>
</form>
<div class="live-note note" role="status">Add a portrait, then press Start.</div>
<div class="live-numbers">
<span>It speaks after you by <b data-number="delay">-</b></span>
<span>Video drawn in a second: <b data-number="speed">-</b></span>
</div>
<p class="live-slow" hidden>This machine draws more slowly than you speak. So each sentence waits until it can be
played to its end without a stop. Short sentences wait less.</p>
</div>"""


class LiveTab:
    """A page that a script draws, and the socket behind it.

    Args:
        socket: what the script speaks to.
        settings: limits.
    """

    title = "Live"

    def __init__(self, socket: LiveSocket, settings: Settings) -> None:
        self.routes: list[BaseRoute] = [socket.route]
        self._settings = settings

    def build(self) -> None:
        """Add the tab's content to the `gr.Tab` that is open."""
        about = {"path": PATH, "idle": IDLE_SECONDS, "settings": SETTINGS}
        stage = STAGE.format(about=html.escape(json.dumps(about), quote=True), most=self._settings.max_text)
        with gr.Row():
            with gr.Column(scale=5, min_width=300):
                portrait = gr.Image(
                    label="Portrait",
                    sources=["upload", "webcam", "clipboard"],
                    type="filepath",
                    height=260,
                    buttons=[],
                    elem_id="live-portrait",
                    alt_text="The portrait that will speak",
                    placeholder="# One face, from the front\nDrop a picture, or click",
                )
                portrait.preprocess = uploaded_path  # type: ignore[method-assign]
                gr.Radio(
                    [("Faster: the face alone", FASTER), ("The whole picture", WHOLE)],
                    value=FASTER,
                    label="What is drawn",
                    info="Faster takes no denoising steps for the mouth and fewer for the motion.",
                    elem_id="live-setting",
                )
                with gr.Accordion("More settings", open=False, elem_id="live-more"):
                    gr.Slider(
                        *page_bounds("gaze_scale"),
                        value=DEFAULTS.gaze_scale,
                        step=0.05,
                        label="Amount of eye movement",
                        elem_id="live-gaze",
                    )
                    gr.Video(
                        label="Style: about ten seconds of somebody who talks, whose manner the face takes on",
                        sources=["upload"],
                        height=220,
                        elem_id="live-style",
                    )
                gr.Checkbox(label=CONSENT, value=False, elem_id="live-consent")
                gr.Markdown("Use headphones: the portrait's own voice would be heard by the microphone.")
            with gr.Column(scale=6, min_width=320):
                gr.HTML(
                    stage,
                    css_template=STYLE.read_text(encoding="utf-8"),
                    js_on_load=SCRIPT.read_text(encoding="utf-8"),
                    elem_id="live-room",
                )
