"""Jobs on workers: each is done once, and a worker that is lost costs nothing but time."""

import multiprocessing
import tarfile
import time
from collections import Counter
from multiprocessing import forkserver
from pathlib import Path

import pytest
from engine_jobs import Journal
from forked import FORKED
from processes import descendants, wait_until

from moditalker.engine.local import HereEngine, LocalEngine
from moditalker.engine.places import OutputFolder, contents, fetched, joined
from moditalker.engine.protocol import Engine
from moditalker.engine.schedule import run_jobs
from moditalker.utils.errors import InputError


@pytest.fixture
def local() -> Engine:
    forkserver.ensure_running()
    return LocalEngine(2)


def done_by(folder: Path) -> dict[str, list[str]]:
    """Processes that began each job."""
    found: dict[str, list[str]] = {}
    for path in sorted(folder.iterdir()):
        found.setdefault(path.stem, []).append(path.read_text())
    return found


def test_every_job_is_done_once_whatever_becomes_of_others_and_of_workers(local: Engine, tmp_path: Path) -> None:
    jobs = [(f"job{number}", "") for number in range(12)]
    jobs[3], jobs[5], jobs[7] = ("job3", "dies once"), ("job5", "refused"), ("job7", "broken")
    outcomes = dict(run_jobs(local, Journal(tmp_path), jobs))
    assert set(outcomes) == set(jobs)
    for word, fate in jobs:
        if fate in ("", "dies once"):
            assert outcomes[word, fate].result == word.upper()
    assert outcomes["job5", "refused"].failed == "job5 cannot be used."
    assert "ZeroDivisionError" in outcomes["job7", "broken"].failed
    began = done_by(tmp_path)
    assert Counter(map(len, began.values())) == {1: 11, 2: 1}
    assert len(set(began["job3"])) == 2


def test_a_job_that_ends_every_worker_is_given_up(local: Engine, tmp_path: Path) -> None:
    jobs = [("good", ""), ("deadly", "dies"), ("fine", "")]
    outcomes = dict(run_jobs(local, Journal(tmp_path), jobs))
    assert outcomes["deadly", "dies"].failed.startswith("3 workers were lost while they made it")
    assert outcomes["good", ""].result == "GOOD"
    assert outcomes["fine", ""].result == "FINE"


def test_jobs_of_one_portion_stay_with_one_worker_until_somebody_would_wait(local: Engine, tmp_path: Path) -> None:
    jobs = [(f"{portion}{number}", "") for number in range(6) for portion in "ab"]
    list(run_jobs(local, Journal(tmp_path), jobs, portion=lambda job: job[0][0]))
    done: dict[str, str] = {}
    for path in sorted(tmp_path.iterdir(), key=lambda path: path.stat().st_mtime_ns):
        done[path.read_text()] = done.get(path.read_text(), "") + path.name[0]
    # Each worker changes its portion once at most, to help with the other.
    assert sum(portions.count("ab") + portions.count("ba") for portions in done.values()) <= 2


def test_why_no_worker_can_be_set_up_is_said(local: Engine, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no weights here"):
        list(run_jobs(local, Journal(tmp_path, refused="There are no weights here."), [("job", "")]))


def test_nothing_goes_on_when_nobody_waits_for_it_any_more(local: Engine, tmp_path: Path) -> None:
    before = descendants()
    outcomes = run_jobs(local, Journal(tmp_path), [("quick", ""), ("slow0", "slow"), ("slow1", "slow")])
    started = time.monotonic()
    next(outcomes)
    outcomes.close()
    assert time.monotonic() - started < 30
    wait_until(lambda: descendants() <= before, "workers are left")


def _wait_for_slow_jobs(folder: Path) -> None:
    """In a process of its own."""
    engine = LocalEngine(2)
    # A process that was forked from the fork server would start another one, which imports everything again.
    engine._context = multiprocessing.get_context("fork")
    list(run_jobs(engine, Journal(folder), [("one", "slow"), ("two", "slow")]))


def test_a_killed_program_leaves_no_workers(tmp_path: Path) -> None:
    program = FORKED.Process(target=_wait_for_slow_jobs, args=(tmp_path,))
    program.start()
    wait_until(lambda: len(list(tmp_path.iterdir())) == 2, "the jobs were not begun")
    time.sleep(0.1)
    workers = {int(pids[0]) for pids in done_by(tmp_path).values()}
    assert all(Path(f"/proc/{pid}").exists() for pid in workers)
    program.kill()
    program.join()
    wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers), "workers outlive their program")


def test_the_same_way_is_taken_in_this_process(tmp_path: Path) -> None:
    outcomes = dict(run_jobs(HereEngine(), Journal(tmp_path), [("one", ""), ("two", "refused")]))
    assert outcomes["one", ""].result == "ONE"
    assert outcomes["two", "refused"].failed == "two cannot be used."


def test_places(tmp_path: Path) -> None:
    (tmp_path / "clip.txt").write_text("inside")
    with tarfile.open(tmp_path / "shard.tar", "w") as tar:
        tar.add(tmp_path / "clip.txt", "clip.txt")
    (tmp_path / "copies").mkdir()
    copy = fetched(f"tar://clip.txt::file://{tmp_path}/shard.tar", tmp_path / "copies")
    assert (copy.name, copy.read_text()) == ("clip.txt", "inside")
    assert fetched(str(tmp_path / "clip.txt"), tmp_path / "copies") == tmp_path / "clip.txt"
    assert joined("s3://bucket/lists", "a/b.wav") == "s3://bucket/lists/a/b.wav"
    assert joined("/lists", "s3://other/b.wav") == "s3://other/b.wav"
    with pytest.raises(InputError, match="is not there"):
        contents(str(tmp_path / "none.csv"))
    with pytest.raises(InputError, match="another package"):
        contents("abfs://container/none.csv")


@pytest.mark.parametrize("address", [False, True])
def test_what_is_put_into_a_folder_is_found_there_again(address: bool, tmp_path: Path) -> None:
    folder = OutputFolder(f"memory://{tmp_path.name}" if address else str(tmp_path / "new" / "out"))
    (tmp_path / "video.mp4").write_bytes(b"video")
    folder.put(tmp_path / "video.mp4", "videos/a.mp4")
    folder.write("records/a.json", b"1")
    folder.write("records/b.json", b"2")
    assert folder.read("videos/a.mp4") == b"video"
    assert folder.read("none") is None
    assert folder.read_all("records", {"a.json"}) == {"b.json": b"2"}
    assert folder.read_all("nothing", set()) == {}
