"""A conversation: a picture with several faces in, a video of them talking out; and the `/converse` endpoint."""

from collections.abc import Generator, Sequence
from contextlib import closing
from typing import Any

import gradio as gr
from PIL import Image

from moditalker.audio.voices.registry import DEFAULT_VOICE
from moditalker.face.inspection import Inspection, draw_inspection, face_at, inspect_portrait
from moditalker.face.picture import load_portrait
from moditalker.face.tracker import make_tracker
from moditalker.ui.animate.request import MAX_SEED, NEW_SEED
from moditalker.ui.converse.converse_request import CONSENT, ConverseRequest, checked_script
from moditalker.ui.converse.converse_studio import Conversation, ConverseStudio, Stage
from moditalker.ui.shared.endpoint import add_endpoint, followed
from moditalker.ui.shared.jobs import Jobs
from moditalker.ui.shared.line import Waiting
from moditalker.ui.shared.refusal import refusals
from moditalker.ui.shared.run import Run
from moditalker.ui.shared.settings import Settings
from moditalker.ui.shared.status import in_words, note_html, waiting_html, warnings_html
from moditalker.ui.shared.uploads import uploaded_path
from moditalker.ui.shared.voice_choice import build_voice_choice
from moditalker.utils.progress import STAGE_UNITS, STAGE_WORDS

_HEIGHT = 260
_OUTPUTS = 2


class ConversationPanel:
    """The controls, and the handlers behind them. Holds no state of a request.

    Args:
        studio: what carries requests out.
        settings: limits.
        tracker: name of the face tracker, as the pipeline uses it.
    """

    def __init__(self, studio: ConverseStudio, settings: Settings, tracker: str = "mediapipe") -> None:
        self._studio, self._settings, self._tracker = studio, settings, tracker

    def build(self) -> None:
        """Add the panel to the `gr.Blocks` that is open."""
        with gr.Row():
            with gr.Column(min_width=320):
                portrait = self._build_picture()
                script = self._build_script(portrait)
                tracks = gr.File(
                    label="Or recordings in place of the lines: one for each face, from the left, or one in stereo",
                    file_count="multiple",
                    type="filepath",
                    height=120,
                    elem_id="converse-tracks",
                )
                seed = gr.Number(
                    NEW_SEED, precision=0, minimum=NEW_SEED, maximum=MAX_SEED, label="Seed, -1 draws a new one",
                    elem_id="converse-seed",
                )  # fmt: skip
                consent = gr.Checkbox(label=CONSENT, value=False, elem_id="converse-consent")
                with gr.Column(elem_id="converse-run"):
                    button = gr.Button("Let them talk", variant="primary", size="lg", elem_id="converse")
                    cancel = gr.Button("Cancel", variant="stop", size="lg", visible=False, elem_id="converse-cancel")
                    status = gr.HTML(elem_id="converse-status")
            with gr.Column(min_width=320):
                video = gr.Video(
                    label="Conversation", interactive=False, visible=False, height=420, buttons=["download"],
                    elem_id="converse-result",
                )  # fmt: skip
                report = gr.JSON(label="Report", visible=False, elem_id="converse-report")
        inputs = [portrait, script, tracks, consent, seed]
        jobs = Jobs(self._settings.delete_after)
        Run(self._check, self._make, _cleared, "No video was made", jobs).connect(
            button, cancel, status, inputs, [video, report], "converse-run"
        )
        add_endpoint(
            self.converse,
            inputs,
            [gr.Video(label="The video", visible=False), gr.JSON(label="The report", visible=False)],
            self._settings.running,
        )

    def _build_picture(self) -> gr.Image:
        portrait = gr.Image(
            label="Picture with several faces",
            sources=["upload", "clipboard"],
            type="filepath",
            height=_HEIGHT,
            buttons=[],
            elem_id="converse-portrait",
            alt_text="The picture whose faces will talk",
        )
        portrait.preprocess = uploaded_path  # type: ignore[method-assign]
        return portrait

    def _build_script(self, portrait: gr.Image) -> gr.Textbox:
        found = gr.Image(
            label="A click on a face gives it the next line",
            interactive=False,
            visible=False,
            format="jpeg",
            height=_HEIGHT,
            buttons=[],
            elem_id="converse-found",
            alt_text="The picture with its faces numbered from the left",
        )
        said = gr.HTML(visible=False, padding=False, elem_id="converse-note")
        with gr.Row():
            face = gr.Number(1, precision=0, minimum=1, label="Face", min_width=70, elem_id="converse-face")
            voice = build_voice_choice("converse-voice", "Its voice")
        line = gr.Textbox("", label="What it says, in the language of the voice", lines=2, elem_id="converse-line")
        add = gr.Button("Add the line", size="sm", elem_id="converse-add")
        script = gr.Textbox(
            "",
            label="Conversation, a turn a line",
            info="1: Hello. Or, with a voice and a start in seconds, 2 (heart) @3.5: Hello.",
            lines=5,
            max_length=self._settings.max_text,
            elem_id="converse-script",
        )
        quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
        look: dict[str, Any] = {"concurrency_limit": 2, "concurrency_id": "inspect", "trigger_mode": "always_last"}
        portrait.change(self.show, inputs=portrait, outputs=[found, said], **quiet, **look)
        found.select(self.choose, inputs=portrait, outputs=face, **quiet, **look)
        add.click(self.add_line, inputs=[script, face, voice, line], outputs=[script, line], queue=False, **quiet)
        return script

    def show(self, portrait: str | None) -> tuple[Any, Any]:
        """The picture with its faces numbered, and what was found in it."""
        if portrait is None:
            return gr.Image(value=None, visible=False), gr.HTML(value="", visible=False)
        try:
            with refusals(portrait):
                found = self._look(portrait)
        except gr.Error as error:
            return gr.Image(value=None, visible=False), gr.HTML(note_html(error.message, "bad"), visible=True)
        count = len(found.found.boxes)
        good = "One face, which will speak alone." if count == 1 else f"{count} faces. Click on one to give it a line."
        return gr.Image(value=Image.fromarray(draw_inspection(found)), visible=True), gr.HTML(
            warnings_html(good, []), visible=True
        )

    def choose(self, portrait: str | None, click: gr.SelectData) -> Any:
        """The number of the face that was clicked on."""
        if portrait is None:
            return gr.skip()
        with refusals(portrait):
            return face_at(self._look(portrait).found.boxes, *click.index)

    @staticmethod
    def add_line(script: str, face: float | None, voice: str | None, line: str) -> tuple[str, str]:
        """The conversation with one more line, and an empty field for the next one."""
        said = " ".join((line or "").split())
        if not said:
            return script, ""
        named = f" ({voice})" if voice and voice != DEFAULT_VOICE else ""
        return f"{script.rstrip()}\n{int(face or 1)}{named}: {said}".lstrip(), ""

    def _look(self, portrait: str) -> Inspection:
        return inspect_portrait(load_portrait(portrait), make_tracker(self._tracker), None)

    def _check(self, *values: Any) -> None:
        with refusals():
            checked_script(_request(*values), self._settings)

    def _make(self, *values: Any) -> Generator[list[Any], None, None]:
        request = _request(*values)
        with refusals(request.portrait, *request.tracks), closing(self._studio.make(request, keep=True)) as made:
            for event in made:
                if isinstance(event, Waiting):
                    yield [waiting_html(event), *[gr.skip()] * _OUTPUTS]
                elif isinstance(event, Stage):
                    yield [note_html(_words(event)) if event.stage else gr.skip(), *[gr.skip()] * _OUTPUTS]
                else:
                    yield [_done_html(event), *_shown(event)]

    def converse(
        self,
        portrait: str | None,
        script: str = "",
        tracks: list[str] | None = None,
        consent: bool = False,
        seed: int = NEW_SEED,
        progress: gr.Progress = gr.Progress(),
    ) -> Generator[list[Any], None, None]:
        """Lets the faces of one picture talk with one another, as a 25 fps H.264 video; who is silent listens.

        Args:
            portrait: a picture with up to six faces seen from the front (JPEG, PNG or WebP).
            script: a turn a line: a face's number from the left and from 1, its voice in brackets and its start in
                seconds if wanted, a colon and what it says, as in "1: Hello." or "2 (heart) @3.5: Hello."
            tracks: recordings in place of the script: one for each face, from the left, or one in stereo.
            consent: true says that you may use these faces and these voices; nothing is made without it.
            seed: the same seed gives the same video; -1 draws a new one.

        Returns:
            The video.
            The report: turns, seed, seconds per stage, warnings.
        """
        request = _request(portrait, script, tracks, consent, seed)
        with refusals(portrait, *request.tracks), closing(self._studio.make(request)) as made:
            yield from followed(made, _OUTPUTS, _conversation_of, lambda event: _tell(progress, event))


def _conversation_of(event: Any) -> list[Any] | None:
    return [str(event.video), event.report] if isinstance(event, Conversation) else None


def _tell(progress: gr.Progress, event: Any) -> None:
    if isinstance(event, Stage) and event.stage:
        progress(event.done / max(1, event.total), desc=_words(event))


def _request(
    portrait: str | None, script: str | None, tracks: Sequence[str] | None, consent: bool, seed: int | None
) -> ConverseRequest:
    return ConverseRequest(
        portrait, script or "", tuple(tracks or ()), consent, NEW_SEED if seed is None else int(seed)
    )


def _words(event: Stage) -> str:
    words, unit = STAGE_WORDS.get(event.stage, event.stage), STAGE_UNITS.get(event.stage)
    return words if unit is None else f"{words}: {event.done} of {event.total} {unit}"


def _done_html(event: Conversation) -> str:
    seconds = event.report["frames"] / event.report["fps"]
    note = f"Done: {seconds:.1f} s of video in {in_words(sum(event.report['seconds'].values()))}."
    return warnings_html(note, list(event.report["warnings"]))


def _shown(event: Conversation) -> list[Any]:
    return [gr.Video(value=str(event.video), visible=True), gr.JSON(value=event.report, visible=True)]


def _cleared() -> list[Any]:
    return [gr.Video(value=None, visible=False), gr.JSON(value=None, visible=False)]
