"""The Compare tab: what several methods make of the same portrait and recording; and the `/compare` endpoint."""

import inspect
import time
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from html import escape
from typing import Any, Literal

import gradio as gr

from moditalker.baselines.method import Method
from moditalker.baselines.registry import listing
from moditalker.compare.controls import BAR, STYLE, script
from moditalker.compare.table import html_of, letter
from moditalker.ui.animate import CANCEL_SECONDS, CANCELLED, CONSENT, STARTING
from moditalker.ui.compare_request import FEWEST, MOST, CompareRequest
from moditalker.ui.compare_studio import ColumnDone, CompareStudio, Comparison, Working
from moditalker.ui.portrait_panel import uploaded_path
from moditalker.ui.progress import note_html
from moditalker.ui.refusal import refusals
from moditalker.ui.request import MAX_SEED, NEW_SEED, Request
from moditalker.ui.settings import Settings

SHARE = "The portrait and the recording may be sent to the machines named above."
CHOSEN = ("rules", "ours")
READING = "Reading the files"
HIDDEN_FAILURE = "This column could not be made; its reason is told with its name."

_TIE = (
    "const bar = element; const tie = () => { const root = document.getElementById('compare-columns');"
    " if (!root) return requestAnimationFrame(tie);"
    " tieVideos({bar, root, portrait: () => document.querySelector('#compare-picture img')?.src}); }; tie();"
)


@dataclass(frozen=True)
class Inputs:
    """The components that say what is asked for, named as the parameters of `/compare`."""

    portrait: gr.Image
    audio: gr.Audio
    text: gr.Textbox
    consent: gr.Checkbox
    methods: gr.CheckboxGroup
    share: gr.Checkbox
    video: gr.Video
    video_title: gr.Textbox
    real: gr.Video
    crop: gr.Radio
    seed: gr.Number

    def components(self) -> list[Any]:
        """In the order of `/compare`'s parameters."""
        return list(vars(self).values())


@dataclass(frozen=True)
class Row:
    """The components that show what came out."""

    places: list[gr.Column]
    videos: list[gr.Video]
    notes: list[gr.HTML]
    tied: gr.Column
    picture: gr.Image
    table: gr.HTML
    stitched: gr.DownloadButton
    csv: gr.DownloadButton
    kept: gr.State

    def outputs(self) -> list[Any]:
        """In the order of `_columns`, then the rest as they are named."""
        columns = [part for parts in zip(self.places, self.videos, self.notes, strict=True) for part in parts]
        return [*columns, self.tied, self.picture, self.table, self.stitched, self.csv, self.kept]


def said_again() -> list[Any]:
    """That a comparison was cancelled, once more; see the Animate tab's."""
    time.sleep(CANCEL_SECONDS)
    return [note_html(CANCELLED), *cleared()]


class CompareTab:
    """The controls, and the handlers behind them. Holds no state of a request.

    Args:
        studio: what carries comparisons out.
        settings: limits.
    """

    title = "Compare"

    def __init__(self, studio: CompareStudio, settings: Settings) -> None:
        self._studio, self._settings = studio, settings

    @property
    def _methods(self) -> dict[str, Method]:
        return self._studio.methods

    def build(self) -> None:
        """Add the tab's content to the `gr.Tab` that is open."""
        with gr.Row():
            with gr.Column(min_width=300):
                portrait, audio, text = self._build_files()
            with gr.Column(min_width=300):
                with gr.Column() as named:
                    methods, video, video_title = self._build_methods()
                    share = gr.Checkbox(label=SHARE, value=False, visible=False, elem_id="compare-share")
                with gr.Accordion("More settings", open=False):
                    real, crop, seed = self._build_more()
                blind = gr.Checkbox(
                    label="Hide the names, for a blind look", value=False, elem_id="compare-blind",
                    info="The columns come in an order of chance, and are called A, B, C, D.",
                )  # fmt: skip
                consent = gr.Checkbox(label=CONSENT, value=False, elem_id="compare-consent")
                button = gr.Button("Compare", variant="primary", size="lg", elem_id="compare")
                cancel = gr.Button("Cancel", variant="stop", size="lg", visible=False, elem_id="compare-cancel")
        status = gr.HTML(elem_id="compare-status")
        row = self._build_row()
        inputs = Inputs(portrait, audio, text, consent, methods, share, video, video_title, real, crop, seed)
        quick: dict[str, Any] = {"api_visibility": "private", "queue": False, "show_progress": "hidden"}
        methods.change(self.asks_to_share, inputs=methods, outputs=share, **quick)
        blind.change(
            self.rename, inputs=[blind, row.kept], outputs=[named, *row.videos, *row.notes, row.table], **quick
        )
        self._build_run(inputs, blind, button, cancel, status, row)
        self._build_endpoint(inputs)

    def _build_files(self) -> tuple[gr.Image, gr.Audio, gr.Textbox]:
        portrait = gr.Image(
            label="Portrait",
            sources=["upload", "webcam", "clipboard"],
            type="filepath",
            height=280,
            buttons=["fullscreen"],
            elem_id="compare-portrait",
            alt_text="The portrait that will speak",
        )
        # As in the portrait's panel: an unreadable picture is refused in a sentence.
        portrait.preprocess = uploaded_path  # type: ignore[method-assign]
        audio = gr.Audio(
            label=f"Recording, up to {self._settings.max_audio_seconds:.0f} seconds",
            sources=["upload", "microphone"],
            type="filepath",
            buttons=[],
            elem_id="compare-audio",
        )
        text = gr.Textbox(
            "",
            label="Or a text, in English, for a synthetic voice",
            max_length=self._settings.max_text,
            lines=2,
            elem_id="compare-text",
        )
        return portrait, audio, text

    def _build_methods(self) -> tuple[gr.CheckboxGroup, gr.Video, gr.Textbox]:
        choices = [(_choice(method), name) for name, method in self._methods.items()]
        methods = gr.CheckboxGroup(
            choices,
            value=[name for name in CHOSEN if name in self._methods],
            label=f"Methods, {FEWEST} to {MOST} columns in all",
            info="↗ runs on another machine: portrait and recording are sent there, and nothing without your tick.",
            elem_id="compare-methods",
        )
        with gr.Accordion("A video made elsewhere, as a column", open=False):
            video = gr.Video(label="Video of the same portrait and recording", sources=["upload"], height=200,
                             elem_id="compare-video")  # fmt: skip
            video_title = gr.Textbox("", label="What it is called", max_length=40, elem_id="compare-video-title")
        with gr.Accordion("Licences, and what can run here", open=False):
            told = gr.HTML(elem_id="compare-listing")
            gr.Button("Look", size="sm", elem_id="compare-look").click(
                self.listed,
                outputs=told,
                api_visibility="private",
                show_progress="minimal",
                concurrency_limit=1,
                concurrency_id="compare-look",
            )
        return methods, video, video_title

    def _build_more(self) -> tuple[gr.Video, gr.Radio, gr.Number]:
        real = gr.Video(
            label=f"The real clip, for measures against it, up to {self._settings.max_video_seconds:.0f} seconds",
            sources=["upload"],
            height=200,
            elem_id="compare-real",
        )
        crop = gr.Radio(
            [("Full picture", "full"), ("Face only", "face")], value="full", label="Picture", elem_id="compare-crop"
        )
        seed = gr.Number(
            NEW_SEED, precision=0, minimum=NEW_SEED, maximum=MAX_SEED, label="Seed, -1 draws a new one",
            elem_id="compare-seed",
        )  # fmt: skip
        return real, crop, seed

    def _build_row(self) -> Row:
        places, videos, notes = [], [], []
        with gr.Row(elem_id="compare-columns"):
            for index in range(MOST):
                with gr.Column(min_width=200, visible=False) as place:
                    videos.append(
                        gr.Video(
                            label=letter(index),
                            interactive=False,
                            height=300,
                            buttons=["download"],
                            elem_id=f"compare-column-{index + 1}",
                        )
                    )
                    notes.append(gr.HTML())
                places.append(place)
        with gr.Column(visible=False) as tied:
            gr.HTML(BAR, css_template=STYLE, js_on_load=script() + _TIE, elem_id="compare-bar")
            table = gr.HTML(css_template=STYLE, elem_id="compare-table")
            with gr.Row():
                stitched = gr.DownloadButton("All columns in one video", size="sm", elem_id="compare-stitched")
                csv = gr.DownloadButton("The table (CSV, with the names)", size="sm", elem_id="compare-csv")
            picture = gr.Image(
                label="The portrait as every method got it",
                interactive=False,
                height=160,
                format="png",
                buttons=[],
                elem_id="compare-picture",
                alt_text="The portrait as every method got it",
            )
        return Row(places, videos, notes, tied, picture, table, stitched, csv, gr.State(None))

    def _build_run(
        self, inputs: Inputs, blind: gr.Checkbox, button: gr.Button, cancel: gr.Button, status: gr.HTML, row: Row
    ) -> None:
        asked = [blind, *inputs.components()]
        buttons = [button, cancel]
        quick: dict[str, Any] = {"api_visibility": "private", "queue": False, "show_progress": "hidden"}
        checked = button.click(
            self.check,
            inputs=asked,
            outputs=[*buttons, status],
            api_visibility="private",
            show_progress="hidden",
            # Through the queue: a refusal outside it is an error in the browser's console.
            concurrency_limit=None,
            concurrency_id="check",
        )
        run = checked.success(
            self.run,
            inputs=asked,
            outputs=[status, *row.outputs()],
            api_visibility="private",
            show_progress="minimal",
            show_progress_on=status,
            # One queue with Animate: both use the whole machine.
            concurrency_limit=self._settings.running,
            concurrency_id="animate",
        )
        run.success(lambda: (gr.Button(visible=True), gr.Button(visible=False)), outputs=buttons, **quick)
        run.failure(self.after_failure, inputs=status, outputs=[*buttons, status], **quick)
        cancelled = cancel.click(
            lambda: (gr.Button(visible=True), gr.Button(visible=False), note_html(CANCELLED), *cleared()),
            outputs=[*buttons, status, *row.outputs()],
            cancels=[run],
            **quick,
        )
        cancelled.then(said_again, outputs=[status, *row.outputs()], **quick)

    def _build_endpoint(self, inputs: Inputs) -> None:
        outputs = [
            gr.Video(label="All columns in one video", visible=False),
            gr.JSON(label="A row for each column", visible=False),
            gr.File(label="The same as CSV", visible=False),
            gr.File(label="The columns' videos", file_count="multiple", visible=False),
            gr.Number(label="The seed that was used", precision=0, visible=False),
        ]
        gr.Button(visible=False).click(
            self.compare,
            inputs=inputs.components(),
            outputs=outputs,
            api_name="compare",
            # Whole: Gradio would show the first paragraph and keep what it says of the parameters to itself.
            api_description=inspect.getdoc(self.compare),
            concurrency_limit=self._settings.running,
            concurrency_id="animate",
        )

    def asks_to_share(self, methods: Sequence[str]) -> Any:
        """Ask for leave to send the files away, naming where to, when a chosen method does."""
        machines = sorted({self._methods[name].facts.sent_to for name in methods if name in self._methods} - {""})
        label = f"The portrait and the recording may be sent to {', '.join(machines)}." if machines else SHARE
        return gr.Checkbox(label=label, visible=bool(machines), value=False)

    def listed(self) -> str:
        """The methods with their licences, and whether each can run here; asks the machines elsewhere."""
        rows = [
            f"<tr><th scope='row'>{escape(told['title'])}</th><td>{escape(told['what'])}</td>"
            f"<td>{escape(told['licence'])}</td><td>{escape(told['missing'] or 'can run here')}</td></tr>"
            for told in listing(self._methods.values())
        ]
        head = "<tr><th></th><th>how</th><th>licence</th><th>here</th></tr>"
        return f"<div class='prose'><table>{head}{''.join(rows)}</table></div>"

    def check(self, blind: bool, *values: Any) -> tuple[Any, Any, str]:
        """Refuse at once what cannot be carried out; then show Cancel in place of Compare."""
        with refusals():
            self._studio.check(self._asked(blind, *values))
        return gr.Button(visible=False), gr.Button(visible=True), note_html(STARTING)

    def _asked(self, blind: bool, *values: Any) -> CompareRequest:
        """What the page's components say, the columns in the order of the choice and not of the ticks."""
        request = _request(blind, *values)
        return replace(request, methods=tuple(name for name in self._methods if name in request.methods))

    @staticmethod
    def after_failure(status: str) -> tuple[Any, Any, str]:
        """Show Compare again; a run that broke off outside our hands, a full queue say, left its last progress."""
        if any(mark in status for mark in (STARTING, READING, 'role="progressbar"')):
            status = note_html("Nothing was compared: this server is busy. Try again in a minute.", "bad")
        return gr.Button(visible=True), gr.Button(visible=False), status

    def run(self, blind: bool, *values: Any) -> Generator[list[Any], None, None]:
        """The page's own: progress, each column as it is done, and the table."""
        request = self._asked(blind, *values)
        try:
            yield from self._run(request)
        except gr.Error as error:
            # The message that Gradio shows goes away; this stays.
            yield [note_html(error.message, "bad"), *cleared()]
            raise

    def _run(self, request: CompareRequest) -> Generator[list[Any], None, None]:
        rest = len(cleared())
        with refusals(*_files(request)), closing(self._studio.make(request)) as made:
            # Before any work: Gradio can cancel only what has yielded.
            yield [note_html(READING), *cleared()]
            for event in made:
                if isinstance(event, Working):
                    # Something at each beat, or a cancelled run would go on.
                    words = progress_html(event, request.blind) if event.index >= 0 else gr.skip()
                    yield [words, *[gr.skip()] * rest]
                elif isinstance(event, ColumnDone):
                    outcome = event.outcome
                    title = "" if request.blind else outcome.facts.title
                    parts = [gr.skip()] * rest
                    parts[3 * event.index : 3 * event.index + 3] = [
                        gr.Column(visible=True),
                        gr.Video(value=_file(outcome.video), label=title or letter(event.index)),
                        note_of(outcome.failed, outcome.warnings, request.blind),
                    ]
                    yield [gr.skip(), *parts]
                else:
                    yield [self._done(event), *shown(event, request.blind)]

    @staticmethod
    def _done(comparison: Comparison) -> str:
        made = sum(outcome.video is not None for outcome in comparison.outcomes)
        whole = len(comparison.outcomes)
        note = f"Done: {made} of {whole} columns, with the seed {comparison.seed}."
        warnings = [note_html(warning, "warning") for warning in comparison.warnings]
        return "".join([note_html(note, "good" if made == whole else "warning"), *warnings])

    def rename(self, blind: bool, kept: list[dict[str, Any]] | None) -> list[Any]:
        """Hide or show the names, those of the choice too."""
        rows = kept or []
        names = names_of(rows, blind)
        labels = [gr.Video(label=names[index] if index < len(rows) else letter(index)) for index in range(MOST)]
        notes = [
            note_of(rows[index].get("failed", ""), rows[index].get("warnings", []), blind) if index < len(rows) else ""
            for index in range(MOST)
        ]
        return [gr.Column(visible=not blind), *labels, *notes, table_of(rows, blind)]

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
        progress: gr.Progress = gr.Progress(),
    ) -> Generator[list[Any], None, None]:
        """Makes the person of a portrait say a recording by two to four methods, and measures what came out.

        A method that fails costs its own column only: its row says why.

        Args:
            portrait: a picture with one face seen from the front (JPEG, PNG or WebP).
            audio: speech of up to 60 seconds (WAV, MP3, FLAC, OGG, M4A, or a video, of which the sound track is taken).
            text: English text to be spoken by a synthetic voice, instead of audio.
            consent: true says that you may use this face and this voice; nothing is made without it.
            methods: names, such as "still", "rules", "regression", "warp" and "ours".
            share: true says that portrait and recording may be sent to the machines that the chosen methods run on.
            video: a video made elsewhere, as a column of its own.
            video_title: what that column is called.
            real: the real clip that the recording was taken from, for measures against it.
            crop: "full" for the whole picture, "face" for the face alone.
            seed: the same seed gives the same videos; -1 draws a new one.

        Returns:
            All columns in one video, side by side, with their names.
            A row for each column: seconds, real-time factor, and every measure; or why it failed.
            The same as CSV.
            The columns' videos, in order, without those that failed.
            The seed that was used.
        """
        seed = NEW_SEED if seed is None else int(seed)
        request = _request(False, portrait, audio, text, consent, methods, share, video, video_title, real, crop, seed)
        with refusals(*_files(request)), closing(self._studio.make(request)) as made:
            # Gradio can end a cancelled job only at a yield.
            yield [gr.skip()] * 5
            for event in made:
                if isinstance(event, Comparison):
                    videos = [str(outcome.video) for outcome in event.outcomes if outcome.video is not None]
                    yield [_file(event.stitched), event.rows, str(event.table), videos, event.seed]
                elif isinstance(event, Working) and event.index >= 0:
                    progress(event.index / event.columns, desc=sentence(event, blind=False))
                    yield [gr.skip()] * 5


def sentence(working: Working, blind: bool) -> str:
    """'Column 2 of 3, Rule-based: video, 48 of 105'."""
    title = "" if blind else f", {working.title}"
    part = f", {working.done} of {working.total}" if working.total > 1 else ""
    return f"Column {working.index + 1} of {working.columns}{title}: {working.stage}{part}"


def progress_html(working: Working, blind: bool) -> str:
    """A bar over all columns, with a sentence on the one that reported last."""
    within = working.done / working.total if working.total > 1 else 0.0
    percent = round(100 * min(1.0, (working.index + within) / working.columns))
    said = escape(sentence(working, blind))
    return (
        '<div class="progress" role="progressbar" aria-label="Comparing" aria-valuemin="0" aria-valuemax="100" '
        f'aria-valuenow="{percent}" aria-valuetext="{said}"><div class="progress-words"><span>{said}</span></div>'
        f'<div class="progress-bar"><div style="width:{percent}%"></div></div></div>'
    )


def names_of(rows: Sequence[dict[str, Any]], blind: bool) -> list[str]:
    """What each column is called on the page."""
    return [row["column"] if blind else row["title"] for row in rows]


def note_of(failed: str, warnings: Sequence[str], blind: bool) -> str:
    """What is said under a column; where names are hidden, nothing that a method says of itself."""
    if failed:
        return note_html(HIDDEN_FAILURE if blind else failed, "bad")
    return "" if blind else "".join(note_html(warning, "warning") for warning in warnings)


def table_of(rows: Sequence[dict[str, Any]], blind: bool) -> str:
    """The table, in a frame that scrolls."""
    if not rows:
        return ""
    told = [{**row, "failed": HIDDEN_FAILURE} if blind and "failed" in row else row for row in rows]
    return f"<div class='measures-frame'>{html_of(told, names_of(rows, blind))}</div>"


def shown(comparison: Comparison, blind: bool) -> list[Any]:
    """A comparison, in the order of `Row.outputs`."""
    names = names_of(comparison.rows, blind)
    columns: list[Any] = []
    for index in range(MOST):
        if index < len(names):
            outcome = comparison.outcomes[index]
            video = gr.Video(value=_file(outcome.video), label=names[index])
            columns += [gr.Column(visible=True), video, note_of(outcome.failed, outcome.warnings, blind)]
        else:
            columns += [gr.Column(visible=False), gr.Video(value=None), ""]
    return [
        *columns,
        gr.Column(visible=True),
        str(comparison.portrait),
        table_of(comparison.rows, blind),
        gr.DownloadButton(value=_file(comparison.stitched), visible=comparison.stitched is not None),
        gr.DownloadButton(value=str(comparison.table)),
        comparison.rows,
    ]


def cleared() -> list[Any]:
    """Nothing to see yet, in the order of `Row.outputs`."""
    columns = [gr.Column(visible=False), gr.Video(value=None), ""] * MOST
    return [*columns, gr.Column(visible=False), None, "", gr.skip(), gr.skip(), None]


def _choice(method: Method) -> str:
    facts = method.facts
    return f"{facts.title} ↗" if facts.sent_to else facts.title


def _file(path: Any) -> str | None:
    return None if path is None else str(path)


def _files(request: CompareRequest) -> tuple[str | None, ...]:
    return request.spoken.portrait, request.spoken.audio, request.video, request.real


def _request(
    blind: bool,
    portrait: str | None,
    audio: str | None,
    text: str,
    consent: bool,
    methods: Sequence[str],
    share: bool,
    video: str | None,
    video_title: str,
    real: str | None,
    crop: str,
    seed: int | None,
) -> CompareRequest:
    """What the components say."""
    chosen = NEW_SEED if seed is None else int(seed)
    spoken = Request(portrait, audio, text or "", bool(consent), crop=crop, seed=chosen)
    return CompareRequest(spoken, tuple(methods or ()), video, video_title or "", real, bool(share), bool(blind))
