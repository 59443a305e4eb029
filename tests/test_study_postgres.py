"""Answers in PostgreSQL: many replicas, any of which dies, and a database that crashes."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.managers import BaseManager
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa
from forked import FORKED
from postgres import Postgres
from study_example import make_study

from moditalker.cli.main import main as cli
from moditalker.study.collector import Collector
from moditalker.study.definition import Study, read_study
from moditalker.study.store import Store
from moditalker.ui.study.setup import open_study
from moditalker.utils.errors import InputError

RATERS, AT_ONCE, KILLS, REPLICAS = 200, 20, 5, 3
VIDEO_SECONDS = 0.2
CLIENT = {"browser": "simulated"}
LOST = (EOFError, OSError, sa.exc.OperationalError, psycopg.OperationalError)


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    running = Postgres()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return make_study(
        tmp_path_factory.mktemp("study"),
        methods=3,
        items=1,
        paired=3,
        raters=RATERS + AT_ONCE * KILLS,
        seconds=VIDEO_SECONDS,
        training=False,
        questions=[("overall", "Which one is better?")],
    )


class Replica(BaseManager):
    """A process that takes answers, as each container of the app is one."""

    def collector(self) -> Any: ...


_collector: Collector


def _open(study_file: str, address: str) -> None:
    """In the new process."""
    global _collector
    study = read_study(Path(study_file))
    _collector = Collector(study, Store(address, study.hash), lambda name: name)


def _opened() -> Collector:
    return _collector


Replica.register("collector", callable=_opened, exposed=("begin", "next", "answer"))


class Replicas:
    """Several that share a database; one that is killed is started again at its own address."""

    def __init__(self, study: Study, address: str) -> None:
        self._arguments = str(study.folder / "study.toml"), address
        self._running = [self._start(None) for _ in range(REPLICAS)]
        self.addresses = [one.address for one in self._running]

    def _start(self, address: Any) -> Replica:
        replica = Replica(address or ("127.0.0.1", 0), b"storm", ctx=FORKED)
        replica.start(_open, self._arguments)
        return replica

    def kill(self, number: int) -> None:
        process = self._running[number]._process  # type: ignore[attr-defined]
        process.kill()
        process.join()
        self._running[number] = self._start(self.addresses[number])

    def shutdown(self) -> None:
        for one in self._running:
            one.shutdown()


class SimulatedRater:
    """Insists on every answer until a replica, whichever it is, has acknowledged it."""

    def __init__(self, number: int) -> None:
        self._number = number
        self.rater = ""
        self.acknowledged: dict[tuple[str, str], str] = {}

    def take_part(self, replicas: Replicas, count: threading.Semaphore) -> None:
        self.rater, screen = self._insist(replicas, lambda one: one.begin(True, True, CLIENT))
        while screen["kind"] == "question":
            time.sleep(sum(video["seconds"] for video in screen["videos"]))
            key = (screen["trial"], screen["question"]["id"])
            answer = "AB="[(self._number + len(self.acknowledged)) % 3]
            plays = [1] * len(screen["videos"])
            line, screen = self._insist(
                replicas,
                lambda one, key=key, answer=answer, plays=plays: one.answer(self.rater, *key, answer, 900, plays),
            )
            assert line["answer"] == answer
            self.acknowledged[key] = answer
            count.release()
        assert screen["kind"] == "thanks"

    def _insist(self, replicas: Replicas, call: Callable[[Any], Any]) -> Any:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            self._number += 1
            try:
                client = Replica(replicas.addresses[self._number % REPLICAS], b"storm")
                client.connect()
                return call(client.collector())
            except LOST:
                time.sleep(0.05)
            except InputError as error:
                # The clock of a busy machine may run a little short; any other refusal is the test's own fault.
                if "sooner" not in str(error):
                    raise
                time.sleep(0.05)
        raise AssertionError("no replica answers")


@pytest.mark.slow
def test_no_acknowledged_answer_is_lost_or_doubled(study: Study, postgres: Postgres) -> None:
    address = postgres.database("storm")
    replicas = Replicas(study, address)
    raters = [SimulatedRater(number) for number in range(RATERS)]
    acknowledged = threading.Semaphore(0)
    total = RATERS * 4
    try:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            jobs = [pool.submit(rater.take_part, replicas, acknowledged) for rater in raters]
            for number in range(KILLS):
                for _ in range(total // (KILLS + 1)):
                    assert acknowledged.acquire(timeout=180)
                if number == 2:
                    postgres.crash()
                else:
                    replicas.kill(number % REPLICAS)
            for job in jobs:
                job.result(timeout=180)
    finally:
        replicas.shutdown()
    store = Store(address, study.hash)
    lines = store.lines()
    kept = {(line["rater"], line["trial"], line["question"]): line["answer"] for line in lines}
    known = {(rater.rater, *key): answer for rater in raters for key, answer in rater.acknowledged.items()}
    assert len(known) == len(lines) == total
    assert kept == known
    assert [line["id"] for line in lines] == sorted(line["id"] for line in lines)
    blocks = {line["rater"]: line["block"] for line in lines}
    assert max(Counter(blocks.values()).values()) == 1
    store.close()


def answered(collector: Collector) -> str:
    """A new rater who has answered everything."""
    rater, screen = collector.begin(True, True, CLIENT)
    while screen["kind"] == "question":
        time.sleep(sum(video["seconds"] for video in screen["videos"]))
        plays = [1] * len(screen["videos"])
        _, screen = collector.answer(rater, screen["trial"], screen["question"]["id"], "A", 900, plays)
    return rater


def test_the_commands_take_a_database(
    study: Study, postgres: Postgres, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    address = postgres.database("commands")
    store = Store(address, study.hash)
    collector = Collector(study, store, lambda name: name)
    gone, stays = answered(collector), answered(collector)
    study_file, exported = str(study.folder / "study.toml"), tmp_path / "answers.jsonl"
    assert cli(["study", "export", study_file, "--answers", address, "-o", str(exported)]) == 0
    assert "8 answers were appended" in capsys.readouterr().out
    assert cli(["study", "withdraw", gone, study_file, "--answers", address, "--exported", str(exported)]) == 0
    assert "4 answers were deleted, and 4 in exported files" in capsys.readouterr().out
    assert {line["rater"] for line in store.lines()} == {stays}
    assert store.withdrawals() == 1
    # The tables' own files hold nothing of it either.
    postgres.run("CHECKPOINT;")
    tables = b"".join(path.read_bytes() for path in (postgres.folder / "base").rglob("*") if path.is_file())
    assert stays.encode() in tables
    assert gone.encode() not in tables
    with pytest.raises(InputError, match="without NUL characters"):
        collector.next("no\0body")
    store.close()


def test_what_cannot_be_used_is_said_without_the_password(study: Study, postgres: Postgres) -> None:
    address = postgres.database("others")
    Store(address, study.hash).close()
    with pytest.raises(InputError, match="holds the answers to another study"):
        Store(address, "0" * 64)
    with pytest.raises(InputError, match="cannot be used for answers") as refusal:
        Store("postgresql://rater:secret@127.0.0.1:9/answers", study.hash)
    assert "secret" not in str(refusal.value)
    with pytest.raises(InputError, match="must be postgresql://USER"):
        Store("postgresql://host:port/answers", study.hash)
    with pytest.raises(InputError, match="leave one of the two out"):
        open_study(study.folder / "study.toml", address, "owner/name")
