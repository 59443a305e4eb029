"""``compare DIR -o OUT``: every portrait in a folder with the recording of its name, through every method."""

import json
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from moditalker.baselines.conform import DroppedVideo
from moditalker.baselines.protocol import Method, Options
from moditalker.benchmark.judge import Judge
from moditalker.compare.comparison_page import Shown, write_page
from moditalker.compare.comparison_table import ALL, csv_of, row_of
from moditalker.compare.inputs import prepare_inputs
from moditalker.compare.measures import Measurer, read_real
from moditalker.compare.runner import Outcome, Tell, run_methods
from moditalker.compare.stitch import stitch
from moditalker.face.tracker import FaceTracker
from moditalker.utils.errors import InputError

logger = logging.getLogger(__name__)

PICTURES = (".png", ".jpg", ".jpeg", ".webp")
SOUNDS = (".wav", ".mp3", ".flac", ".ogg", ".m4a")
REAL = ".mp4"


@dataclass(frozen=True)
class Pair:
    """A portrait and a recording of one name.

    Attributes:
        name: of the files, without their ending.
        portrait, audio: files.
        real: the real clip, where there is ``NAME.mp4``.
        made: videos made elsewhere, ``NAME.METHOD.mp4``: title and file.
    """

    name: str
    portrait: Path
    audio: Path
    real: Path | None
    made: tuple[tuple[str, Path], ...] = ()


def find_pairs(folder: Path) -> list[Pair]:
    """The pairs in a folder, in the order of their names.

    Raises:
        InputError: there are none, a portrait has no recording, or a name has two portraits.
    """
    if not folder.is_dir():
        raise InputError(f"There is no folder {folder}: name one with NAME.png and NAME.wav in it.")
    files = sorted(path for path in folder.iterdir() if path.is_file())
    portraits = [path for path in files if path.suffix.lower() in PICTURES]
    if not portraits:
        raise InputError(
            f"{folder} has no portraits: put NAME.png (or .jpg, .webp) and NAME.wav (or .mp3 ...) into it."
        )
    pairs: dict[str, Pair] = {}
    for portrait in portraits:
        name = portrait.stem
        if name in pairs:
            raise InputError(f"{folder} has two portraits called {name}: rename one of them, and its recording.")
        sounds = [path for path in files if path.stem == name and path.suffix.lower() in SOUNDS]
        real = folder / f"{name}{REAL}"
        if not sounds and not real.is_file():
            raise InputError(f"{portrait.name} has no recording: add {name}.wav.")
        made = [path for path in files if path.suffix == REAL and path.stem.startswith(f"{name}.")]
        titled = tuple((path.stem.removeprefix(f"{name}."), path) for path in made)
        pairs[name] = Pair(name, portrait, sounds[0] if sounds else real, real if real.is_file() else None, titled)
    return list(pairs.values())


def compare_pairs(
    pairs: Sequence[Pair],
    methods: Sequence[Method],
    output: Path,
    tracker: FaceTracker,
    *,
    options: Options,
    crop: str = "full",
    tell: Tell,
) -> list[dict[str, Any]]:
    """Run every method on every pair.

    OUTPUT gets a folder of videos for each pair, ``table.csv``, ``table.json`` and ``index.html``; they are written
    anew after each pair, so that what is done is there when a later one cannot be.

    Args:
        pairs: see ``find_pairs``.
        methods: the columns; videos made elsewhere follow them.
        output: folder, made when missing.
        tracker: finds the faces.
        options: of all methods.
        crop: see ``prepare_inputs``.
        tell: told progress.
    Returns:
        A row for each method and pair; ``pair`` says which.
    Raises:
        InputError: none of the pairs could be used.
    """
    output.mkdir(parents=True, exist_ok=True)
    judge, refused = Judge(), list[str]()
    rows: list[dict[str, Any]] = []
    shown: list[Shown] = []
    for pair in pairs:
        folder = output / pair.name
        try:
            inputs = prepare_inputs(pair.portrait, pair.audio, folder, tracker, crop)
            real = None if pair.real is None else read_real(pair.real, tracker, inputs.frames)
        except InputError as error:
            logger.warning("%s is left out. %s", pair.name, error)
            refused.append(f"{pair.name}: {error}")
            write_results(output, rows, shown, refused)
            continue
        columns = [*methods, *(DroppedVideo(path, title, f"file-{title}") for title, path in pair.made)]
        measurer = Measurer(judge, tracker, inputs, real)
        outcomes = run_methods(columns, inputs, folder, options, measurer, tell, _ignore)
        there = [outcome for outcome in outcomes if outcome.video is not None]
        stitched = folder / "all.mp4"
        if there:
            videos = [outcome.video for outcome in there if outcome.video is not None]
            titles = [outcome.facts.title for outcome in there]
            stitch(videos, titles, inputs.samples, stitched, options.seed)
        own = [{"pair": pair.name, **row_of(outcome)} for outcome in outcomes]
        rows += own
        videos_of = [outcome.video for outcome in outcomes]
        shown.append(Shown(pair.name, inputs.portrait, own, videos_of, stitched if there else None))
        write_results(output, rows, shown, refused)
    if not rows:
        raise InputError(f"None of the pairs could be used. {' '.join(refused)}")
    return rows


def write_results(
    output: Path, rows: Sequence[dict[str, Any]], shown: Sequence[Shown], refused: Sequence[str] = ()
) -> None:
    """``table.csv``, ``table.json`` and ``index.html`` in a folder."""
    means = mean_rows(rows)
    (output / "table.csv").write_text(csv_of(rows), encoding="utf-8")
    content = {"means": means, "rows": list(rows), "left_out": list(refused)}
    (output / "table.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    write_page(output / "index.html", "Side by side", shown, means if len(shown) > 1 else ())


def mean_rows(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Means over pairs, a row for each method; ``videos`` says over how many."""
    methods: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        methods.setdefault(row["name"], []).append(row)
    means = []
    for name, own in methods.items():
        made = [row for row in own if "failed" not in row]
        mean: dict[str, Any] = {
            "name": name,
            "title": own[0]["title"],
            "licence": own[0]["licence"],
            "videos": len(made),
        }
        for key in (column.key for column in ALL):
            values = [row[key] for row in made if row.get(key) is not None]
            if values:
                mean[key] = round(float(np.mean(values)), 5)
        means.append(mean)
    return means


def _ignore(index: int, outcome: Outcome) -> None:
    """A column that is done; the table has it."""
