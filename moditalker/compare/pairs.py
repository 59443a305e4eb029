"""``compare DIR -o OUT``: the portraits and videos of a folder with the recordings of their names, by every method."""

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
    """A portrait or a video, and a recording, of one name.

    Attributes:
        name: of the files, without their ending.
        portrait: file; None where ``NAME.mp4`` alone is there, to be dubbed.
        audio: file.
        real: the real clip of the recording, where there is one.
        made: videos made elsewhere, ``NAME.METHOD.mp4``: title and file.
        video: that is dubbed: ``NAME.mp4``, where it is there.
    """

    name: str
    portrait: Path | None
    audio: Path
    real: Path | None
    made: tuple[tuple[str, Path], ...] = ()
    video: Path | None = None


def find_pairs(folder: Path) -> list[Pair]:
    """The pairs in a folder, in the order of their names.

    ``NAME.mp4`` is dubbed by the methods that dub. Beside a portrait it is the real clip. Without one it is dubbed with
    ``NAME.wav``; without that too, with its own sound, and then it is the real clip again.

    Raises:
        InputError: there are none, a portrait has no recording, or a name has two portraits.
    """
    if not folder.is_dir():
        raise InputError(f"There is no folder {folder}: name one with NAME.png and NAME.wav in it.")
    files = sorted(path for path in folder.iterdir() if path.is_file())
    portraits = [path for path in files if path.suffix.lower() in PICTURES]
    videos = [path for path in files if path.suffix == REAL]
    names = {path.stem for path in [*portraits, *videos]}
    alone = [path for path in videos if not any(path.stem.startswith(f"{name}.") for name in names)]
    pairs: dict[str, Pair] = {}
    for portrait in portraits:
        name = portrait.stem
        if name in pairs:
            raise InputError(f"{folder} has two portraits called {name}: rename one of them, and its recording.")
        sound, real = _sound_of(name, files), folder / f"{name}{REAL}"
        if sound is None and not real.is_file():
            raise InputError(f"{portrait.name} has no recording: add {name}.wav.")
        known = real if real.is_file() else None
        pairs[name] = Pair(name, portrait, sound or real, known, _made_of(name, videos), known)
    for video in alone:
        if video.stem not in pairs:
            sound = _sound_of(video.stem, files)
            real_clip = video if sound is None else None
            made = _made_of(video.stem, videos)
            pairs[video.stem] = Pair(video.stem, None, sound or video, real_clip, made, video)
    if not pairs:
        raise InputError(
            f"{folder} has no portraits: put NAME.png (or .jpg, .webp) and NAME.wav (or .mp3 ...) into it, or NAME.mp4 "
            "and NAME.wav to dub a video."
        )
    return [pairs[name] for name in sorted(pairs)]


def _sound_of(name: str, files: Sequence[Path]) -> Path | None:
    return next((path for path in files if path.stem == name and path.suffix.lower() in SOUNDS), None)


def _made_of(name: str, videos: Sequence[Path]) -> tuple[tuple[str, Path], ...]:
    """Title and file of the videos of a name that were made elsewhere."""
    return tuple((path.stem.removeprefix(f"{name}."), path) for path in videos if path.stem.startswith(f"{name}."))


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
    """Run every method on every pair; of a video without a portrait, its first face is the portrait.

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
            dubbed = pair.portrait is None or any(method.facts.dubs for method in methods)
            inputs = prepare_inputs(
                pair.portrait, pair.audio, folder, tracker, crop, video=pair.video if dubbed else None
            )
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
