"""What a visitor sees of a request that is under way, as HTML."""

from html import escape

from moditalker.ui.animate.events import Growing, ProgressEvent
from moditalker.ui.shared.line import Waiting
from moditalker.utils.progress import STAGE_UNITS, STAGE_WORDS

WAITING = "waiting"
"""The kind of a note that says that others come first."""


def in_words(seconds: float) -> str:
    """Seconds as a person would say them: '8 s', '2 min 5 s'."""
    whole = max(1, round(seconds))
    return f"{whole} s" if whole < 60 else f"{whole // 60} min {whole % 60} s"


def sentence(progress: ProgressEvent) -> str:
    """'Drawing the video: 48 of 105 frames', without the time."""
    words = STAGE_WORDS[progress.stage]
    unit = STAGE_UNITS.get(progress.stage)
    return words if unit is None else f"{words}: {progress.done} of {progress.total} {unit}"


def progress_html(progress: ProgressEvent) -> str:
    """A bar with the stage, what is done of it, and the time left."""
    percent = round(100 * min(1.0, progress.share))
    if progress.left >= 0.5:
        left = f"about {in_words(progress.left)} left"
    else:
        left = "nearly done" if progress.done == progress.total else "longer than usual"
    said = f"{sentence(progress)}, {left}"
    return (
        f'<div class="progress" role="progressbar" aria-label="Making the video" aria-valuemin="0" aria-valuemax="100" '
        f'aria-valuenow="{percent}" aria-valuetext="{escape(said)}">'
        f'<div class="progress-words"><span>{escape(sentence(progress))}</span><span>{left}</span></div>'
        f'<div class="progress-bar"><div style="width:{percent}%"></div></div></div>'
    )


def buffering_html(growing: Growing) -> str:
    """When a video that is drawn more slowly than it plays can be played to its end without a stop."""
    return note_html(
        f"This machine draws {growing.speed:.2f} s of video in a second. It plays in about {in_words(growing.left)}: "
        "then it can go on to its end without a stop."
    )


def waiting_html(waiting: Waiting) -> str:
    """How many requests come before this one."""
    first = "1 request comes" if waiting.before == 1 else f"{waiting.before} requests come"
    return note_html(f"Waiting: {first} before yours.", WAITING)


def note_html(text: str, kind: str = "plain") -> str:
    """One sentence in the progress bar's place; `kind` is plain, good, waiting, warning or bad."""
    return f'<div class="note note-{kind}" role="status">{escape(text)}</div>'


def warnings_html(good: str, warnings: list[str]) -> str:
    """What was found in a portrait: `good` first, then each warning."""
    lines = [note_html(good, "good"), *(note_html(warning, "warning") for warning in warnings)]
    return "".join(lines)
