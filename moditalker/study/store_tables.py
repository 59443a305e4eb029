"""The tables of a study's SQLite file, and how its connections are set up."""

from typing import Any

import sqlalchemy as sa

METADATA = sa.MetaData()
FACTS = sa.Table("facts", METADATA, sa.Column("name", sa.String, primary_key=True), sa.Column("value", sa.String))
RATERS = sa.Table(
    "raters",
    METADATA,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("block", sa.Integer, nullable=False),
    sa.Column("released", sa.Boolean, nullable=False),
    sa.Column("begun", sa.Float, nullable=False),
    sa.Column("seen", sa.Float, nullable=False),
    sa.Column("heard", sa.Boolean, nullable=False),
    sa.Column("finished", sa.Float),
    sa.Column("code", sa.String, nullable=False),
    sa.Column("client", sa.JSON, nullable=False),
)
SHOWN = sa.Table(
    "shown",
    METADATA,
    sa.Column("rater", sa.ForeignKey("raters.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("trial", sa.String, primary_key=True),
    sa.Column("at", sa.Float, nullable=False),
)
ANSWERS = sa.Table(
    "answers",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("rater", sa.ForeignKey("raters.id", ondelete="CASCADE"), nullable=False),
    sa.Column("trial", sa.String, nullable=False),
    sa.Column("question", sa.String, nullable=False),
    sa.Column("line", sa.JSON, nullable=False),
    sa.UniqueConstraint("rater", "trial", "question"),
    # An id is never used twice: what follows the last exported one is new.
    sqlite_autoincrement=True,
)
WITHDRAWALS = sa.Table(
    "withdrawals",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("day", sa.String, nullable=False),
    sa.Column("answers", sa.Integer, nullable=False),
)

_BUSY_SECONDS = 30.0


def connect(path: object) -> sa.Engine:
    """An engine whose transactions are on the disk when they end, and whose deleted pages are overwritten."""
    engine = sa.create_engine(f"sqlite:///{path}", connect_args={"timeout": _BUSY_SECONDS})
    sa.event.listen(engine, "connect", _prepare)
    sa.event.listen(engine, "begin", _begin)
    return engine


def _prepare(connection: Any, record: Any) -> None:
    """Of every new connection. Python's own handling of transactions is off; `_begin` starts them."""
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "secure_delete=ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin(connection: sa.Connection) -> None:
    """With the write lock from the start: a transaction that reads first can then not fail at its first write."""
    connection.exec_driver_sql("BEGIN IMMEDIATE")
