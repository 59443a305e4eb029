"""The whole page, and the limits it is served with."""

from typing import Any

import gradio as gr

from moditalker.ui.animate import AnimatePanel, Animator

DELETE_EVERY_SECONDS = 600
DELETE_AFTER_SECONDS = 3600
MAX_WAITING = 8
SYSTEM_FONTS = ("system-ui", "Segoe UI", "Roboto", "Helvetica Neue", "Arial", "sans-serif")
SYSTEM_MONO_FONTS = ("ui-monospace", "Menlo", "Consolas", "monospace")

INTRODUCTION = """# MoDiTalker
A portrait and a recording in, a video of that person saying it out. Two diffusion models do the work:
one turns the speech into facial motion, the other turns the motion into video."""

NOTICE = """Use only a face and a voice that you may use, and say that the result is AI-generated wherever you show it.
What you upload and what you get is deleted from this server a little over an hour later."""


def build_page(pipeline: Animator) -> gr.Blocks:
    """The page around `pipeline`: one request at a time, a bounded queue, files deleted by age, no analytics."""
    with gr.Blocks(
        title="MoDiTalker",
        analytics_enabled=False,
        delete_cache=(DELETE_EVERY_SECONDS, DELETE_AFTER_SECONDS),
    ) as page:
        gr.Markdown(INTRODUCTION)
        AnimatePanel(pipeline).build()
        gr.Markdown(NOTICE)
    return page.queue(max_size=MAX_WAITING, default_concurrency_limit=1)


def launch_options() -> dict[str, Any]:
    """How the page is served, wherever it is: arguments of `gr.Blocks.launch`."""
    return {
        # Fonts that the visitor has: the page must look the same without the internet.
        "theme": gr.themes.Soft(font=SYSTEM_FONTS, font_mono=SYSTEM_MONO_FONTS),
        "share": False,
        "max_file_size": "50mb",
        # Faces and voices are nobody's browsing history.
        "run_history": False,
        "enable_monitoring": False,
        "footer_links": ["api"],
        # Gradio draws a separator after the last link too.
        "css": "footer .divider { display: none; }",
    }
