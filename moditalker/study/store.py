"""Where answers are kept: SQLite or PostgreSQL through SQLAlchemy, one transaction an answer, through to the disk."""

import secrets
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from moditalker.study.private_files import keep_private
from moditalker.study.store_tables import (
    ANSWERS,
    FACTS,
    METADATA,
    RATERS,
    SHOWN,
    WITHDRAWALS,
    Place,
    connect,
    empty_deleted,
    insert,
    shown,
)
from moditalker.utils.errors import InputError

_SEEN_SECONDS = 20.0
"""A sign of life is written down again after so long: each one is a write to the disk."""

Line = dict[str, Any]
"""All that is known of one answer; see `collector.Collector`."""


@dataclass(frozen=True)
class Rater:
    """Somebody who takes part.

    Attributes:
        id: random; only this rater's browser and the store know it.
        block: number of the block that is his.
        heard: whether the digits of the sound check were typed in.
        finished: seconds since 1970; None before the end.
        code: shown at the end, proof of having been there.
        client: what his browser told of itself.
    """

    id: str
    block: int
    heard: bool
    finished: float | None
    code: str
    client: dict[str, Any]


class Store:
    """One study's answers.

    Threads and processes may use the same file, and machines the same database, at the same time. Every method is one
    transaction, committed (on the disk) when it returns.

    Args:
        place: SQLite file, made when missing, which only its owner may read from now on; or a PostgreSQL database.
        study_hash: of the study; a file or a database belongs to one.

    Raises:
        InputError: it holds another study's answers, is no such file, or the database cannot be reached.
    """

    def __init__(self, place: Place, study_hash: str) -> None:
        self.place, self.study_hash = shown(place), study_hash
        if isinstance(place, Path):
            keep_private(place)
            # SQLite gives new logs the rights of their file; those that a killed server left keep what they have.
            for log in (Path(f"{place}-wal"), Path(f"{place}-shm")):
                if log.exists():
                    keep_private(log)
        self._engine = connect(place)
        # One transaction goes on at a time, and others poll or hold a connection; this process's threads queue here.
        self._turn = threading.Lock()
        try:
            with self._transaction() as connection:
                METADATA.create_all(connection)
                connection.execute(self._insert(FACTS).values(name="study", value=study_hash).on_conflict_do_nothing())
                connection.execute(
                    self._insert(FACTS).values(name="store", value=secrets.token_hex(8)).on_conflict_do_nothing()
                )
                facts = {row.name: row.value for row in connection.execute(sa.select(FACTS))}
        except sa.exc.DatabaseError as error:
            reason = str(error.orig).partition("\n")[0]
            raise InputError(f"{self.place} cannot be used for answers ({reason}): name another file.") from error
        if facts["study"] != study_hash:
            raise InputError(
                f"{self.place} holds the answers to another study, or to this one before its file was changed: name a "
                "new file for the answers."
            )
        self.id = str(facts["store"])
        """Random, one a file."""

    def close(self) -> None:
        """Give the file back; the store cannot be used any more."""
        self._engine.dispose()

    def begin(self, wanted: int, abandoned_after: float, client: dict[str, Any]) -> Rater | None:
        """A new rater with the lowest free block, or None when ``wanted`` are held.

        A block is held by who has finished it, and by who was seen in the last ``abandoned_after`` seconds.
        """
        now = time.time()
        rater = Rater(secrets.token_hex(16), 0, False, None, secrets.token_hex(4).upper(), client)
        with self._transaction() as connection:
            late = RATERS.c.finished.is_(None) & (RATERS.c.seen < now - abandoned_after)
            connection.execute(sa.update(RATERS).where(late).values(released=True))
            held = set(connection.scalars(sa.select(RATERS.c.block).where(~RATERS.c.released)))
            free = next(number for number in range(len(held) + 1) if number not in held)
            if free >= wanted:
                return None
            values = {"id": rater.id, "block": free, "released": False, "begun": now, "seen": now, "heard": False}
            connection.execute(sa.insert(RATERS).values(**values, code=rater.code, client=client))
        return Rater(rater.id, free, False, None, rater.code, client)

    def rater(self, rater_id: str) -> Rater | None:
        """A rater, who is noted as seen now; None when nobody has that id."""
        with self._transaction() as connection:
            now = time.time()
            stale = (RATERS.c.id == rater_id) & (RATERS.c.seen < now - _SEEN_SECONDS)
            connection.execute(sa.update(RATERS).where(stale).values(seen=now))
            row = connection.execute(sa.select(RATERS).where(RATERS.c.id == rater_id)).first()
        if row is None:
            return None
        return Rater(row.id, row.block, row.heard, row.finished, row.code, row.client)

    def hear(self, rater_id: str) -> None:
        """Note that the sound check was passed."""
        with self._transaction() as connection:
            connection.execute(sa.update(RATERS).where(RATERS.c.id == rater_id).values(heard=True))

    def finish(self, rater_id: str) -> None:
        """Note that a rater has answered everything; his block is held from now on."""
        with self._transaction() as connection:
            mine = (RATERS.c.id == rater_id) & RATERS.c.finished.is_(None)
            connection.execute(sa.update(RATERS).where(mine).values(finished=time.time()))

    def show(self, rater_id: str, trial: str) -> float:
        """Note that a trial is shown; returns when it was first, in seconds since 1970."""
        with self._transaction() as connection:
            values = {"rater": rater_id, "trial": trial, "at": time.time()}
            connection.execute(self._insert(SHOWN).values(**values).on_conflict_do_nothing())
            where = (SHOWN.c.rater == rater_id) & (SHOWN.c.trial == trial)
            return float(connection.execute(sa.select(SHOWN.c.at).where(where)).scalar_one())

    def shown_at(self, rater_id: str, trial: str) -> float | None:
        """When a trial was first shown; None if it was not."""
        with self._transaction() as connection:
            where = (SHOWN.c.rater == rater_id) & (SHOWN.c.trial == trial)
            return connection.execute(sa.select(SHOWN.c.at).where(where)).scalar_one_or_none()

    def record(self, rater_id: str, trial: str, question: str, line: Line) -> Line:
        """Keep an answer, unless the question was answered before; returns what is kept."""
        with self._transaction() as connection:
            values = {"rater": rater_id, "trial": trial, "question": question, "line": line}
            connection.execute(self._insert(ANSWERS).values(**values).on_conflict_do_nothing())
            where = (ANSWERS.c.rater == rater_id) & (ANSWERS.c.trial == trial) & (ANSWERS.c.question == question)
            return connection.execute(sa.select(ANSWERS.c.line).where(where)).scalar_one()

    def answered(self, rater_id: str) -> set[tuple[str, str]]:
        """(trial, question) of all that a rater has answered."""
        with self._transaction() as connection:
            columns = sa.select(ANSWERS.c.trial, ANSWERS.c.question).where(ANSWERS.c.rater == rater_id)
            return {(row.trial, row.question) for row in connection.execute(columns)}

    def lines(self, after: int = 0) -> list[Line]:
        """All answers in the order they came, from the one after an id on; each with its ``id``."""
        with self._transaction() as connection:
            rows = connection.execute(sa.select(ANSWERS).where(ANSWERS.c.id > after).order_by(ANSWERS.c.id))
            return [{"id": row.id, **row.line} for row in rows]

    def withdraw(self, rater_id: str) -> int | None:
        """Delete a rater and all his answers; returns how many, or None when nobody has that id.

        What is kept is that somebody withdrew, on which day, and how many answers it were.
        """
        with self._transaction() as connection:
            mine = ANSWERS.c.rater == rater_id
            count = connection.execute(sa.select(sa.func.count()).select_from(ANSWERS).where(mine)).scalar_one()
            gone = connection.execute(sa.delete(RATERS).where(RATERS.c.id == rater_id))
            if not gone.rowcount:
                return None
            connection.execute(sa.insert(WITHDRAWALS).values(day=time.strftime("%Y-%m-%d"), answers=count))
        with self._turn:
            empty_deleted(self._engine)
        return int(count)

    def withdrawals(self) -> int:
        """How many raters withdrew."""
        with self._transaction() as connection:
            return int(connection.execute(sa.select(sa.func.count()).select_from(WITHDRAWALS)).scalar_one())

    def restore(self, lines: Sequence[Line], expected: int) -> int:
        """Take in answers that another store wrote down, and the raters that they name.

        Args:
            lines: of this study; those that are here already are left out.
            expected: answers of somebody who has finished, beside the training's.

        Returns:
            How many answers were taken in.
        """
        taken = 0
        by_rater: dict[str, list[Line]] = {}
        for line in lines:
            by_rater.setdefault(line["rater"], []).append(line)
        with self._transaction() as connection:
            for rater, theirs in by_rater.items():
                times = [line["received"] for line in theirs]
                counted = {(line["trial"], line["question"]) for line in theirs if line["role"] != "training"}
                values = {
                    "id": rater,
                    "block": theirs[0]["block"],
                    "released": False,
                    "begun": min(times),
                    "seen": max(times),
                    "heard": True,
                    "finished": max(times) if len(counted) >= expected else None,
                    "code": theirs[0]["code"],
                    "client": theirs[0]["client"],
                }
                connection.execute(self._insert(RATERS).values(**values).on_conflict_do_nothing())
                for line in theirs:
                    kept = {key: value for key, value in line.items() if key != "id"}
                    row = {"rater": rater, "trial": line["trial"], "question": line["question"], "line": kept}
                    taken += connection.execute(self._insert(ANSWERS).values(**row).on_conflict_do_nothing()).rowcount
            newest = connection.execute(sa.select(sa.func.max(ANSWERS.c.id))).scalar_one_or_none() or 0
            if taken:
                changed = self._insert(FACTS).values(name="restored", value=str(newest))
                connection.execute(changed.on_conflict_do_update(index_elements=["name"], set_={"value": str(newest)}))
        return taken

    def restored_up_to(self) -> int:
        """The id of the last answer that `restore` took in; 0 for none."""
        with self._transaction() as connection:
            where = FACTS.c.name == "restored"
            return int(connection.execute(sa.select(FACTS.c.value).where(where)).scalar_one_or_none() or 0)

    def _insert(self, table: sa.Table) -> Any:
        return insert(self._engine, table)

    @contextmanager
    def _transaction(self) -> Iterator[sa.Connection]:
        with self._turn, self._engine.begin() as connection:
            yield connection


def open_store(place: Place, study_hash: str) -> Store:
    """A store that has to be there already.

    Raises:
        InputError: there is none, or it is not this study's.
    """
    if isinstance(place, Path) and not place.is_file():
        raise InputError(f"There is no file {place}: name the one that 'study serve --answers' wrote.")
    return Store(place, study_hash)
