"""The report's pictures, as SVG: what is compared stands above each bar, so that they can be read on a phone."""

import io
import textwrap
from collections.abc import Sequence
from math import isnan
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from moditalker.study.analysis.bradley_terry import Strength
from moditalker.study.analysis.preferences import Preference
from moditalker.study.analysis.ratings import Score

FIRST, TIE, SECOND = "#2f62a8", "#c9ccd1", "#b4611a"
INTERVAL = "95 % interval"
_WIDTH, _ROW = 5.2, 0.5
"""Inches."""
_NAME: dict[str, Any] = {"va": "bottom", "fontsize": 9, "weight": "bold"}
_ON_BAR: dict[str, Any] = {"va": "center_baseline", "fontsize": 9}
_INTERVAL_LINE: dict[str, Any] = {"color": "black", "linewidth": 1.4, "marker": "|", "markersize": 6}


def preference_plot(found: Sequence[Preference], label: dict[str, str]) -> str:
    """One question's pairs: a bar each, of who was preferred, with the interval of the left share."""
    figure, axes = _figure(len(found))
    for row, entry in enumerate(found):
        left = 0.0
        parts = ((entry.first_share, FIRST), (entry.tie_share, TIE), (entry.second_share, SECOND))
        for share, colour in parts:
            axes.barh(row + 0.1, share.rate, left=left, color=colour, height=0.36)
            if share.rate > 0.07:
                shade = "white" if colour != TIE else "black"
                axes.text(left + share.rate / 2, row + 0.1, f"{share.rate:.0%}", color=shade, ha="center", **_ON_BAR)
            left += share.rate
        axes.plot([entry.first_share.low, entry.first_share.high], [row + 0.36] * 2, **_INTERVAL_LINE)
        axes.text(0, row - 0.14, _short(label[entry.first]), ha="left", color=FIRST, **_NAME)
        axes.text(1, row - 0.14, _short(label[entry.second]), ha="right", color=SECOND, **_NAME)
        count = entry.wins + entry.ties + entry.losses
        axes.text(1.02, row + 0.1, f"n = {count}", **_ON_BAR)
    axes.axvline(0.5, color="black", linewidth=0.6, linestyle=":")
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.set_xlim(0, 1)
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0 %", "25 %", "50 %", "75 %", "100 %"])
    colours = ((FIRST, "left one preferred"), (TIE, "cannot tell"), (SECOND, "right one preferred"))
    handles: list[Patch | Line2D] = [Patch(color=colour, label=meaning) for colour, meaning in colours]
    if not all(isnan(entry.first_share.low) for entry in found):
        handles.append(Line2D([], [], **_INTERVAL_LINE, label=f"{INTERVAL} of the left share"))
    _legend(figure, handles)
    return _svg(figure)


def strength_plot(found: Sequence[Strength], label: dict[str, str]) -> str:
    """One question's methods, the strongest first."""
    ordered = sorted(found, key=lambda entry: -entry.value)
    figure, axes = _figure(len(ordered))
    _intervals(axes, [(label[entry.method], entry.value, entry.low, entry.high, entry.count) for entry in ordered])
    axes.axvline(0, color="black", linewidth=0.6, linestyle=":")
    axes.set_xlabel("strength (log odds against the average)", fontsize=9)
    _legend(figure, _marks("strength", [entry.low for entry in found]))
    return _svg(figure)


def score_plot(found: Sequence[Score], label: dict[str, str]) -> str:
    """One question's methods, the best first."""
    ordered = sorted(found, key=lambda entry: -entry.mean)
    figure, axes = _figure(len(ordered))
    _intervals(axes, [(label[entry.method], entry.mean, entry.low, entry.high, entry.count) for entry in ordered])
    axes.set_xlim(0.9, 5.1)
    axes.set_xlabel("mean opinion score (1 to 5)", fontsize=9)
    _legend(figure, _marks("mean", [entry.low for entry in found]))
    return _svg(figure)


def _intervals(axes: Axes, rows: Sequence[tuple[str, float, float, float, int]]) -> None:
    for row, (name, value, low, high, count) in enumerate(rows):
        axes.plot([low, high], [row + 0.1] * 2, color=FIRST, linewidth=2, marker="|", markersize=7)
        axes.plot([value], [row + 0.1], "o", color=FIRST, markersize=6)
        across = axes.get_yaxis_transform()
        axes.text(0, row - 0.14, name, transform=across, **_NAME)
        axes.text(1, row - 0.14, f"n = {count}", transform=across, ha="right", va="bottom", fontsize=8)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x", linewidth=0.4, alpha=0.6)


def _short(name: str) -> str:
    """Two of them stand above one bar; the tables have them whole."""
    return textwrap.shorten(name, 28, placeholder="…")


def _marks(what: str, lows: Sequence[float]) -> list[Patch | Line2D]:
    marks: list[Patch | Line2D] = [Line2D([], [], color=FIRST, marker="o", linestyle="", markersize=6, label=what)]
    if not all(map(isnan, lows)):
        marks.append(Line2D([], [], color=FIRST, linewidth=2, marker="|", markersize=7, label=INTERVAL))
    return marks


def _legend(figure: Figure, handles: Sequence[Patch | Line2D]) -> None:
    figure.legend(handles=handles, loc="outside upper left", ncols=2, frameon=False, fontsize=8.5, borderaxespad=0)


def _figure(rows: int) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(_WIDTH, 1.0 + _ROW * max(rows, 1)), layout="constrained")
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=9)
    axes.set_ylim(max(rows, 1) - 0.4, -0.6)
    return figure, axes


def _svg(figure: Figure) -> str:
    text = io.StringIO()
    # Texts stay texts, for those who search or listen; the same figure gives the same file.
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "study"}):
        figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    drawn = text.getvalue()
    return drawn[drawn.index("<svg") :]
