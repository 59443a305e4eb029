"""The About tab: how it works, what it may be used for, and how to use it from a program."""

import json
import re
from pathlib import Path

import gradio as gr

from moditalker.media.stills import MAX_PIXELS
from moditalker.ui.shared.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTED_ADDRESS = "http://127.0.0.1:7860"
"""In the document; the page says its own."""

HOW = """## How it works
1. **Speech** is brought to 16 kHz and encoded at 50 features a second by a small speech encoder.
2. **The portrait's** 68 three-dimensional facial landmarks are found.
3. **AToM** (audio to motion), a diffusion transformer, makes one set of landmarks for every video frame. A generator of
   its own adds head motion and blinks, so no driving video is needed.
4. **MToV** (motion to video), a diffusion model over three planes of a block of 16 frames, makes what the portrait does
   not show, such as the inside of the mouth. The portrait is warped to the landmarks, a small network corrects how
   hair, neck and collar go along, and the result is laid over it.

It re-creates [MoDiTalker (AAAI 2025)](https://arxiv.org/abs/2403.19144) with weights of its own."""

CONSENT = """## Consent and disclosure
Use only a face and a voice that you may use. Do not use this to impersonate, to deceive, to harass, or to get past
identity checks. Say that a video is AI-generated wherever you show it; in many places the law asks for it. The file
says so too: in its metadata (comment, description, and IPTC's digital source type){mark}."""

LIMITS = """## Limits of this server
| what | limit |
|---|---|
| speech | {audio:.0f} seconds, or a text of {text} characters |
| video for the head motion | {video:.0f} seconds |
| file | {file} MB |
| portrait | {picture:.0f} million pixels; a large one is scaled down |
| requests at a time | {running}; {waiting} more may wait, the next one is refused |

What you upload and what you get is deleted from this server at most {kept} minutes later, and nobody is shown what
others made. Until then your browser finds its last run again, by an id of chance that it keeps. No history is kept,
neither here nor there.

## What it cannot do
- One face, seen from the front or nearly so. Of several people, the one with the largest face speaks.
- Teeth and the inside of the mouth are plausible, not the person's own.
- Shoulders, hands and the background stay still. Emotion is not controlled."""


class AboutTab:
    """Texts alone.

    Args:
        settings: limits, as they are enforced.
        model_card: the weights' README.md.
        api: the document whose section for programs is shown.
    """

    title = "About"

    def __init__(self, settings: Settings, model_card: Path, api: Path = ROOT / "docs" / "api.md") -> None:
        self._settings, self._model_card, self._api = settings, model_card, api

    def build(self) -> None:
        """Add the tab's content to the `gr.Tab` that is open."""
        settings = self._settings
        mark = " and in a corner of the picture" if settings.mark else ""
        gr.Markdown(HOW)
        gr.Markdown(CONSENT.format(mark=mark))
        gr.Markdown(
            LIMITS.format(
                audio=settings.max_audio_seconds,
                text=settings.max_text,
                video=settings.max_video_seconds,
                file=settings.max_file_megabytes,
                picture=MAX_PIXELS / 1e6,
                running=settings.running,
                waiting=settings.waiting,
                kept=-(-(settings.delete_after + settings.delete_every) // 60),
            )
        )
        if self._api.is_file():
            words = "## From a program\n" + section(self._api.read_text(), "From a program")
            program = gr.Markdown(words, elem_id="program")
            # When the page opens: only the browser knows the address that leads here, through proxies and all.
            own = "location.origin + location.pathname.replace(/\\/$/, '')"
            script = f"() => {json.dumps(words)}.replaceAll({json.dumps(DOCUMENTED_ADDRESS)}, {own})"
            gr.on(fn=None, js=script, outputs=program, api_visibility="private", show_progress="hidden")
        if self._model_card.is_file():
            with gr.Accordion("Model card", open=False, elem_id="model-card"):
                gr.Markdown(without_front_matter(self._model_card.read_text()))


def section(markdown: str, heading: str) -> str:
    """What stands under a heading, up to the next one of its level or above; empty where there is none."""
    match = re.search(rf"^(#+) {re.escape(heading)}\n(.*?)(?=^#{{1,3}} |\Z)", markdown, re.MULTILINE | re.DOTALL)
    return match.group(2).strip() if match else ""


def without_front_matter(markdown: str) -> str:
    """A model card without the YAML between its first two lines of dashes."""
    return re.sub(r"\A---\n.*?\n---\n", "", markdown, flags=re.DOTALL)
