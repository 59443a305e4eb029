"""Examples with their results, made by `make examples` and shipped, so that they are there at once."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parents[3] / "assets" / "examples"
OPENING = FOLDER / "opening.mp4"
"""What moves when the page opens, with one of its frames beside it as a JPEG; made by `make examples` too."""


@dataclass(frozen=True)
class Example:
    """One example and what comes out of it.

    Attributes:
        title: on its button.
        text: what is said.
        portrait, speech, video, landmarks, plot, report_file: files.
        report: of the run that made it.
    """

    title: str
    text: str
    portrait: Path
    speech: Path
    video: Path
    landmarks: Path
    plot: Path
    report_file: Path
    report: dict[str, Any]


def load_examples(folder: Path = FOLDER) -> list[Example]:
    """The examples in a folder, in the order of their names; none where there is no such folder."""
    return [_load(path) for path in sorted(folder.glob("*/example.json"))]


def _load(path: Path) -> Example:
    description, folder = json.loads(path.read_text()), path.parent
    report_file = folder / "video.json"
    return Example(
        title=description["title"],
        text=description["text"],
        portrait=folder / "portrait.jpg",
        speech=folder / "speech.mp3",
        video=folder / "video.mp4",
        landmarks=folder / "landmarks.mp4",
        plot=folder / "motion.png",
        report_file=report_file,
        report=json.loads(report_file.read_text()),
    )
