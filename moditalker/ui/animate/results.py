"""What a request ends with, on the page."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from moditalker.ui.animate.examples import Example
from moditalker.ui.animate.studio import Result


@dataclass(frozen=True)
class Results:
    """The components of the right-hand side."""

    video: gr.Video
    details: gr.Column
    used_seed: gr.Number
    landmarks: gr.Video
    plot: gr.Image
    report: gr.JSON
    report_file: gr.DownloadButton

    def outputs(self) -> list[Any]:
        """In the order of `shown`, `preview_of` and `cleared`."""
        return [
            self.video,
            self.details,
            self.used_seed,
            self.landmarks,
            self.plot,
            self.report,
            self.report_file,
        ]


def build_results(example: Example | None, between: Callable[[], None]) -> Results:
    """Add the components to the `gr.Blocks` that is open; an example's result is in them until there is another.

    Args:
        example: shown first.
        between: adds what stands under the video, before the details.
    """
    video = gr.Video(
        label=f"Example: {example.title}" if example else "Result",
        value=str(example.video) if example else None,
        interactive=False,
        height=420,
        buttons=["download"],
        elem_id="result",
    )
    between()
    with gr.Column(visible=example is not None, elem_id="details") as details:
        used_seed = gr.Number(
            value=example.report["seed"] if example else None,
            label="Seed used",
            precision=0,
            interactive=False,
            elem_id="used-seed",
        )
        with gr.Accordion("Motion: how far the mouth opens, and the landmarks", open=False):
            plot = gr.Image(
                value=str(example.plot) if example else None,
                label="Mouth opening over the waveform",
                show_label=False,
                interactive=False,
                buttons=["fullscreen"],
                height=190,
                elem_id="plot",
                alt_text="A curve of the mouth's opening over the waveform of the speech",
            )
            landmarks = gr.Video(
                value=str(example.landmarks) if example else None,
                label="Landmarks",
                interactive=False,
                buttons=["download"],
                height=260,
                elem_id="landmarks",
            )
        with gr.Accordion("Report: every setting, and how long each stage took", open=False):
            report = gr.JSON(
                value=example.report if example else None, show_label=False, label="Report", open=True, elem_id="report"
            )
            report_file = gr.DownloadButton(
                "Download the report (JSON)",
                value=str(example.report_file) if example else None,
                size="sm",
                elem_id="report-file",
            )
    return Results(video, details, used_seed, landmarks, plot, report, report_file)


def shown(result: Result | Example, label: str) -> list[Any]:
    """A result, or an example's, in the order of `Results.outputs`."""
    return [
        gr.Video(value=str(result.video), label=label),
        gr.Column(visible=True),
        result.report["seed"],
        str(result.landmarks),
        str(result.plot),
        result.report,
        gr.DownloadButton(value=str(result.report_file)),
    ]


def cleared() -> list[Any]:
    """Nothing to see yet, in the order of `Results.outputs`."""
    return [gr.Video(value=None, label="Result"), gr.Column(visible=False), None, None, None, None, gr.skip()]


def preview_of(video: Path) -> list[Any]:
    """The first second in the video's place, in the order of `Results.outputs`."""
    rest = [gr.skip()] * 6
    return [gr.Video(value=str(video), label="The first second, while the rest is made"), *rest]
