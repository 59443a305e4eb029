"""The portrait: how it comes in, and what is found in it at once; the `/inspect` endpoint."""

import inspect
from typing import Any

import gradio as gr
from gradio.data_classes import ImageData
from PIL import Image

from moditalker.face.inspection import draw_inspection, inspect_portrait
from moditalker.face.picture import load_portrait
from moditalker.face.tracker import make_tracker
from moditalker.ui.shared.refusal import refusals
from moditalker.ui.shared.status import note_html, warnings_html
from moditalker.utils.errors import InputError

INSPECTIONS_AT_ONCE = 2


class PortraitPanel:
    """Takes a portrait and says what is in it.

    Args:
        tracker: name of the face tracker, as the pipeline uses it.
    """

    def __init__(self, tracker: str = "mediapipe") -> None:
        self._tracker = tracker

    def build(self) -> gr.Image:
        """Add the panel to the `gr.Blocks` that is open; returns the component that holds the portrait's path."""
        with gr.Row(equal_height=True):
            portrait = gr.Image(
                label="Portrait",
                sources=["upload", "webcam", "clipboard"],
                type="filepath",
                height=300,
                min_width=200,
                buttons=["fullscreen"],
                elem_id="portrait",
                alt_text="The portrait that will speak",
                placeholder="# One face, seen from the front\nDrop a picture here, or click to choose one",
            )
            # The path as it came: Gradio would open the picture itself, and an unreadable one would end in a bare
            # "Error" in place of our sentence.
            portrait.preprocess = uploaded_path  # type: ignore[method-assign]
            found = gr.Image(
                label="What was found",
                type="filepath",
                format="jpeg",
                height=300,
                min_width=200,
                interactive=False,
                visible=False,
                buttons=["fullscreen"],
                elem_id="found",
                alt_text="The portrait with the face's box and its landmarks drawn on it",
            )
        said = gr.HTML(visible=False, elem_id="found-note", padding=False)
        portrait.change(
            self.show,
            inputs=portrait,
            outputs=[found, said],
            api_visibility="private",
            show_progress="minimal",
            show_progress_on=found,
            trigger_mode="always_last",
            concurrency_limit=INSPECTIONS_AT_ONCE,
            concurrency_id="inspect",
        )
        self._build_endpoint(portrait)
        return portrait

    def _build_endpoint(self, portrait: gr.Image) -> None:
        picture = gr.Image(label="The portrait with box and landmarks", format="jpeg", visible=False)
        report = gr.JSON(label="What was found", visible=False)
        gr.Button(visible=False).click(
            self.inspect,
            inputs=portrait,
            outputs=[picture, report],
            api_name="inspect",
            # Whole: Gradio would show the first paragraph and keep what it says of the parameters to itself.
            api_description=inspect.getdoc(self.inspect),
            concurrency_limit=INSPECTIONS_AT_ONCE,
            concurrency_id="inspect",
        )

    def show(self, portrait: str | None) -> tuple[Any, Any]:
        """The page's own: a drawing and a sentence, where the endpoint raises."""
        if portrait is None:
            return gr.Image(value=None, visible=False), gr.HTML(value="", visible=False)
        try:
            with refusals(portrait):
                picture, report = self._look(portrait)
        except gr.Error as error:
            return gr.Image(value=None, visible=False), gr.HTML(note_html(error.message, "bad"), visible=True)
        good = f"One face, {report['eye_distance']:.0f} pixels from eye to eye."
        note = warnings_html(good if not report["warnings"] else "A face was found.", report["warnings"])
        return gr.Image(value=picture, visible=True), gr.HTML(note, visible=True)

    def inspect(self, portrait: str | None) -> tuple[Image.Image, dict[str, Any]]:
        """Says what is in a portrait, within a second: nothing is generated, so no consent is asked for.

        Args:
            portrait: a picture with one face seen from the front (JPEG, PNG or WebP).

        Returns:
            The picture with the face's box and its 68 landmarks drawn on it.
            The findings: size [width, height] and face_box [left, top, right, bottom] in pixels, eye_distance in
            pixels, turned_degrees (0 is frontal), landmarks (68 rows of x, y, z in pixels) and warnings (sentences).
        """
        with refusals(portrait):
            if portrait is None:
                raise InputError("There is no portrait: add a picture of a face seen from the front.")
            return self._look(portrait)

    def _look(self, portrait: str) -> tuple[Image.Image, dict[str, Any]]:
        picture = load_portrait(portrait)
        found = inspect_portrait(picture, make_tracker(self._tracker))
        return Image.fromarray(draw_inspection(picture, found)), found.report()


def uploaded_path(payload: ImageData | None) -> str | None:
    """A `gr.Image`'s file as it came, for its ``preprocess``; None without one."""
    return None if payload is None else payload.path
