"""The controls that tie videos together: the same ones on the page and in the HTML that the command line writes."""

from pathlib import Path

SCRIPT = Path(__file__).with_name("tied.js")

BAR = """<div class="tied">
<button type="button" data-role="play">▶ Play</button>
<input type="range" data-role="seek" min="0" max="1000" step="1" value="0" aria-label="Moment">
<span data-role="time">0:00.0 / 0:00.0</span>
<label><input type="checkbox" data-role="loop"> loop</label>
<label>sound of <select data-role="sound" aria-label="Sound of"></select></label>
<label><input type="checkbox" data-role="difference"> difference to the portrait</label>
</div>"""

STYLE = """
.tied { display: flex; flex-wrap: wrap; align-items: center; gap: 0.4rem 0.9rem; margin: 0.4rem 0; font-size: 0.9rem; }
.tied button { min-width: 6.2rem; padding: 0.35rem 0.7rem; border: 1px solid #8892b0; border-radius: 6px;
    cursor: pointer; background: transparent; color: inherit; }
.tied input[type="range"] { flex: 1 1 12rem; }
.tied select { padding: 0.2rem; border: 1px solid #8892b0; border-radius: 6px; background: none; color: inherit; }
.tied [data-role="time"] { font-variant-numeric: tabular-nums; }
.measures-frame { overflow-x: auto; }
table.measures { border-collapse: collapse; font-size: 0.85rem; font-variant-numeric: tabular-nums; margin: 0.4rem 0; }
table.measures th, table.measures td { padding: 0.25rem 0.6rem; text-align: right; border-bottom: 1px solid #8892b055; }
table.measures th[scope="row"] { text-align: left; white-space: nowrap; }
table.measures thead th { vertical-align: bottom; font-weight: 600; min-width: 4.2rem; max-width: 7rem; }
table.measures .failed { text-align: left; }
"""


def script() -> str:
    """The function ``tieVideos``, as JavaScript."""
    return SCRIPT.read_text(encoding="utf-8")
