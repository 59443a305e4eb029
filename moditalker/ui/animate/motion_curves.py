"""The five curves of a motion as a picture over the waveform, with its keys; and which moment a click on it means."""

from collections.abc import Sequence
from io import BytesIO
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from moditalker.atom.motion import Motion
from moditalker.constants import FPS, SAMPLE_RATE
from moditalker.face.layout import (
    BROWS,
    LIP_BRANCH,
    LOWER_INNER_LIP,
    MOUTH_CORNERS,
    OTHER_BRANCH,
    UPPER_INNER_LIP,
)
from moditalker.keys import Key
from moditalker.ui.animate.kept_motion import Waveform

SIZE = 720, 660
"""Pixels, width and height."""
_LEFT, _RIGHT, _TOP, _BOTTOM = 0.085, 0.985, 0.965, 0.075
"""Where the curves lie, as shares of the picture."""
_COLUMNS = 1200
_DPI = 120
_WAVE, _TEXT, _MARK = "#9aa5c4", "#6b7390", "#d98a1f"
_FIRST, _SECOND = "#3b63d9", "#2f9e63"

_PART_OF = {
    "lips": ("close-mouth", "open-mouth", "smile"),
    "expression": ("raise-brows", "lower-brows"),
    "blinks": ("blink", "wink-left", "wink-right"),
    "head": ("nod", "shake", "look-up", "look-down", "look-left", "look-right"),
    "gaze": ("look-up", "look-down", "look-left", "look-right"),
}
_WORDS = {
    "lips": ("lips", "% of eye distance", ("open", "wide"), 8.0),
    "expression": ("expression", "% of eye distance", ("brows up",), 5.0),
    "blinks": ("blinks", "closed", ("left", "right"), 1.05),
    "head": ("head", "degrees", ("to its left", "down"), 5.0),
    "gaze": ("gaze", "degrees", ("to its left", "down"), 5.0),
}
"""Of each part: its name, the unit, its curves, and what the axis reaches at least."""


def waveform_of(samples: np.ndarray) -> Waveform:
    """The waveform of (N,) samples at 16 kHz, in at most 1200 stretches."""
    size = max(1, -(-len(samples) // _COLUMNS))
    columns = np.pad(samples, (0, -len(samples) % size)).reshape(-1, size)
    return Waveform(len(samples) / SAMPLE_RATE, columns.min(1), columns.max(1))


def curves_of(motion: Motion) -> dict[str, np.ndarray]:
    """(T, 1 or 2) numbers of each part that say most of what it does.

    ``lips``: how much farther open and how much wider the mouth is than in the portrait, and ``expression``: how much
    higher the brows are, in percent of the eye distance. ``blinks``: closure of the person's left and right eye.
    ``head`` and ``gaze``: degrees to the person's own left, and down.
    """
    lips, brows = _rows(LIP_BRANCH), _rows(OTHER_BRANCH)[BROWS]
    upper, lower = lips[UPPER_INNER_LIP], lips[LOWER_INNER_LIP]
    right, left = lips[MOUTH_CORNERS[:2]]
    opening = (motion.lips[:, lower, 1] - motion.lips[:, upper, 1]).mean(1)
    width = motion.lips[:, left, 0] - motion.lips[:, right, 0]
    return {
        "lips": 100 * np.stack([opening, width], 1),
        "expression": -100 * motion.expression[:, brows, 1].mean(1, keepdims=True),
        "blinks": motion.blinks,
        # About x a positive angle leads down, about y to the person's own right.
        "head": np.degrees(np.stack([-motion.head[:, 1], motion.head[:, 0]], 1)),
        "gaze": np.degrees(motion.gaze),
    }


def draw_curves(
    motion: Motion, waveform: Waveform | None = None, keys: Sequence[Key] = (), chosen: float | None = None
) -> Image.Image:
    """Draw a motion, readable on a light and on a dark page.

    Args:
        motion: T frames.
        waveform: drawn behind each part's curves.
        keys: marked over their time at the parts that they are about.
        chosen: a moment in seconds that is marked everywhere.
    Returns:
        RGBA of ``SIZE``.
    """
    width, height = SIZE
    figure = Figure(figsize=(width / _DPI, height / _DPI), dpi=_DPI)
    times, curves = (np.arange(len(motion)) + 0.5) / FPS, curves_of(motion)
    row = (_TOP - _BOTTOM) / len(curves)
    for number, (part, values) in enumerate(curves.items()):
        axis = figure.add_axes((_LEFT, _TOP - (number + 1) * row + 0.012, _RIGHT - _LEFT, row - 0.05))
        name, unit, lines, reach = _WORDS[part]
        lowest, highest = float(values.min(initial=0)), float(values.max(initial=0))
        low, high = (0.0, reach) if part == "blinks" else (min(-reach / 2, 1.1 * lowest), max(reach, 1.1 * highest))
        if waveform is not None:
            _draw_waveform(axis, waveform, low, high)
        for key in keys:
            if key.do in _PART_OF[part]:
                axis.axvspan(key.time - key.lasts / 2, key.time + key.lasts / 2, color=_MARK, alpha=0.3, linewidth=0)
                words: dict[str, Any] = {"color": _TEXT, "fontsize": 7.5, "weight": "bold", "ha": "left", "va": "top"}
                # Not in the middle: a chosen moment's line is there.
                axis.text(max(0.0, key.time - key.lasts / 2), high, f" {key.do}", clip_on=True, **words)
        for column, colour in zip(values.T, (_FIRST, _SECOND), strict=False):
            axis.plot(times, column, color=colour, linewidth=1.2)
        if chosen is not None:
            axis.axvline(chosen, color=_MARK, linewidth=1.2, linestyle="--")
        axis.set(xlim=(0, len(motion) / FPS), ylim=(low, high))
        axis.tick_params(colors=_TEXT, labelsize=7, labelbottom=number == len(curves) - 1, length=2)
        for side in axis.spines.values():
            side.set_visible(False)
        _write_title(figure, (_LEFT, _TOP - number * row - 0.03), f"{name}, {unit}", lines)
    figure.text(_RIGHT, 0.008, "seconds", color=_TEXT, fontsize=7.5, ha="right", va="bottom")
    file = BytesIO()
    figure.savefig(file, format="png", transparent=True)
    return Image.open(file).convert("RGBA")


def clicked_time(x: float, seconds: float) -> float:
    """The moment that a click means.

    Args:
        x: pixels from the picture's left.
        seconds: that the motion lasts.
    Returns:
        Seconds, a frame's, from 0 to below ``seconds``.
    """
    share = (x / SIZE[0] - _LEFT) / (_RIGHT - _LEFT)
    last = max(0, round(seconds * FPS) - 1)
    return round(min(max(0, int(share * seconds * FPS)), last) / FPS, 2)


def _draw_waveform(axis: Any, waveform: Waveform, low: float, high: float) -> None:
    """Behind the curves of a part, over the whole height."""
    loudest = max(float(np.abs([waveform.low, waveform.high]).max()), 1e-3)
    middle, half = (low + high) / 2, (high - low) / 2 / loudest
    moments = (np.arange(len(waveform.low)) + 0.5) * waveform.seconds / len(waveform.low)
    under, over = middle + half * waveform.low, middle + half * waveform.high
    axis.fill_between(moments, under, over, color=_WAVE, alpha=0.35, linewidth=0)


def _write_title(figure: Figure, place: tuple[float, float], title: str, lines: Sequence[str]) -> None:
    """The name of a part, and of each of its curves in the curve's colour."""
    figure.text(*place, title, color=_TEXT, fontsize=8, va="bottom")
    for number, (line, colour) in enumerate(zip(lines, (_FIRST, _SECOND), strict=False)):
        figure.text(_RIGHT - 0.17 * (len(lines) - 1 - number), place[1], line, color=colour, fontsize=8, ha="right")


def _rows(branch: np.ndarray) -> np.ndarray:
    """(68,) in which row of a branch each landmark is; -1 where it is in none."""
    rows = np.full(68, -1)
    rows[branch] = np.arange(len(branch))
    return rows
