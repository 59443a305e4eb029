"""What a request ends with, on the page; and what moves there before anything was asked for."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from moditalker.ui.animate.events import Result
from moditalker.ui.animate.examples import OPENING, Example
from moditalker.ui.animate.growing import address_of


@dataclass(frozen=True)
class Results:
    """The components of the right-hand side."""

    opening: gr.HTML
    growing: gr.HTML
    video: gr.Video
    details: gr.Column
    used_seed: gr.Number
    landmarks: gr.Video
    plot: gr.Image
    report: gr.JSON
    report_file: gr.DownloadButton

    def outputs(self) -> list[Any]:
        """In the order of `shown`, `preview_of`, `playing` and `cleared`."""
        return list(vars(self).values())


def build_results(between: Callable[[], None]) -> Results:
    """Add the components to the `gr.Blocks` that is open; portraits speak in their place until there is a result.

    Args:
        between: adds what stands under the video, before the details.
    """
    opening = gr.HTML(opening_html(OPENING), elem_id="opening")
    growing = gr.HTML(elem_id="growing")
    video = gr.Video(
        label="Result", interactive=False, visible=False, height=420, buttons=["download"], elem_id="result"
    )
    between()
    with gr.Column(visible=False, elem_id="details") as details:
        used_seed = gr.Number(label="Seed used", precision=0, interactive=False, elem_id="used-seed")
        with gr.Accordion("Motion: how far the mouth opens, and the landmarks", open=False):
            plot = gr.Image(
                label="Mouth opening over the waveform",
                show_label=False,
                interactive=False,
                buttons=["fullscreen"],
                height=190,
                elem_id="plot",
                alt_text="A curve of the mouth's opening over the waveform of the speech",
            )
            landmarks = gr.Video(
                label="Landmarks", interactive=False, buttons=["download"], height=260, elem_id="landmarks"
            )
        with gr.Accordion("Report: every setting, and how long each stage took", open=False):
            report = gr.JSON(show_label=False, label="Report", open=True, elem_id="report")
            report_file = gr.DownloadButton("Download the report (JSON)", size="sm", elem_id="report-file")
    return Results(opening, growing, video, details, used_seed, landmarks, plot, report, report_file)


def opening_html(video: Path) -> str:
    """A silent video that repeats, of portraits that speak; nothing where there is no such file."""
    if not video.is_file():
        return ""
    return (
        f'<figure><video src="gradio_api/file={video}" poster="gradio_api/file={video.with_suffix(".jpg")}" '
        'aria-label="Four portraits speak" autoplay loop muted playsinline></video>'
        "<figcaption>Made here, each from one picture and one sentence. Yours comes in this place.</figcaption>"
        "</figure>"
    )


def shown(result: Result | Example, label: str) -> list[Any]:
    """A result, or an example's, in the order of `Results.outputs`."""
    return [
        gr.HTML(visible=False),
        "",
        gr.Video(value=str(result.video), label=label, visible=True),
        gr.Column(visible=True),
        result.report["seed"],
        str(result.landmarks),
        str(result.plot),
        result.report,
        gr.DownloadButton(value=str(result.report_file)),
    ]


def cleared() -> list[Any]:
    """Nothing to see yet, in the order of `Results.outputs`."""
    opening, video = gr.HTML(visible=True), gr.Video(value=None, label="Result", visible=False)
    return [opening, "", video, gr.Column(visible=False), None, None, None, None, gr.skip()]


def preview_of(video: Path) -> list[Any]:
    """The first second in the video's place, in the order of `Results.outputs`."""
    label = "The first second, while the rest is made"
    return [gr.HTML(visible=False), "", gr.Video(value=str(video), label=label, visible=True), *[gr.skip()] * 6]


def playing(video: Path) -> list[Any]:
    """The video in its place while the rest of it is drawn, in the order of `Results.outputs`."""
    words = "It plays while the rest is drawn. The download comes at the end."
    html = (
        f'<figure><video src="{address_of(video)}" aria-label="The video while it is drawn" controls autoplay '
        f"playsinline></video><figcaption>{words}</figcaption></figure>"
    )
    return [gr.HTML(visible=False), html, gr.Video(value=None, visible=False), *[gr.skip()] * 6]
