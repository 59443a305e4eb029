"""``bench --batch``: videos by a bare loop, by one worker and by two, and what share of the time the engine takes."""

import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

import skimage.data
import soundfile
from PIL import Image

from moditalker.audio.text_to_speech import synthesize
from moditalker.batch.making import MakerFactory, Record
from moditalker.batch.rows import OURS, Row
from moditalker.batch.run import MODULES
from moditalker.constants import SAMPLE_RATE
from moditalker.engine.choose import EngineOptions, open_engine
from moditalker.engine.protocol import Engine, Make
from moditalker.engine.schedule import run_jobs
from moditalker.utils.errors import InputError

_TEXT = "My mama put the big map up."


@dataclass(frozen=True)
class Measured:
    """One way to make videos.

    Attributes:
        name: of the way.
        workers: how many.
        seconds: wall clock; loading is not in it.
        video: seconds of video made in it.
        busy: seconds that all workers together were at work on a row.
    """

    name: str
    workers: int
    seconds: float
    video: float
    busy: float

    @property
    def overhead(self) -> float:
        """Share of the workers' time in which none of them had a row. It does not change with a busy machine."""
        return 1 - self.busy / (self.seconds * self.workers)


def bench_batch(
    videos: int, preset: str = "compact", seconds: float = 1.0, engines: Sequence[str] = ("local",)
) -> list[Measured]:
    """Make the same videos in a bare loop, and on each engine by one worker and by two.

    Args:
        videos: so many, of one portrait.
        preset: whose networks.
        seconds: of each video.
        engines: see ``engine.choose.ENGINES``.
    Raises:
        InputError: a video cannot be made.
    """
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        rows = _rows(videos, preset, seconds, folder)
        maker = MakerFactory(preset, str(folder / "loop"))()
        # The first one loads the speech encoder and encodes the portrait.
        maker(replace(rows[0], name="first"))
        started = time.perf_counter()
        records = [maker(row) for row in rows]
        measured = [_measured("a bare loop", 1, started, records)]
        del maker
        for engine, workers in product(engines, (1, 2)):
            with open_engine(EngineOptions(engine, workers), MODULES) as running:
                make = MakerFactory(preset, str(folder / f"{engine}{workers}"))
                measured.append(_engine_measured(f"{engine}, {workers}", running, make, rows))
    return measured


def _rows(videos: int, preset: str, seconds: float, folder: Path) -> list[Row]:
    Image.fromarray(skimage.data.astronaut()).save(folder / "portrait.png")
    samples = synthesize(_TEXT)[: round(seconds * SAMPLE_RATE)]
    soundfile.write(folder / "speech.wav", samples, SAMPLE_RATE)
    portrait, audio = str(folder / "portrait.png"), str(folder / "speech.wav")
    return [Row(f"v{seed}", portrait, audio, "", OURS, "natural", {"seed": seed}, preset) for seed in range(videos)]


def _engine_measured(name: str, engine: Engine, make: Make, rows: list[Row]) -> Measured:
    """From when every worker has made a video of its own; the rows follow in the same run, as it ends its workers."""
    warming = [replace(rows[0], name=f"warm{number}") for number in range(engine.workers)]
    left, started = len(warming), 0.0
    records: list[Record] = []
    for row, outcome in run_jobs(engine, make, [*warming, *rows]):
        if outcome.failed:
            raise InputError(outcome.failed)
        left -= row.name.startswith("warm")
        if not started and not left:
            started = time.perf_counter()
        elif started:
            records.append(outcome.result)
    return _measured(name, engine.workers, started, records)


def _measured(name: str, workers: int, started: float, records: list[Record]) -> Measured:
    spent = time.perf_counter() - started
    video, busy = (sum(record[key] for record in records) for key in ("seconds", "spent"))
    return Measured(name, workers, spent, video, busy)


def table_of(measured: list[Measured]) -> str:
    """For people: a line a way."""
    lines = ["way              seconds    video    video/s   overhead"]
    for one in measured:
        rate = one.video / one.seconds
        lines.append(f"{one.name:<14}{one.seconds:>8.1f} s{one.video:>7.1f} s{rate:>11.3f}{100 * one.overhead:>9.1f} %")
    return "\n".join(lines) + "\n"
