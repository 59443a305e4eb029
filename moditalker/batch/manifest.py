"""The manifest of a batch: one line a row, as Parquet and as CSV."""

import csv
import io
import json
from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import Any

from moditalker.batch.making import RECORDS, Record
from moditalker.engine.places import OutputFolder
from moditalker.utils.errors import InputError

PARQUET, CSV = "manifest.parquet", "manifest.csv"
COLUMNS = {
    "name": str,
    "status": str,  # done or failed
    "failed": str,  # the sentence of a failure
    "video": str,  # in the output folder
    "portrait": str,
    "audio": str,
    "text": str,
    "voice": str,
    "method": str,
    "preset": str,
    "head_motion": str,
    "seed": int,
    "options": dict,
    "frames": int,
    "seconds": float,  # of video
    "spent": float,  # seconds of work
    "timings": dict,  # seconds by stage
    "warnings": list,
    "weights": dict,  # hashes by network
    "frames_sha256": str,  # of the pixels as drawn
    "video_sha256": str,  # of the file, which holds the time at which it was made
    "key": str,  # of all that the row asks for
}
"""Of the manifest, and of which type. A dictionary is kept as JSON."""


def need_parquet() -> Any:
    """The package that writes Parquet.

    Raises:
        InputError: it is not installed.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise InputError(
            "batch needs the package 'pyarrow', which is not here; run 'pip install -r requirements-batch.txt'."
        ) from error
    return pyarrow


def write_manifest(output: OutputFolder, records: Iterable[Record]) -> None:
    """Write both files, each in one step.

    Args:
        output: of the batch.
        records: in the order of the manifest.
    """
    pyarrow = need_parquet()
    rows = [_flat(record) for record in records]
    kinds = {str: pyarrow.string(), dict: pyarrow.string(), int: pyarrow.int64(), float: pyarrow.float64()}
    kinds[list] = pyarrow.list_(pyarrow.string())
    schema = pyarrow.schema([(name, kinds[kind]) for name, kind in COLUMNS.items()])
    parquet = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows, schema), parquet)
    output.write(PARQUET, parquet.getvalue())
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, list(COLUMNS))
    writer.writeheader()
    for row in rows:
        writer.writerow({name: " | ".join(value) if isinstance(value, list) else value for name, value in row.items()})
    output.write(CSV, text.getvalue().encode())


def finished(output: OutputFolder) -> dict[str, Record]:
    """The records of finished rows, by the rows' names, however the last run ended."""
    found: dict[str, Record] = {}
    stored = output.read(PARQUET)
    if stored is not None:
        table = need_parquet().parquet.read_table(io.BytesIO(stored))
        found = {row["name"]: _full(row) for row in table.to_pylist() if row["status"] == "done"}
    # Each is a file: those that the manifest has need not be read.
    rest = output.read_all(RECORDS, {f"{name}.json" for name in found})
    return found | {PurePosixPath(name).stem: json.loads(content) for name, content in rest.items()}


def _flat(record: Record) -> dict[str, Any]:
    return {
        name: json.dumps(record.get(name) or {}, sort_keys=True) if kind is dict else record.get(name)
        for name, kind in COLUMNS.items()
    }


def _full(row: dict[str, Any]) -> Record:
    # Not row[name]: an older manifest lacks the columns that came later.
    return {name: json.loads(row[name]) if kind is dict else row.get(name) for name, kind in COLUMNS.items()}
