"""What a stream costs, and when its frames come: ``bench --stream``."""

import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import psutil  # accelerate brings it

from moditalker.audio.load import load_audio
from moditalker.constants import FPS, SAMPLE_RATE
from moditalker.face.layout import mouth_opening
from moditalker.live import pieces
from moditalker.portrait import Portrait


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
    """

    run: str
    first_frame: float
    first_second: float
    real_time: float
    cpu: float
    largest_gap: float
    growth: float


def bench_stream(pipeline: Any, portrait: Path, recording: Path, seconds: float, seed: int) -> tuple[str, list[Any]]:
    """Stream a recording, make it as a whole too, and compare.

    Args:
        pipeline: a ``MoDiTalkerPipeline``.
        portrait: picture.
        recording: repeated until it lasts ``seconds``.
        seconds: of video.
        seed: of both.
    Returns:
        A table, and its rows; the last line says how much the streamed motion resembles the whole one's.
    """
    encoded: Portrait = pipeline.encode_portrait(portrait)
    sound = np.resize(load_audio(recording), round(seconds * SAMPLE_RATE))
    landmarks: list[np.ndarray] = []

    def streamed() -> Iterator[int]:
        cut = np.split(sound, range(SAMPLE_RATE, len(sound), SAMPLE_RATE))
        with closing(pieces(pipeline, encoded, cut, seed=seed, on_landmarks=landmarks.append)) as made:
            for piece in made:
                yield len(piece.frames)

    def whole() -> Iterator[int]:
        motion = pipeline.motion(encoded, sound, seed=seed)
        landmarks.append(motion.landmarks)
        for frames in pipeline.render(encoded, motion.landmarks, own=True, seed=seed):
            yield len(frames)

    rows = [_timed("stream", streamed())]
    openings = [_openings(encoded, np.concatenate(landmarks))]
    landmarks.clear()
    rows.append(_timed("whole", whole()))
    openings.append(_openings(encoded, landmarks[0]))
    alike = float(np.corrcoef(openings[0], openings[1])[0, 1])
    spread = float(openings[0].std() / openings[1].std())
    names = [field.name for field in fields(StreamCosts)]
    lines = [" | ".join(names), " | ".join("---" for _ in names)]
    lines += [" | ".join(v if isinstance(v, str) else f"{v:.2f}" for v in asdict(row).values()) for row in rows]
    lines += ["", f"mouth opening, stream against whole: correlation {alike:.3f}, deviation {spread:.2f} of it"]
    return "\n".join(lines) + "\n", [*map(asdict, rows), {"correlation": alike, "deviation": spread}]


def _timed(run: str, made: Iterator[int]) -> StreamCosts:
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
    )


def _openings(portrait: Portrait, landmarks: np.ndarray) -> np.ndarray:
    return mouth_opening(portrait.frame.analyse(landmarks)[0] + portrait.frame.shape)
