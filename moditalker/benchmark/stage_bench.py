"""What each stage of a video costs, beside a network that others know: ``bench --stages``."""

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from moditalker.audio.load import load_audio
from moditalker.baselines.wav2lip.wav2lip_network import FACE_SIDE, MEL_BANDS, MEL_STEPS, Wav2Lip
from moditalker.constants import FPS, SAMPLE_RATE
from moditalker.utils.stopwatch import Stopwatch
from moditalker.video.write import VideoWriter

_NETWORK = "Wav2Lip's network, random weights"


@dataclass(frozen=True)
class StageCosts:
    """One stage on so many threads.

    Attributes:
        stage: what is done.
        threads: of torch and of OpenCV.
        cpu: seconds of all cores: a second of video, or in all (of the portrait, the first picture, and an export).
        clock: the same by the clock.
    """

    stage: str
    threads: int
    cpu: float
    clock: float


def bench_stages(
    pipeline: Any, portrait: Path, recording: Path, seconds: float, threads: tuple[int, ...] = (1, 2)
) -> tuple[str, list[dict[str, Any]]]:
    """Make the same video on one thread and on two.

    Args:
        pipeline: a ``MoDiTalkerPipeline``.
        portrait: picture.
        recording: repeated until it lasts ``seconds``.
        seconds: of video.
        threads: how many, one run each.
    Returns:
        A table, and its rows.
    """
    sound = np.resize(load_audio(recording), round(seconds * SAMPLE_RATE))
    rows: list[StageCosts] = []
    for count in threads:
        with on_threads(count):
            rows += _run(pipeline, portrait, sound, seconds, count)
            rows += [_peer(precision, count) for precision in (torch.float32, torch.bfloat16)]
    return cost_table("seconds a second of video", rows, threads), [asdict(row) for row in rows]


def cost_table(what: str, rows: list[StageCosts], threads: tuple[int, ...]) -> str:
    """Markdown: a line a stage, what it costs on each number of threads; ``what`` says of what the seconds are."""
    lines = [
        f"| {what} | " + " | ".join(f"CPU, {n} threads | clock, {n} threads" for n in threads) + " |",
        "|---" * (1 + 2 * len(threads)) + "|",
    ]
    for name in dict.fromkeys(row.stage for row in rows):
        found = {row.threads: row for row in rows if row.stage == name}
        lines.append(f"| {name} | " + " | ".join(f"{found[n].cpu:.2f} | {found[n].clock:.2f}" for n in threads) + " |")
    return "\n".join(lines) + "\n"


@contextmanager
def on_threads(count: int) -> Iterator[None]:
    """So many threads of torch and of OpenCV, and afterwards as many as before."""
    before = torch.get_num_threads(), cv2.getNumThreads()
    torch.set_num_threads(count)
    cv2.setNumThreads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before[0])
        cv2.setNumThreads(before[1])


def _run(pipeline: Any, portrait: Path, sound: np.ndarray, seconds: float, threads: int) -> list[StageCosts]:
    cpu, clock = Stopwatch(time.process_time), Stopwatch()
    with cpu("portrait, once"), clock("portrait, once"):
        encoded = pipeline.encode_portrait(portrait)
    with cpu("motion"), clock("motion"):
        motion = pipeline.motion(encoded, sound, seed=0)
    # The trials of the lips lie between the pictures; what they cost is what drawing costs less without them.
    frames: list[np.ndarray] = []
    spent: dict[bool, tuple[float, float]] = {}
    for tried in (False, True):
        frames, first = [], 0.0
        before = time.process_time(), time.perf_counter()
        for chunk in pipeline.render(encoded, motion.landmarks, own=True, seed=0, correct_lips=tried):
            first = first or time.perf_counter() - before[1]
            frames.append(chunk)
        spent[tried] = time.process_time() - before[0], time.perf_counter() - before[1]
    for watch, without, whole in zip((cpu, clock), spent[False], spent[True], strict=True):
        watch.seconds["lip correction"] = max(0.0, whole - without)
        watch.seconds["drawing and compositing"] = without
    with tempfile.TemporaryDirectory() as folder, cpu("encoding"), clock("encoding"):
        height, width = frames[0].shape[1:3]
        with VideoWriter(Path(folder) / "video.mp4", (width, height), FPS, audio=sound) as writer:
            for frame in np.concatenate(frames):
                writer.write(frame)
    per_second = {name: 1.0 if "once" in name else seconds for name in cpu.seconds}
    rows = [
        StageCosts(name, threads, cpu.seconds[name] / per_second[name], clock.seconds[name] / per_second[name])
        for name in cpu.seconds
    ]
    total = [sum(getattr(row, kind) for row in rows if "once" not in row.stage) for kind in ("cpu", "clock")]
    until = clock.seconds["motion"] + first
    return [
        *rows,
        StageCosts("all stages", threads, *total),
        StageCosts("until the first picture, portrait known", threads, until, until),
    ]


@torch.inference_mode()
def _peer(precision: torch.dtype, threads: int) -> StageCosts:
    """One second of pictures."""
    network = Wav2Lip().eval().to(precision)
    mels = torch.zeros(FPS, 1, MEL_BANDS, MEL_STEPS, dtype=precision)
    faces = torch.zeros(FPS, 6, FACE_SIDE, FACE_SIDE, dtype=precision)
    network(mels[:1], faces[:1])
    cpu, clock = Stopwatch(time.process_time), Stopwatch()
    with cpu("all"), clock("all"):
        network(mels, faces)
    name = f"{_NETWORK}, {str(precision).removeprefix('torch.')}"
    return StageCosts(name, threads, cpu.seconds["all"], clock.seconds["all"])
