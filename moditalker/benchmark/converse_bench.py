"""What a conversation is worth: ``bench --converse``. Who speaks moves, who listens keeps the lips shut.

Openings are told twice: as the landmarks ask for, and as the tracker reads them in the finished video.
"""

import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np

from moditalker.atom.listening import SPEAKS
from moditalker.constants import FPS
from moditalker.face.geometry import FaceFrame
from moditalker.face.layout import mouth_opening
from moditalker.face.tracker import FaceTracker
from moditalker.utils.memory import MemoryCurve, in_words
from moditalker.video.read import read_video

_LISTENS = 0.01
"""Activity below which a face counts as one that listens, and so long around as lips need to shut."""
_SHUTTING_FRAMES = 12
_MARGIN = 0.5
"""Around a face, in parts of its size, that the tracker is shown."""


@dataclass(frozen=True)
class FaceRow:
    """One face; openings are in inter-ocular distances, turns in degrees.

    Attributes:
        face: its number, from the left and from 1.
        speaks, listens: seconds. What is between them, lips that open and shut, counts for neither.
        asked_speaking, asked_listening: mean opening of the landmarks, and the largest one.
        read_speaking, read_listening: mean opening that the tracker reads.
        read_largest: the largest one while it listens.
        turns_speaking, turns_listening: deviation of the head's rotation.
    """

    face: int
    speaks: float
    listens: float
    asked_speaking: float
    asked_listening: float
    read_speaking: float
    read_listening: float
    read_largest: float
    turns_speaking: float
    turns_listening: float


def bench_converse(
    pipeline: Any, picture: Path, script: Path, tracker: FaceTracker, *, seed: int = 0, output: Path | None = None
) -> tuple[str, list[dict[str, Any]]]:
    """Make a conversation of the faces in a picture, and measure each face.

    Args:
        pipeline: a ``MoDiTalkerPipeline``.
        picture: with several faces.
        script: see ``conversation.script``.
        tracker: reads the lips of what came out.
        seed: of the conversation.
        output: where the video is kept; it is thrown away without that.
    Returns:
        A table with cost and memory below it, and all of that as rows.
    Raises:
        InputError: input that cannot be used.
    """
    asked: list[np.ndarray] = []
    active: list[np.ndarray] = []
    memory = MemoryCurve()

    def know(landmarks: list[np.ndarray], activity: np.ndarray) -> None:
        asked.extend(landmarks)
        active.append(activity)

    with tempfile.TemporaryDirectory() as folder:
        path = output or Path(folder) / "conversation.mp4"
        started = process_time()
        report = pipeline.converse(
            [picture], script, path, seed=seed, on_landmarks=know, on_frames=lambda frames: memory.note()
        )
        cpu = (process_time() - started) / (report["frames"] / FPS)
        rows = [
            face_row(number, landmarks, activity, tracker.track(_around(path, landmarks)))
            for number, (landmarks, activity) in enumerate(zip(asked, active[0], strict=True), 1)
        ]
    names = [field.name.replace("_", " ") for field in fields(FaceRow)]
    lines = ["| " + " | ".join(names) + " |", "|---" * len(names) + "|"]
    for row in rows:
        face, speaks, listens, *openings, turned, turned_listening = asdict(row).values()
        cells = [str(face), f"{speaks:.1f}", f"{listens:.1f}", *(f"{one:.4f}" for one in openings)]
        lines.append("| " + " | ".join([*cells, f"{turned:.1f}", f"{turned_listening:.1f}"]) + " |")
    told = {"seconds": report["frames"] / FPS, "cpu": cpu, "memory_mb": memory.summary()}
    lines += ["", f"{told['seconds']:.1f} s of video, {cpu:.2f} CPU seconds a second; {in_words(memory.summary())}"]
    return "\n".join(lines) + "\n", [*map(asdict, rows), told]


def face_row(number: int, asked: np.ndarray, activity: np.ndarray, read: np.ndarray) -> FaceRow:
    """Measure one face, from the landmarks asked for and read, (T, 68, 3), and how far it speaks, (T,) 0 to 1."""
    near = np.convolve(activity > _LISTENS, np.ones(2 * _SHUTTING_FRAMES + 1), "same") > 0
    speaking, listening = activity > SPEAKS, ~near
    wanted, seen = mouth_opening(asked), mouth_opening(read)
    turned = np.degrees(FaceFrame(asked[0]).analyse(asked)[1][:, :3])
    return FaceRow(
        number,
        float(speaking.sum() / FPS),
        float(listening.sum() / FPS),
        _mean(wanted[speaking]),
        float(wanted[listening].max(initial=0)),
        _mean(seen[speaking]),
        _mean(seen[listening]),
        float(seen[listening].max(initial=0)),
        float(np.linalg.norm(turned[speaking].std(0))) if speaking.any() else 0.0,
        float(np.linalg.norm(turned[listening].std(0))) if listening.any() else 0.0,
    )


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if len(values) else 0.0


def _around(video: Path, landmarks: np.ndarray) -> Iterator[np.ndarray]:
    """The neighbourhood of one face in each frame of a video, (h, w, 3) uint8; ``landmarks`` (T, 68, 3) are its own."""
    low, high = landmarks[..., :2].min((0, 1)), landmarks[..., :2].max((0, 1))
    margin = _MARGIN * (high - low)
    (x0, y0), (x1, y1) = np.maximum(low - margin, 0).astype(int), (high + margin).astype(int)
    return (np.ascontiguousarray(frame[y0:y1, x0:x1]) for frame in read_video(video, fps=FPS))
