"""What a visitor sees of a comparison that is under way, as HTML."""

from html import escape

from moditalker.ui.compare.compare_studio import Working


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
