"""Two hundred raters through the real HTTP interface, while the server is killed again and again."""

import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from study_example import METHODS, make_study
from study_server import StudyServer

from moditalker.study.analysis.answers import table_of
from moditalker.study.analysis.results import analyse_table
from moditalker.study.definition import Study
from moditalker.study.serving import ServedFiles
from moditalker.study.store import Store

RATERS, AT_ONCE, KILLS = 200, 20, 5
STRENGTHS = dict(zip(METHODS[:3], (1.0, 0.0, -1.0), strict=True))
TIE = -0.7
VIDEO_SECONDS = 0.2

pytestmark = pytest.mark.slow


class SimulatedRater:
    """Answers by known preferences; insists on every answer until it is acknowledged, as the page does."""

    def __init__(self, url: str, study: Study, served: ServedFiles, seed: int) -> None:
        self._url, self._study = url, study
        self._method = {served.path(s.file).name: s.method for s in study.stimuli}
        self._rng = np.random.default_rng([7, seed])
        self.rater = ""
        self.acknowledged: dict[tuple[str, str], str] = {}

    def take_part(self, count: "threading.Semaphore") -> None:
        """From consent to the thanks; ``count`` is released at each acknowledgement."""
        with httpx.Client(timeout=10) as client:
            begun = self._insist(client, "study_begin", True, True, {"browser": "simulated"})
            self.rater, screen = begun["rater"], begun["screen"]
            while screen["kind"] == "question":
                time.sleep(sum(video["seconds"] for video in screen["videos"]))
                answer = self._prefer(screen)
                key = (screen["trial"], screen["question"]["id"])
                plays = [1] * len(screen["videos"])
                told = self._insist(client, "study_answer", self.rater, *key, answer, 900, plays)
                assert told["answer"] == answer
                self.acknowledged[key] = answer
                count.release()
                screen = told["screen"]
            assert screen["kind"] == "thanks"
            assert len(screen["code"]) == 8

    def _insist(self, client: httpx.Client, name: str, *data: Any) -> dict[str, Any]:
        while True:
            try:
                reply = client.post(f"{self._url}/gradio_api/run/{name}", json={"data": list(data)})
            except httpx.TransportError:
                time.sleep(0.1)
                continue
            told = reply.json()
            # A refusal would be the test's own fault; the clock of a busy machine may run a little short.
            if reply.status_code == 500 and "sooner" in str(told["error"]):
                time.sleep(0.05)
                continue
            assert reply.status_code == 200, told
            return told["data"][0]

    def _prefer(self, screen: dict[str, Any]) -> str:
        first, second = (self._method[Path(video["address"]).name] for video in screen["videos"])
        if not first or not second:  # an attention check: the spoilt one is nobody's
            return "A" if first else "B"
        values = [STRENGTHS[first], TIE + (STRENGTHS[first] + STRENGTHS[second]) / 2, STRENGTHS[second]]
        chance = np.exp(values) / np.exp(values).sum()
        return str(self._rng.choice(["A", "=", "B"], p=chance))


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


def test_no_acknowledged_answer_is_lost_or_doubled_and_the_ranking_is_found(study: Study, tmp_path: Path) -> None:
    answers = tmp_path / "answers.sqlite"
    server = StudyServer(study.folder / "study.toml", answers)
    served = ServedFiles(study)
    raters = [SimulatedRater(server.url, study, served, number) for number in range(RATERS)]
    acknowledged = threading.Semaphore(0)
    # Three trials and a check.
    total = RATERS * 4
    server.start()
    try:
        with ThreadPoolExecutor(AT_ONCE) as pool:
            jobs = [pool.submit(rater.take_part, acknowledged) for rater in raters]
            for _ in range(KILLS):
                for _ in range(total // (KILLS + 1)):
                    assert acknowledged.acquire(timeout=180)
                server.kill()
                server.start()
            for job in jobs:
                job.result(timeout=180)
    finally:
        server.kill()

    lines = Store(answers, study.hash).lines()
    kept = {(line["rater"], line["trial"], line["question"]): line["answer"] for line in lines}
    known = {(rater.rater, *key): answer for rater in raters for key, answer in rater.acknowledged.items()}
    assert len(known) == total
    assert len(lines) == len(kept) == total
    assert kept == known

    blocks = {line["rater"]: line["block"] for line in lines}
    assert max(Counter(blocks.values()).values()) == 1

    found = analyse_table(study, table_of(study, lines), draws=300)
    assert found.kept.raters == RATERS
    assert [entry.method for entry in sorted(found.strengths, key=lambda entry: entry.rank)] == list(STRENGTHS)
    assert all(entry.rank_low == entry.rank_high for entry in found.strengths)
    assert found.left is not None
    assert found.left.low <= 0.5 <= found.left.high
