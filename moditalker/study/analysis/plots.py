"""The report's pictures, as SVG."""

import io
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from moditalker.study.analysis.bradley_terry import Strength
from moditalker.study.analysis.preferences import Preference
from moditalker.study.analysis.ratings import Score

FIRST, TIE, SECOND = "#3b6fb6", "#c9ccd1", "#d07f2e"
_ROW = 0.42
"""Inches."""


def preference_plot(found: Sequence[Preference], label: dict[str, str]) -> str:
    """One question's pairs: a bar each, of who was preferred, with the first one's interval."""
    figure, axes = _figure(len(found))
    for row, entry in enumerate(found):
        left = 0.0
        parts = ((entry.first_share, FIRST), (entry.tie_share, TIE), (entry.second_share, SECOND))
        for share, colour in parts:
            axes.barh(row, share.rate, left=left, color=colour, height=0.7)
            if share.rate > 0.07:
                shade = "white" if colour != TIE else "black"
                axes.text(
                    left + share.rate / 2, row, f"{share.rate:.0%}", ha="center", va="center", color=shade, fontsize=9
                )
            left += share.rate
        low, high = entry.first_share.low, entry.first_share.high
        axes.plot([low, high], [row + 0.42] * 2, color="black", linewidth=1.4)
        axes.text(1.01, row, label[entry.second], va="center", fontsize=9)
    axes.axvline(0.5, color="black", linewidth=0.6, linestyle=":")
    axes.set_yticks(range(len(found)), [label[entry.first] for entry in found])
    axes.set_xlim(0, 1)
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0 %", "25 %", "50 %", "75 %", "100 %"])
    axes.invert_yaxis()
    return _svg(figure)


def strength_plot(found: Sequence[Strength], label: dict[str, str]) -> str:
    """One question's methods, the strongest first."""
    ordered = sorted(found, key=lambda entry: -entry.value)
    figure, axes = _figure(len(ordered))
    _intervals(axes, [(label[entry.method], entry.value, entry.low, entry.high) for entry in ordered])
    axes.axvline(0, color="black", linewidth=0.6, linestyle=":")
    axes.set_xlabel("strength (log odds)")
    return _svg(figure)


def score_plot(found: Sequence[Score], label: dict[str, str]) -> str:
    """One question's methods, the best first."""
    ordered = sorted(found, key=lambda entry: -entry.mean)
    figure, axes = _figure(len(ordered))
    _intervals(axes, [(label[entry.method], entry.mean, entry.low, entry.high) for entry in ordered])
    axes.set_xlim(0.9, 5.1)
    axes.set_xlabel("mean opinion score")
    return _svg(figure)


def _intervals(axes: Axes, rows: Sequence[tuple[str, float, float, float]]) -> None:
    for row, (_, value, low, high) in enumerate(rows):
        axes.plot([low, high], [row, row], color=FIRST, linewidth=2)
        axes.plot([value], [row], "o", color=FIRST, markersize=6)
    axes.set_yticks(range(len(rows)), [name for name, *_ in rows])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.grid(axis="x", linewidth=0.4, alpha=0.6)


def _figure(rows: int) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(7.6, 0.9 + _ROW * max(rows, 1)), layout="constrained")
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _svg(figure: Figure) -> str:
    text = io.StringIO()
    figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    drawn = text.getvalue()
    return drawn[drawn.index("<svg") :]
