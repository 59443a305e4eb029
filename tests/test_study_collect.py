"""Taking raters through a study: what is accepted, what is refused, and what is left when somebody withdraws."""

import json
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from test_study_analysis import NO_FILE
from test_study_design import study_with

from moditalker.study import hub
from moditalker.study.collector import Collector
from moditalker.study.definition import Study
from moditalker.study.design import answers_expected
from moditalker.study.journal import Journal, read_json_lines
from moditalker.study.parts import SoundCheck, Training
from moditalker.study.store import Store, open_store
from moditalker.utils.errors import InputError

MOMENT = 0.02


@pytest.fixture
def study() -> Study:
    """Of four trials and a check; its videos last a moment."""
    full = study_with(3, 4, 4)
    return replace(
        full,
        stimuli=tuple(replace(stimulus, seconds=MOMENT) for stimulus in full.stimuli),
        training=Training("s-1-m0", "spoilt"),
        design=replace(full.design, raters=3, abandoned_after=0.3),
    )


@pytest.fixture
def store(study: Study, tmp_path: Path) -> Store:
    return Store(tmp_path / "answers.sqlite", study.hash)


@pytest.fixture
def collector(study: Study, store: Store) -> Collector:
    return Collector(study, store, lambda name: f"/{name}")


def begin(collector: Collector) -> tuple[str, dict[str, Any]]:
    return collector.begin(True, True, {"browser": "Firefox", "fingerprint": "abc"})


def reply_to(collector: Collector, rater: str, screen: dict[str, Any], answer: str = "A") -> dict[str, Any]:
    """Wait until the videos can have been seen, then answer; returns the next screen."""
    time.sleep(2.5 * MOMENT)
    trial, question = screen["trial"], screen["question"]["id"]
    return collector.answer(rater, trial, question, answer, 700, [1] * len(screen["videos"]))[1]


def finish(collector: Collector, rater: str, screen: dict[str, Any]) -> dict[str, Any]:
    while screen["kind"] == "question":
        screen = reply_to(collector, rater, screen)
    return screen


def test_from_consent_to_the_code(collector: Collector, store: Store, study: Study) -> None:
    rater, screen = begin(collector)
    assert screen["training"]
    assert (screen["done"], screen["total"]) == (0, 6)
    screen = reply_to(collector, rater, screen)
    assert not screen["training"]
    end = finish(collector, rater, screen)
    assert end["kind"] == "thanks"
    assert collector.next(rater) == end
    lines = store.lines()
    assert len(lines) == 6
    assert sum(line["role"] != "training" for line in lines) == answers_expected(study)
    assert lines[0]["client"] == {"browser": "Firefox"}
    told = {"schema", "study", "rater", "trial", "sha256", "stimuli", "question", "answer", "milliseconds", "plays"}
    assert told <= set(lines[-1])


def test_nothing_is_asked_without_consent_and_age(collector: Collector, store: Store) -> None:
    for consent, age, client in [(False, True, {}), (True, False, {}), ("yes", True, {}), (True, True, {"touch": 1})]:
        with pytest.raises(InputError, match="18 or older|'consent' must be true or false|'touch' .* must be a text"):
            collector.begin(consent, age, client)  # type: ignore[arg-type]
    assert begin(collector)[0]


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"plays": [1, 0]}, "Play every video to its end"),
        ({"plays": [1]}, "Play every video to its end"),
        ({"plays": [1, 900]}, "sooner than the videos last"),
        ({"plays": [1, -1]}, "'plays' must be greater than or equal to 0, and is -1; correct it"),
        ({"plays": "11"}, "'plays' must be a list, and is '11'"),
        ({"milliseconds": 1.5}, "'milliseconds' must be a whole number, and is 1.5"),
        ({"milliseconds": True}, "'milliseconds' must be a whole number"),
        ({"milliseconds": 10**9}, "'milliseconds' must be less than or equal to 86400000"),
        ({"rater_id": None}, "'rater_id' must be a text, and is None"),
        ({"token": "\ud800"}, "'token' must be a text"),
        ({"answer": "5"}, "no answer to this question"),
        ({"token": "another"}, "not one of yours"),
        ({"question_id": "another"}, "not one of yours"),
        ({"rater_id": "another"}, "Nobody here has that id"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_kept(
    collector: Collector, store: Store, changed: dict[str, Any], sentence: str
) -> None:
    rater, screen = begin(collector)
    given = {
        "rater_id": rater,
        "token": screen["trial"],
        "question_id": screen["question"]["id"],
        "answer": "A",
        "milliseconds": 500,
        "plays": [1, 1],
    }
    time.sleep(2.5 * MOMENT)
    with pytest.raises(InputError, match=sentence):
        collector.answer(**(given | changed))
    assert store.lines() == []
    collector.answer(**given)
    assert len(store.lines()) == 1


def test_an_answer_before_the_end_of_the_videos_is_refused(collector: Collector, study: Study, store: Store) -> None:
    rater, screen = begin(collector)
    with pytest.raises(InputError, match="sooner than the videos last"):
        collector.answer(rater, screen["trial"], screen["question"]["id"], "A", 500, [1, 1])
    other = Collector(replace(study, stimuli=study.stimuli), store, str)
    assert other.next(rater)["trial"] == screen["trial"]
    assert reply_to(other, rater, screen)["trial"] != screen["trial"]


def test_a_trial_that_was_not_shown_yet_cannot_be_answered(collector: Collector, study: Study) -> None:
    from moditalker.study.design import trials

    rater, _ = begin(collector)
    later = trials(study, rater, 0)[-1]
    time.sleep(2.5 * MOMENT)
    with pytest.raises(InputError, match="was not shown yet"):
        collector.answer(rater, later.token, later.questions[0], "A", 500, [1, 1])


def test_a_double_click_stores_one_answer_and_both_get_the_same_reply(collector: Collector, store: Store) -> None:
    rater, screen = begin(collector)
    time.sleep(2.5 * MOMENT)
    start = threading.Barrier(8)

    def click(answer: str) -> tuple[str, str]:
        start.wait()
        kept, following = collector.answer(rater, screen["trial"], screen["question"]["id"], answer, 500, [1, 1])
        return kept["answer"], following["trial"]

    with ThreadPoolExecutor(8) as pool:
        replies = set(pool.map(click, "AB=AB=AB"))
    assert len(replies) == 1
    assert [line["answer"] for line in store.lines()] == [replies.pop()[0]]


def test_raters_at_once_get_blocks_of_their_own_and_do_not_disturb_one_another(
    collector: Collector, study: Study, store: Store
) -> None:
    with ThreadPoolExecutor(3) as pool:
        begun = list(pool.map(lambda _: begin(collector), range(3)))
        ends = list(pool.map(lambda pair: finish(collector, *pair), begun))
    assert sorted({line["block"] for line in store.lines()}) == [0, 1, 2]
    assert len({end["code"] for end in ends}) == 3
    assert len(store.lines()) == 3 * 6
    time.sleep(study.design.abandoned_after)
    with pytest.raises(InputError, match="has all the answers it needs"):
        begin(collector)


@pytest.mark.slow
def test_an_abandoned_block_is_given_again_and_who_comes_back_may_finish(
    collector: Collector, study: Study, store: Store
) -> None:
    early, screen = begin(collector)
    screen = reply_to(collector, early, screen)
    others = [begin(collector) for _ in range(2)]
    with pytest.raises(InputError, match="has all the answers it needs"):
        begin(collector)
    for pair in others:
        finish(collector, *pair)
    time.sleep(study.design.abandoned_after)
    late, first = begin(collector)
    assert finish(collector, late, first)["kind"] == "thanks"
    assert finish(collector, early, collector.next(early))["kind"] == "thanks"
    blocks = [line["block"] for line in store.lines() if line["rater"] in (early, late)]
    assert set(blocks) == {0}


def test_who_withdraws_is_gone_from_the_file_s_bytes_too(
    study: Study, store: Store, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    journal = Journal(tmp_path / "out" / "answers.jsonl", store, nullcontext())
    collector = Collector(study, store, str, journal)
    gone, stays = begin(collector), begin(collector)
    for pair in (gone, stays):
        finish(collector, *pair)
    assert len(read_json_lines(journal.path)) == 12
    assert collector.withdraw(gone[0]) == 6
    assert {line["rater"] for line in store.lines()} == {stays[0]}
    assert {line["rater"] for line in read_json_lines(journal.path)} == {stays[0]}
    assert store.withdrawals() == 1
    store.close()
    for path in (*tmp_path.glob("answers.sqlite*"), journal.path):
        assert gone[0].encode() not in path.read_bytes(), path
    with pytest.raises(InputError, match="begin anew"):
        collector.next(gone[0])
    # The block is free for somebody else.
    assert finish(collector, *begin(collector))["kind"] == "thanks"
    assert sorted(line["block"] for line in store.lines() if line["role"] == "check") == [0, 1]


def test_the_digits_have_to_be_heard_first(study: Study, store: Store) -> None:
    with_sound = replace(study, sound_check=SoundCheck("d.m4a", NO_FILE, "472"))
    collector = Collector(with_sound, store, lambda name: f"/{name}")
    rater, screen = begin(collector)
    assert screen == {"kind": "sound", "address": "/d.m4a"}
    assert collector.hear(rater, "417") == (False, screen)
    right, screen = collector.hear(rater, " 4 7-2 ")
    assert right
    assert screen["kind"] == "question"


def test_an_export_only_appends_and_mends_what_a_killed_one_left(study: Study, store: Store, tmp_path: Path) -> None:
    collector = Collector(study, store, str)
    finish(collector, *begin(collector))
    path = tmp_path / "answers.jsonl"
    assert Journal(path, store, nullcontext()).catch_up() == 6
    first = path.read_bytes()
    assert Journal(path, store, nullcontext()).catch_up() == 0
    finish(collector, *begin(collector))
    with path.open("ab") as file:
        file.write(b'{"rater": "cut o')
    assert Journal(path, store, nullcontext()).catch_up() == 6
    assert path.read_bytes().startswith(first)
    assert len(read_json_lines(path)) == 12
    other = Store(tmp_path / "other.sqlite", study.hash)
    with pytest.raises(InputError, match="holds other answers"):
        Journal(path, other, nullcontext())


def test_a_file_of_answers_belongs_to_one_study(study: Study, store: Store, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="another study"):
        Store(Path(store.place), replace(study, title="changed").hash)
    (tmp_path / "text.sqlite").write_text("no database, but long enough to be looked at " * 9)
    with pytest.raises(InputError, match="cannot be used for answers"):
        Store(tmp_path / "text.sqlite", study.hash)
    with pytest.raises(InputError, match="There is no file"):
        open_store(tmp_path / "none.sqlite", study.hash)


class FakeHub:
    """A private dataset in a folder, in the place of the Hub and of the uploader."""

    def __init__(self, folder: Path, private: bool = True) -> None:
        self.folder, self.private = folder, private
        self.lock = threading.Lock()
        self.options: dict[str, Any] = {}
        folder.mkdir()

    def create_repo(self, repo_id: str, **options: Any) -> None:
        assert options == {"repo_type": "dataset", "private": True, "exist_ok": True}

    def repo_info(self, repo_id: str, **options: Any) -> "FakeHub":
        return self

    def snapshot_download(self, repo_id: str, *, local_dir: Path, **options: Any) -> None:
        local_dir.mkdir(parents=True, exist_ok=True)
        for path in self.folder.glob("*.jsonl"):
            (local_dir / path.name).write_bytes(path.read_bytes())

    def scheduler(self, **options: Any) -> "FakeHub":
        self.options = options
        return self

    def upload(self) -> None:
        with self.lock:
            for path in self.options["folder_path"].glob("*.jsonl"):
                (self.folder / path.name).write_bytes(path.read_bytes())


@pytest.fixture
def fake_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., FakeHub]:
    def make(**options: Any) -> FakeHub:
        fake = FakeHub(tmp_path / "hub", **options)
        monkeypatch.setattr(hub, "HfApi", lambda: fake)
        monkeypatch.setattr(hub, "snapshot_download", fake.snapshot_download)
        monkeypatch.setattr(hub, "CommitScheduler", fake.scheduler)
        return fake

    return make


def test_a_space_that_lost_its_disk_goes_on_with_what_was_uploaded(
    study: Study, tmp_path: Path, fake_hub: Callable[..., FakeHub]
) -> None:
    fake = fake_hub()

    def start(name: str) -> tuple[Collector, Store]:
        store = Store(tmp_path / name / "answers.sqlite", study.hash)
        journal = hub.keep_on_hub(study, store, "owner/answers", tmp_path / name / "upload")
        return Collector(study, store, str, journal), store

    collector, _ = start("first")
    finished = begin(collector)
    code = finish(collector, *finished)["code"]
    half, screen = begin(collector)
    reply_to(collector, half, screen)
    fake.upload()
    assert fake.options["private"]
    assert fake.options["squash_history"]
    assert fake.options["repo_type"] == "dataset"

    collector, store = start("second")
    assert len(store.lines()) == 7
    assert collector.next(finished[0])["code"] == code
    assert finish(collector, half, collector.next(half))["kind"] == "thanks"
    new = finish(collector, *begin(collector))
    assert new["kind"] == "thanks"
    assert sorted({line["block"] for line in store.lines()}) == [0, 1, 2]
    fake.upload()
    every = [json.loads(row) for path in fake.folder.glob("*.jsonl") for row in path.read_text().splitlines()]
    assert len(every) == 3 * 6
    collector.withdraw(finished[0])
    fake.upload()
    assert not any(finished[0] in path.read_text() for path in fake.folder.glob("*.jsonl"))


def test_answers_are_not_put_into_a_public_dataset(
    study: Study, store: Store, tmp_path: Path, fake_hub: Callable[..., FakeHub]
) -> None:
    fake_hub(private=False)
    with pytest.raises(InputError, match="is public"):
        hub.keep_on_hub(study, store, "owner/answers", tmp_path / "upload")
