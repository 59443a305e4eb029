"""A whole batch: what is missing is made, and the manifest written."""

import logging
import sys
import time
from dataclasses import dataclass

from tqdm import tqdm

from moditalker.baselines.registry import Sources
from moditalker.batch.making import MakerFactory, Record, told_of
from moditalker.batch.manifest import finished, need_parquet, write_manifest
from moditalker.batch.rows import Row
from moditalker.engine.places import OutputFolder
from moditalker.engine.protocol import Engine
from moditalker.engine.schedule import run_jobs
from moditalker.utils.errors import InputError

logger = logging.getLogger(__name__)

MODULES = ("moditalker.batch.making",)
"""What workers import."""
_MANIFEST_SECONDS = 300.0
"""Between two writings of the manifest while a batch runs; it costs a rewrite of the whole."""
_BAR = "{desc}: {percentage:3.0f}% |{bar:30}| {n_fmt} of {total_fmt}, {rate_fmt}, {remaining} left{postfix}"


@dataclass(frozen=True)
class Counted:
    """What came of a batch.

    Attributes:
        made: rows that were made now.
        kept: rows that were finished before.
        failed: rows without a video.
        seconds: of video that were made now.
        spent: wall clock.
    """

    made: int
    kept: int
    failed: int
    seconds: float
    spent: float


def run_batch(
    rows: list[Row], output: str, engine: Engine, *, threads: int = 1, sources: Sources | None = None
) -> Counted:
    """Make the rows that are not finished, and write the manifest of all.

    Args:
        rows: see ``read_rows``; all of one preset.
        output: path or address of a folder; made when missing.
        engine: where it is made.
        threads: of each worker.
        sources: of methods that are not built in.
    Raises:
        InputError: the output or the weights cannot be used, or no row at all could be made.
    """
    need_parquet()
    started = time.monotonic()
    place = OutputFolder(output)
    before = finished(place)
    records: dict[str, Record] = {
        row.name: before[row.name] for row in rows if row.name in before and before[row.name]["key"] == row.key
    }
    kept, written = len(records), time.monotonic()
    missing = [row for row in rows if row.name not in records]
    for row in missing:
        if row.refused:
            records[row.name] = _failure(row, row.refused)
    jobs = [row for row in missing if not row.refused]

    def manifest() -> None:
        write_manifest(place, (records[row.name] for row in rows if row.name in records))

    seconds = 0.0
    make = MakerFactory(rows[0].preset, output, threads, sources)
    with tqdm(
        total=len(rows),
        initial=len(records),
        desc="batch",
        unit="video",
        bar_format=_BAR,
        # In a file of a job's output a line a minute is enough.
        mininterval=0.5 if sys.stderr.isatty() else 60,
    ) as bar:
        try:
            for row, outcome in run_jobs(engine, make, jobs, portion=lambda row: row.portrait):
                if outcome.failed:
                    logger.warning("%s: %s", row.name, outcome.failed)
                    records[row.name] = _failure(row, outcome.failed)
                else:
                    records[row.name] = outcome.result
                    seconds += outcome.result["seconds"]
                bar.set_postfix_str(f" {seconds / (time.monotonic() - started):.2f} s of video a second", refresh=False)
                bar.update()
                if time.monotonic() - written > _MANIFEST_SECONDS:
                    manifest()
                    written = time.monotonic()
        finally:
            manifest()
    failed = sum(record["status"] == "failed" for record in records.values())
    if failed == len(rows):
        first = records[rows[0].name]["failed"]
        raise InputError(f"No row could be made; {output}/manifest.csv gives each its reason, the first is: {first}")
    return Counted(len(rows) - kept - failed, kept, failed, seconds, time.monotonic() - started)


def _failure(row: Row, sentence: str) -> Record:
    return {**told_of(row), "status": "failed", "failed": sentence}
