"""Comparisons as one HTML page beside their videos: nothing is loaded from anywhere else."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

from moditalker.compare.comparison_table import html_of
from moditalker.compare.controls import BAR, STYLE, script

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ font-family: system-ui, sans-serif; margin: 1.2rem auto; max-width: 1300px; padding: 0 1rem; color: #1f2433; }}
.row {{ display: flex; flex-wrap: wrap; gap: 0.6rem; }}
figure {{ margin: 0; flex: 1 1 200px; max-width: 420px; }}
figure video, figure > img {{ width: 100%; display: block; border-radius: 8px; }}
figure div {{ position: relative; }}
figcaption {{ padding: 0.2rem 0; font-size: 0.9rem; }}
.failed {{ color: #a33; }}
section {{ border-top: 1px solid #ccd; padding: 0.6rem 0 1rem; }}
{style}
@media (prefers-color-scheme: dark) {{ body {{ background: #14161c; color: #e8ebf5; }} .failed {{ color: #f0908a; }} }}
</style></head><body>
<h1>{title}</h1>
<p>Videos of a row are tied: play, pause and seek one, and the others follow; one is heard. They are AI-generated.</p>
{summary}
{sections}
<script>
{script}
for (const section of document.querySelectorAll("section")) {{
  const root = section.querySelector(".row");
  tieVideos({{ bar: section.querySelector(".tied"), root, portrait: () => root.dataset.portrait }});
}}
</script>
</body></html>
"""


@dataclass(frozen=True)
class Shown:
    """One comparison.

    Attributes:
        name: its heading.
        portrait: file.
        rows: see ``table.row_of``.
        videos: of the columns; None for one that failed.
        stitched: all in one file; None when there is none.
    """

    name: str
    portrait: Path
    rows: Sequence[dict[str, Any]]
    videos: Sequence[Path | None]
    stitched: Path | None


def write_page(path: Path, title: str, comparisons: Sequence[Shown], means: Sequence[dict[str, Any]] = ()) -> None:
    """Write the page.

    Args:
        path: ``.html``; the files of the comparisons are linked relative to its folder.
        title: its heading.
        comparisons: in order.
        means: rows over all comparisons, where there are several.
    """
    summary = ""
    if means:
        table = html_of(means, [row["title"] for row in means])
        summary = f"<h2>Means</h2><div class='measures-frame'>{table}</div>"
    sections = "".join(_section(one, path.parent) for one in comparisons)
    path.write_text(
        _PAGE.format(title=escape(title), style=STYLE, summary=summary, sections=sections, script=script()),
        encoding="utf-8",
    )


def _section(shown: Shown, folder: Path) -> str:
    def link(file: Path) -> str:
        return escape(Path(os.path.relpath(file, folder)).as_posix(), quote=True)

    figures = []
    for row, video in zip(shown.rows, shown.videos, strict=True):
        caption = f"<figcaption>{escape(row['title'])}</figcaption>"
        if video is None:
            figures.append(f"<figure>{caption}<p class='failed'>{escape(row.get('failed', ''))}</p></figure>")
        else:
            tag = f"<video src='{link(video)}' controls muted playsinline preload='auto'></video>"
            figures.append(f"<figure>{caption}<div>{tag}</div></figure>")
    table = html_of(shown.rows, [row["title"] for row in shown.rows])
    whole = "" if shown.stitched is None else f"<p><a href='{link(shown.stitched)}' download>All in one file</a></p>"
    return (
        f"<section><h2>{escape(shown.name)}</h2><div class='row' data-portrait='{link(shown.portrait)}'>"
        f"{''.join(figures)}</div>{BAR}<div class='measures-frame'>{table}</div>{whole}</section>"
    )
