"""What a stream costs, when its frames come, and how it compares with the whole run: ``bench --stream``."""

import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import psutil  # accelerate brings it

from moditalker.audio.load import load_audio
from moditalker.benchmark.stream_probe import Together, probe
from moditalker.constants import FPS, SAMPLE_RATE, SAMPLES_A_FRAME
from moditalker.face.geometry import aligned_face, aligning_matrix
from moditalker.face.layout import mouth_opening
from moditalker.live import Piece, pieces
from moditalker.metrics.sync_confidence import sync_score
from moditalker.portrait import Portrait
from moditalker.video.fragments import FragmentWriter

_SCORED_SECONDS = 60.0
"""Of a run whose faces are kept for the sync confidence: 75 MB."""


@dataclass(frozen=True)
class StreamCosts:
    """One run.

    Attributes:
        run: ``stream`` or ``whole``.
        first_frame: seconds from the start to the first frame, the portrait being encoded.
        first_second: to the 25th.
        real_time: seconds of work a second of video.
        cpu: seconds of the processor a second of video.
        largest_gap: by how much the slowest piece came later than the one before, seconds.
        growth: of the memory, from the tenth part of the run to its end; megabytes.
        confidence: of the sync expert, see ``metrics.sync_confidence``.
    """

    run: str
    first_frame: float
    first_second: float
    real_time: float
    cpu: float
    largest_gap: float
    growth: float
    confidence: float


class _Faces:
    """Keeps the aligned faces of the first minute, which the sync expert looks at."""

    def __init__(self) -> None:
        self.landmarks: list[np.ndarray] = []
        self._matrices: list[np.ndarray] = []
        self._kept: list[np.ndarray] = []

    def know(self, landmarks: np.ndarray) -> None:
        """Take (n, 68, 3) of frames that come later."""
        self.landmarks.append(landmarks)
        self._matrices.extend(aligning_matrix(landmarks))

    def see(self, frames: np.ndarray) -> None:
        """Take (n, H, W, 3) whose landmarks are known."""
        for frame in frames[: max(0, round(_SCORED_SECONDS * FPS) - len(self._kept))]:
            self._kept.append(aligned_face(frame, self._matrices[len(self._kept)]))

    def confidence(self, sound: np.ndarray) -> float:
        """Of the sync expert, with the (N,) sound that they were drawn to."""
        return sync_score(np.stack(self._kept), sound[: len(self._kept) * SAMPLES_A_FRAME]).confidence

    def openings(self, portrait: Portrait) -> np.ndarray:
        """(T,) how far the mouth opens."""
        return mouth_opening(portrait.frame.analyse(np.concatenate(self.landmarks))[0] + portrait.frame.shape)


def bench_stream(
    pipeline: Any, portrait: Path, recording: Path, seconds: float, seed: int, whole: bool = True
) -> tuple[str, list[Any]]:
    """Stream a recording into a file, make it as a whole too, and compare.

    Args:
        pipeline: a ``MoDiTalkerPipeline``.
        portrait: picture.
        recording: repeated until it lasts ``seconds``.
        seconds: of video.
        seed: of both.
        whole: whether it is made as a whole too; without that, a stream of any length takes the same memory.
    Returns:
        A table with what was found below it, and all of that as rows.
    """
    started = time.perf_counter()
    encoded: Portrait = pipeline.encode_portrait(portrait)
    _ = encoded.backdrop
    encoding = time.perf_counter() - started
    sound = np.resize(load_audio(recording), round(seconds * SAMPLE_RATE))
    faces = _Faces()
    with tempfile.TemporaryDirectory() as folder:
        video = Path(folder) / "stream.mp4"
        costs = [_timed("stream", _streamed(pipeline, encoded, sound, seed, faces, video), faces, sound)]
        together = probe(video, sound)
    rows: list[Any] = []
    lines = []
    if whole:
        others = _Faces()
        costs.append(_timed("whole", _whole(pipeline, encoded, sound, seed, others), others, sound))
        openings = faces.openings(encoded), others.openings(encoded)
        alike = float(np.corrcoef(*openings)[0, 1])
        spread = float(openings[0].std() / openings[1].std())
        lines = [f"mouth opening, stream against whole: correlation {alike:.3f}, deviation {spread:.2f} of it"]
        rows = [{"correlation": alike, "deviation": spread}]
    lines += [
        f"from nothing: the portrait takes {encoding:.2f} s more before all of that",
        _in_words(together),
    ]
    rows += [{"encoding": encoding}, asdict(together)]
    names = [field.name for field in fields(StreamCosts)]
    table = [" | ".join(names), " | ".join("---" for _ in names)]
    table += [" | ".join(v if isinstance(v, str) else f"{v:.2f}" for v in asdict(row).values()) for row in costs]
    return "\n".join([*table, "", *lines]) + "\n", [*map(asdict, costs), *rows]


def _streamed(
    pipeline: Any, portrait: Portrait, sound: np.ndarray, seed: int, faces: _Faces, video: Path
) -> Iterator[int]:
    """Frames of each piece, once it is written."""
    cut = np.split(sound, range(SAMPLE_RATE, len(sound), SAMPLE_RATE))
    writer: FragmentWriter | None = None
    with (
        video.open("wb") as file,
        closing(pieces(pipeline, portrait, cut, seed=seed, on_landmarks=faces.know)) as made,
    ):
        for piece in made:
            assert isinstance(piece, Piece)
            if writer is None:
                height, width = piece.frames.shape[1:3]
                writer = FragmentWriter(file, (width, height), FPS)
            writer.write(piece.frames, piece.sound)
            faces.see(piece.frames)
            yield len(piece.frames)
        if writer is not None:
            writer.close()


def _whole(pipeline: Any, portrait: Portrait, sound: np.ndarray, seed: int, faces: _Faces) -> Iterator[int]:
    motion = pipeline.motion(portrait, sound, seed=seed)
    faces.know(motion.landmarks)
    for frames in pipeline.render(portrait, motion.landmarks, own=True, seed=seed):
        faces.see(frames)
        yield len(frames)


def _timed(run: str, made: Iterator[int], faces: _Faces, sound: np.ndarray) -> StreamCosts:
    process = psutil.Process()
    started, cpu = time.perf_counter(), sum(process.cpu_times()[:2])
    arrivals: list[tuple[float, int, float]] = []
    for count in made:
        arrivals.append((time.perf_counter() - started, count, process.memory_info().rss / 1e6))
    spent, cpu = time.perf_counter() - started, sum(process.cpu_times()[:2]) - cpu
    known = np.cumsum([count for _, count, _ in arrivals])
    video = known[-1] / FPS
    times = [at for at, _, _ in arrivals]
    return StreamCosts(
        run,
        times[0],
        times[int(np.searchsorted(known, min(FPS, known[-1])))],
        spent / video,
        cpu / video,
        max(np.diff([0.0, *times])),
        arrivals[-1][2] - arrivals[len(arrivals) // 10][2],
        faces.confidence(sound),
    )


def _in_words(together: Together) -> str:
    places = ", ".join(f"{late:.0f} ms at {at:.0f} s" for at, late in together.sound)
    return f"sound against picture, of {together.frames} frames: {places}; {together.furthest:.0f} ms at most"
