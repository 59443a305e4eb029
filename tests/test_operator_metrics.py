"""What an operator reads of a server, and that visitors cannot."""

import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families

from moditalker.audio.recording import Recording
from moditalker.face.landmark_file import write_landmarks
from moditalker.ui.animate.estimate import Speeds
from moditalker.ui.animate.request import Request
from moditalker.ui.animate.studio import Studio
from moditalker.ui.shared.line import Line
from moditalker.ui.shared.operator_metrics import UNCOUNTED, PrometheusMetrics, metrics_at
from moditalker.ui.shared.settings import Settings
from moditalker.ui.shared.work import MachineError
from moditalker.ui.shared.workspace import Workspace
from moditalker.utils.errors import InputError


class Pipeline:
    """Makes nothing, or what a test wants to happen."""

    wanted: Exception | None = None

    def animate(
        self, portrait: str, audio: Recording, output: Path, *, save_landmarks: Path, **_: Any
    ) -> dict[str, Any]:
        if self.wanted is not None:
            raise self.wanted
        write_landmarks(save_landmarks, np.random.default_rng(0).uniform(0, 64, (12, 68, 3)))
        return {"seconds": {"face": 0.2, "video": 3.0}}


@pytest.fixture
def port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def metrics(port: int) -> Iterator[PrometheusMetrics]:
    running = PrometheusMetrics(str(port))
    yield running
    running.close()


def numbers(port: int) -> dict[tuple[str, ...], float]:
    """Values by name and labels, as Prometheus' own parser reads them."""
    text = httpx.get(f"http://127.0.0.1:{port}/metrics").text
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return {(sample.name.removeprefix("moditalker_"), *sample.labels.values()): sample.value for sample in samples}


def test_requests_are_counted_by_how_they_end(
    metrics: PrometheusMetrics, port: int, portrait_file: Path, brief_file: Path, tmp_path: Path
) -> None:
    line, pipeline = Line(1, 8), Pipeline()
    metrics.watch(line)
    studio = Studio(pipeline, Settings(), Workspace(tmp_path), Speeds(), line, metrics)
    request = Request(str(portrait_file), str(brief_file), consent=True)
    list(studio.make(request))
    left = studio.make(request)
    next(left)
    with line.place():
        now = numbers(port)
        assert (now["running",], now["waiting",]) == (1, 1)
    left.close()
    for error, raised in ((InputError("No."), InputError), (OSError("full"), MachineError)):
        pipeline.wanted = error
        with pytest.raises(raised):
            list(studio.make(request))
    now = numbers(port)
    ends = {key[2]: value for key, value in now.items() if key[:2] == ("requests_total", "animate")}
    assert ends == {"done": 1, "given up": 1, "refused": 1, "failed": 1}
    assert now["stage_seconds_sum", "animate", "video"] == 3.0
    assert now["stage_seconds_count", "animate", "face"] == 1
    assert now["video_seconds_total", "animate"] == pytest.approx(0.5)
    assert (now["running",], now["waiting",]) == (0, 0)


def test_they_are_off_where_nobody_asks_for_them(port: int) -> None:
    assert metrics_at(None) is UNCOUNTED
    assert metrics_at("") is UNCOUNTED
    with pytest.raises(InputError, match="give a port"):
        metrics_at("here")
    with closing(socket.create_server(("127.0.0.1", port))):
        with pytest.raises(InputError, match="choose another port"):
            metrics_at(f"127.0.0.1:{port}")
