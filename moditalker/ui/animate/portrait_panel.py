"""The portrait: how it comes in, and what is found in it at once; the `/inspect` endpoint."""

from dataclasses import dataclass
from typing import Any

import gradio as gr
from PIL import Image

from moditalker.face.inspection import Inspection, draw_inspection, face_at, inspect_portrait
from moditalker.face.picture import load_portrait
from moditalker.face.tracker import make_tracker
from moditalker.ui.animate.request import LARGEST
from moditalker.ui.shared.endpoint import add_endpoint
from moditalker.ui.shared.refusal import refusals
from moditalker.ui.shared.status import note_html, warnings_html
from moditalker.ui.shared.uploads import uploaded_path
from moditalker.utils.errors import InputError

INSPECTIONS_AT_ONCE = 2
PICTURE_HEIGHT = 220
"""Pixels, so that all controls and the result fit a laptop's window."""


@dataclass(frozen=True)
class ChosenFace:
    """The components that hold a portrait's path, and the number of the face that speaks or ``LARGEST``."""

    portrait: gr.Image
    number: gr.Number


class PortraitPanel:
    """Takes a portrait and says what is in it.

    Args:
        tracker: name of the face tracker, as the pipeline uses it.
    """

    def __init__(self, tracker: str = "mediapipe") -> None:
        self._tracker = tracker

    def build(self) -> ChosenFace:
        """Add the panel to the `gr.Blocks` that is open."""
        with gr.Row(equal_height=True):
            portrait = gr.Image(
                label="Portrait",
                sources=["upload", "webcam", "clipboard"],
                type="filepath",
                height=PICTURE_HEIGHT,
                min_width=130,
                buttons=[],
                elem_id="portrait",
                alt_text="The portrait that will speak",
                placeholder="# One face, from the front\nDrop a picture, or click",
            )
            portrait.preprocess = uploaded_path  # type: ignore[method-assign]
            found = gr.Image(
                label="Found",
                type="filepath",
                format="jpeg",
                height=PICTURE_HEIGHT,
                min_width=130,
                interactive=False,
                visible=False,
                buttons=["fullscreen"],
                elem_id="found",
                alt_text="The portrait with the face's box and its landmarks drawn on it",
            )
        said = gr.HTML(visible=False, elem_id="found-note", padding=False)
        number = gr.Number(
            LARGEST,
            precision=0,
            minimum=LARGEST,
            label="Which face speaks, counted from the left",
            info="A click on a face chooses it, too; 0 is the largest.",
            visible=False,
            elem_id="face",
        )
        how: dict[str, Any] = {
            "outputs": [found, said, number],
            "api_visibility": "private",
            "show_progress": "minimal",
            "show_progress_on": found,
            "trigger_mode": "always_last",
            "concurrency_limit": INSPECTIONS_AT_ONCE,
            "concurrency_id": "inspect",
        }
        portrait.change(self.show, inputs=portrait, **how)
        number.input(self.show, inputs=[portrait, number], **how)
        found.select(self.choose, inputs=portrait, **how)
        self._build_endpoint(portrait, number)
        return ChosenFace(portrait, number)

    def _build_endpoint(self, portrait: gr.Image, number: gr.Number) -> None:
        picture = gr.Image(label="The portrait with box and landmarks", format="jpeg", visible=False)
        report = gr.JSON(label="What was found", visible=False)
        add_endpoint(self.inspect, [portrait, number], [picture, report], INSPECTIONS_AT_ONCE, "inspect")

    def show(self, portrait: str | None, face: float | None = LARGEST) -> tuple[Any, Any, Any]:
        """The page's own: a drawing, a sentence and the face's number, where the endpoint raises."""
        if portrait is None:
            return gr.Image(value=None, visible=False), gr.HTML(value="", visible=False), _number(LARGEST, 0)
        try:
            with refusals(portrait):
                found = self._look(portrait, face)
        except gr.Error as error:
            note = gr.HTML(note_html(error.message, "bad"), visible=True)
            # The number stays where it is, so that another can be typed.
            number = gr.skip() if face else _number(LARGEST, 0)
            return gr.Image(value=None, visible=False), note, number
        return self._shown(found, int(face or LARGEST))

    def choose(self, portrait: str | None, click: gr.SelectData) -> tuple[Any, Any, Any]:
        """The page's own: the face that was clicked on is the one that speaks."""
        with refusals(portrait):
            if portrait is None:
                raise InputError("There is no portrait: add a picture of a face seen from the front.")
            found = self._look(portrait, LARGEST)
            number = face_at(found.found.boxes, *click.index)
            return self._shown(self._look(portrait, number), number)

    @staticmethod
    def _shown(found: Inspection, number: int) -> tuple[Any, Any, Any]:
        report, count = found.report(), len(found.found.boxes)
        good = f"One face, {report['eye_distance']:.0f} pixels from eye to eye."
        if count > 1:
            good = f"Face {found.found.number} of {count} speaks. Click on another to choose it."
        elif found.warnings:
            good = "A face was found."
        note = warnings_html(good, report["warnings"])
        picture = gr.Image(value=Image.fromarray(draw_inspection(found)), visible=True)
        return picture, gr.HTML(note, visible=True), _number(number, count)

    def inspect(self, portrait: str | None, face: int = LARGEST) -> tuple[Image.Image, dict[str, Any]]:
        """Says what is in a portrait, within a second: nothing is generated, so no consent is asked for.

        Args:
            portrait: a picture with one face seen from the front (JPEG, PNG or WebP).
            face: which face speaks, counted from the left and from 1; 0 is the largest.

        Returns:
            The picture, upright, with the face's box and its 68 landmarks drawn on it; several faces are numbered.
            The findings, in pixels of the upright picture: size [width, height], turned_upright_degrees (by which it
            was turned anticlockwise), face_box [left, top, right, bottom], face (its number from the left), faces (of
            all, face and box), eye_distance, turned_degrees (0 is frontal), landmarks (68 rows of x, y, z) and warnings
            (sentences).
        """
        with refusals(portrait):
            if portrait is None:
                raise InputError("There is no portrait: add a picture of a face seen from the front.")
            found = self._look(portrait, face)
        return Image.fromarray(draw_inspection(found)), found.report()

    def _look(self, portrait: str, face: float | None) -> Inspection:
        return inspect_portrait(load_portrait(portrait), make_tracker(self._tracker), int(face or LARGEST) or None)


def _number(value: int, faces: int) -> Any:
    """The number of the face that speaks; it is shown where there is a choice."""
    return gr.Number(value=value, visible=faces > 1)
