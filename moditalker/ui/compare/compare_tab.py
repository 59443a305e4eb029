"""The Compare tab: what several methods make of the same portrait and recording; and the `/compare` endpoint."""

from collections.abc import Generator
from contextlib import closing
from dataclasses import replace
from typing import Any, Literal

import gradio as gr

from moditalker.audio.voices.registry import DEFAULT_VOICE
from moditalker.ui.animate.request import NEW_SEED
from moditalker.ui.compare.column_progress import progress_html, sentence
from moditalker.ui.compare.compare_request import CompareRequest
from moditalker.ui.compare.compare_results import (
    build_results,
    cleared,
    done_html,
    file_of,
    renamed,
    shown,
    shown_column,
)
from moditalker.ui.compare.compare_studio import ColumnDone, CompareStudio, Comparison, Working
from moditalker.ui.compare.form import Form, build_files, build_more, files_of, request_of
from moditalker.ui.compare.methods import CHOSEN, MethodsPanel
from moditalker.ui.shared.consent import CONSENT
from moditalker.ui.shared.endpoint import add_endpoint
from moditalker.ui.shared.jobs import Jobs
from moditalker.ui.shared.line import Waiting
from moditalker.ui.shared.refusal import refusals
from moditalker.ui.shared.run import Run
from moditalker.ui.shared.settings import Settings
from moditalker.ui.shared.status import waiting_html


class CompareTab:
    """The controls, and the handlers behind them. Holds no state of a request.

    Args:
        studio: what carries comparisons out.
        settings: limits.
    """

    title = "Compare"

    def __init__(self, studio: CompareStudio, settings: Settings) -> None:
        self._studio, self._settings = studio, settings

    def build(self) -> None:
        """Add the tab's content to the `gr.Tab` that is open."""
        with gr.Row():
            with gr.Column(min_width=300):
                portrait, audio, text, voice = build_files(self._settings)
            with gr.Column(min_width=300):
                with gr.Column() as named:
                    methods, share, video, video_title = MethodsPanel(self._studio.methods).build()
                with gr.Accordion("More settings", open=False):
                    real, crop, seed = build_more(self._settings)
                blind = gr.Checkbox(
                    label="Hide the names, for a blind look", value=False, elem_id="compare-blind",
                    info="The columns come in an order of chance, and are called A, B, C, D.",
                )  # fmt: skip
                consent = gr.Checkbox(label=CONSENT, value=False, elem_id="compare-consent")
                with gr.Column(elem_id="compare-run"):
                    button = gr.Button("Compare", variant="primary", size="lg", elem_id="compare")
                    cancel = gr.Button("Cancel", variant="stop", size="lg", visible=False, elem_id="compare-cancel")
                    status = gr.HTML(elem_id="compare-status")
        results = build_results()
        form = Form(portrait, audio, text, consent, methods, share, video, video_title, real, crop, seed, voice)
        blind.change(
            self.rename,
            inputs=[blind, results.kept],
            outputs=[named, *results.named()],
            api_visibility="private",
            queue=False,
            show_progress="hidden",
        )
        # As the tick does: it then renames.
        results.reveal.click(
            lambda: False, outputs=blind, api_visibility="private", queue=False, show_progress="hidden"
        )
        jobs = Jobs(self._settings.delete_after)
        Run(self._check, self._make, cleared, "Nothing was compared", jobs).connect(
            button, cancel, status, [blind, *form.components()], results.outputs(), "compare-run"
        )
        self._build_endpoint(form)

    def _build_endpoint(self, form: Form) -> None:
        outputs = [
            gr.Video(label="All columns in one video", visible=False),
            gr.JSON(label="A row for each column", visible=False),
            gr.File(label="The same as CSV", visible=False),
            gr.File(label="The columns' videos", file_count="multiple", visible=False),
            gr.Number(label="The seed that was used", precision=0, visible=False),
        ]
        add_endpoint(self.compare, form.components(), outputs, self._settings.running)

    def rename(self, blind: bool, kept: list[dict[str, Any]] | None) -> list[Any]:
        """Hide or show the names, those of the choice too."""
        return [gr.Column(visible=not blind), *renamed(blind, kept or [])]

    def _asked(self, blind: bool, *values: Any) -> CompareRequest:
        """What the page's components say, the columns in the order of the choice and not of the ticks."""
        request = request_of(blind, *values)
        return replace(request, methods=tuple(name for name in self._studio.methods if name in request.methods))

    def _check(self, blind: bool, *values: Any) -> None:
        with refusals():
            self._studio.check(self._asked(blind, *values))

    def _make(self, blind: bool, *values: Any) -> Generator[list[Any], None, None]:
        request = self._asked(blind, *values)
        with refusals(*files_of(request)), closing(self._studio.make(request, keep=True)) as made:
            for event in made:
                if isinstance(event, Waiting):
                    yield [waiting_html(event), *[gr.skip()] * len(cleared())]
                elif isinstance(event, Working):
                    # Something at each beat, or a cancelled run would go on.
                    words = progress_html(event, blind) if event.index >= 0 else gr.skip()
                    yield [words, *[gr.skip()] * len(cleared())]
                elif isinstance(event, ColumnDone):
                    yield [gr.skip(), *shown_column(event, blind)]
                else:
                    yield [done_html(event), *shown(event, blind)]

    def compare(
        self,
        portrait: str | None,
        audio: str | None = None,
        text: str = "",
        consent: bool = False,
        methods: list[str] = list(CHOSEN),  # noqa: B006 - never changed
        share: bool = False,
        video: str | None = None,
        video_title: str = "",
        real: str | None = None,
        crop: Literal["full", "face"] = "full",
        seed: int = NEW_SEED,
        voice: str = DEFAULT_VOICE,
        progress: gr.Progress = gr.Progress(),
    ) -> Generator[list[Any], None, None]:
        """Makes the person of a portrait say a recording by two to four methods, and measures what came out.

        A method that fails costs its own column only: its row says why.

        Args:
            portrait: a picture with one face seen from the front (JPEG, PNG or WebP).
            audio: speech of up to 60 seconds (WAV, MP3, FLAC, OGG, M4A, or a video, of which the sound track is taken).
            text: text to be spoken by a synthetic voice, in its language, instead of audio.
            consent: true says that you may use this face and this voice; nothing is made without it.
            methods: names, such as "still", "rules", "regression", "warp" and "ours".
            share: true says that portrait and recording may be sent to the machines that the chosen methods run on.
            video: a video made elsewhere, as a column of its own.
            video_title: what that column is called.
            real: the real clip that the recording was taken from, for measures against it; methods that dub need it.
            crop: "full" for the whole picture, "face" for the face alone.
            seed: the same seed gives the same videos; -1 draws a new one.
            voice: name of the synthetic voice.

        Returns:
            All columns in one video, side by side, with their names.
            A row for each column: seconds, real-time factor, and every measure; or why it failed.
            The same as CSV.
            The columns' videos, in order, without those that failed.
            The seed that was used.
        """
        seed = NEW_SEED if seed is None else int(seed)
        request = request_of(
            False, portrait, audio, text, consent, methods, share, video, video_title, real, crop, seed, voice
        )
        with refusals(*files_of(request)), closing(self._studio.make(request)) as made:
            # Gradio can end a cancelled job only at a yield.
            yield [gr.skip()] * 5
            for event in made:
                if isinstance(event, Comparison):
                    videos = [str(outcome.video) for outcome in event.outcomes if outcome.video is not None]
                    yield [file_of(event.stitched), event.rows, str(event.table), videos, event.seed]
                elif isinstance(event, Working) and event.index >= 0:
                    progress(event.index / event.columns, desc=sentence(event, blind=False))
                    yield [gr.skip()] * 5
                elif isinstance(event, Waiting):
                    yield [gr.skip()] * 5
