"""What a comparison ends with, on the page: the columns, their table, and what they are called."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from moditalker.compare.comparison_table import html_of, letter
from moditalker.compare.controls import BAR, STYLE, script
from moditalker.ui.compare.compare_request import MOST
from moditalker.ui.compare.compare_studio import ColumnDone, Comparison
from moditalker.ui.shared.status import note_html

HIDDEN_FAILURE = "This column could not be made; its reason is told with its name."

_TIE = (
    "const bar = element; const tie = () => { const root = document.getElementById('compare-columns');"
    " if (!root) return requestAnimationFrame(tie);"
    " tieVideos({bar, root, portrait: () => document.querySelector('#compare-picture img')?.src}); }; tie();"
)


@dataclass(frozen=True)
class Results:
    """The components that show what came out."""

    places: list[gr.Column]
    videos: list[gr.Video]
    notes: list[gr.HTML]
    tied: gr.Column
    picture: gr.Image
    reveal: gr.Button
    table: gr.HTML
    stitched: gr.DownloadButton
    csv: gr.DownloadButton
    kept: gr.State

    def outputs(self) -> list[Any]:
        """In the order of `shown`, `shown_column` and `cleared`: the parts of each column, then the rest."""
        columns = [part for parts in zip(self.places, self.videos, self.notes, strict=True) for part in parts]
        return [*columns, self.tied, self.picture, self.reveal, self.table, self.stitched, self.csv, self.kept]

    def named(self) -> list[Any]:
        """Those that say a name, in the order of `renamed`."""
        return [*self.videos, *self.notes, self.reveal, self.table, self.csv]


def build_results() -> Results:
    """Add the components to the `gr.Blocks` that is open."""
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
        reveal = gr.Button(
            "Show the names and the measures", variant="primary", visible=False, elem_id="compare-reveal"
        )
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
    return Results(places, videos, notes, tied, picture, reveal, table, stitched, csv, gr.State(None))


def shown(comparison: Comparison, blind: bool) -> list[Any]:
    """A comparison, in the order of `Results.outputs`."""
    names = _names_of(comparison.rows, blind)
    columns: list[Any] = []
    for index in range(MOST):
        if index < len(names):
            outcome = comparison.outcomes[index]
            video = gr.Video(value=file_of(outcome.video), label=names[index])
            columns += [gr.Column(visible=True), video, _note_of(outcome.failed, outcome.warnings, blind)]
        else:
            columns += [gr.Column(visible=False), gr.Video(value=None), ""]
    return [
        *columns,
        gr.Column(visible=True),
        str(comparison.portrait),
        gr.Button(visible=blind),
        _table_of(comparison.rows, blind),
        gr.DownloadButton(value=file_of(comparison.stitched), visible=comparison.stitched is not None),
        gr.DownloadButton(value=str(comparison.table), visible=not blind),
        comparison.rows,
    ]


def shown_column(done: ColumnDone, blind: bool) -> list[Any]:
    """One column while others are made, in the order of `Results.outputs`."""
    outcome = done.outcome
    title = "" if blind else outcome.facts.title
    parts = [gr.skip()] * len(cleared())
    parts[3 * done.index : 3 * done.index + 3] = [
        gr.Column(visible=True),
        gr.Video(value=file_of(outcome.video), label=title or letter(done.index)),
        _note_of(outcome.failed, outcome.warnings, blind),
    ]
    return parts


def cleared() -> list[Any]:
    """Nothing to see yet, in the order of `Results.outputs`."""
    columns = [gr.Column(visible=False), gr.Video(value=None), ""] * MOST
    return [*columns, gr.Column(visible=False), None, gr.Button(visible=False), "", gr.skip(), gr.skip(), None]


def renamed(blind: bool, rows: Sequence[dict[str, Any]]) -> list[Any]:
    """The same columns with their names or without, in the order of `Results.named`."""
    names = _names_of(rows, blind)
    labels = [gr.Video(label=names[index] if index < len(rows) else letter(index)) for index in range(MOST)]
    notes = [
        _note_of(rows[index].get("failed", ""), rows[index].get("warnings", []), blind) if index < len(rows) else ""
        for index in range(MOST)
    ]
    reveal, csv = gr.Button(visible=blind and bool(rows)), gr.DownloadButton(visible=not blind)
    return [*labels, *notes, reveal, _table_of(rows, blind), csv]


def done_html(comparison: Comparison) -> str:
    """That it is done, how many columns there are, and what is to be said of the portrait."""
    made = sum(outcome.video is not None for outcome in comparison.outcomes)
    whole = len(comparison.outcomes)
    note = f"Done: {made} of {whole} columns, with the seed {comparison.seed}."
    warnings = [note_html(warning, "warning") for warning in comparison.warnings]
    return "".join([note_html(note, "good" if made == whole else "warning"), *warnings])


def file_of(path: Any) -> str | None:
    """A path as Gradio takes it."""
    return None if path is None else str(path)


def _names_of(rows: Sequence[dict[str, Any]], blind: bool) -> list[str]:
    return [row["column"] if blind else row["title"] for row in rows]


def _note_of(failed: str, warnings: Sequence[str], blind: bool) -> str:
    """What is said under a column; where names are hidden, nothing that a method says of itself."""
    if failed:
        return note_html(HIDDEN_FAILURE if blind else failed, "bad")
    return "" if blind else "".join(note_html(warning, "warning") for warning in warnings)


def _table_of(rows: Sequence[dict[str, Any]], blind: bool) -> str:
    """The table, in a frame that scrolls; nothing where names are hidden, as its numbers give the methods away."""
    if blind or not rows:
        return ""
    names = _names_of(rows, blind)
    return f"<div class='measures-frame' role='region' aria-label='Measures' tabindex='0'>{html_of(rows, names)}</div>"
