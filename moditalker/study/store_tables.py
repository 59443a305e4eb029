"""The tables of a study's answers, and how connections to SQLite and PostgreSQL are set up."""

from contextlib import closing
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from moditalker.utils.errors import InputError

Place = Path | str
"""An SQLite file, or the address of a PostgreSQL database: ``postgresql://USER:PASSWORD@HOST/DATABASE``."""

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
_TURN = 0x6D6F6469
"""The lock that every transaction takes; of a database, so studies in databases of their own do not wait."""


def place_of(text: str) -> Place:
    """What a command line or the environment names."""
    return text if text.partition("://")[0] in ("postgresql", "postgres") else Path(text)


def shown(place: Place) -> str:
    """A place for messages: an address without its password."""
    return str(place) if isinstance(place, Path) else _address(place).render_as_string(hide_password=True)


def connect(place: Place) -> sa.Engine:
    """An engine whose transactions are on the disk when they end, and come one after the other.

    Raises:
        InputError: no address of a database, or what PostgreSQL needs is not installed.
    """
    if isinstance(place, Path):
        engine = sa.create_engine(f"sqlite:///{place}", connect_args={"timeout": _BUSY_SECONDS})
        sa.event.listen(engine, "connect", _prepare)
        sa.event.listen(engine, "begin", _begin)
        return engine
    try:
        # A connection that the server has dropped, as it was started anew, is replaced before it is used.
        engine = sa.create_engine(_address(place), pool_pre_ping=True, connect_args={"connect_timeout": 10})
    except ImportError as error:
        raise InputError(
            "Answers in PostgreSQL need the package 'psycopg'; run 'pip install -r requirements-server.txt'."
        ) from error
    sa.event.listen(engine, "connect", _prepare_server)
    sa.event.listen(engine, "begin", _begin_server)
    return engine


def insert(engine: sa.Engine, table: sa.Table) -> Any:
    """An INSERT that knows ON CONFLICT, in the engine's own dialect."""
    return (sqlite if engine.dialect.name == "sqlite" else postgresql).insert(table)


def empty_deleted(engine: sa.Engine) -> None:
    """Let nothing stay of deleted rows in the database's own files."""
    if engine.dialect.name == "sqlite":
        # The pages are overwritten already (secure_delete); the log still has them.
        with closing(engine.raw_connection()) as raw:
            raw.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("VACUUM (FULL) answers, shown, raters")


def _address(place: str) -> sa.URL:
    try:
        return sa.make_url(place).set(drivername="postgresql+psycopg")
    except (sa.exc.ArgumentError, ValueError) as error:
        raise InputError("The answers' address must be postgresql://USER:PASSWORD@HOST/DATABASE.") from error


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


def _prepare_server(connection: Any, record: Any) -> None:
    """Of every new connection: an answer is on the disk when it is acknowledged, whatever the server's own setting."""
    with connection.cursor() as cursor:
        cursor.execute("SET synchronous_commit TO on")
    connection.commit()


def _begin_server(connection: sa.Connection) -> None:
    """One at a time, as in SQLite: blocks are given out once, and ids come in the order of the commits."""
    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_TURN})")
