"""``bench --stages`` says where the time of a video goes."""

import json
from functools import partial
from pathlib import Path

import pytest

from moditalker.benchmark.stage_bench import bench_stages
from moditalker.cli.main import main as cli
from moditalker.pipeline import MoDiTalkerPipeline


def test_stages_add_up_on_each_number_of_threads(
    pipeline: MoDiTalkerPipeline,
    portrait_file: Path,
    brief_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("moditalker.cli.measure.load", lambda preset: pipeline)
    # Ten frames say as much here as a second does.
    brief = partial(bench_stages, seconds=0.4)
    monkeypatch.setattr("moditalker.benchmark.stage_bench.bench_stages", lambda *given: brief(*given[:3]))
    report = tmp_path / "costs.json"
    assert cli(["bench", "--stages", str(portrait_file), str(brief_file), "--seconds", "1", "-o", str(report)]) == 0
    rows = json.loads(report.read_text())
    for threads in (1, 2):
        cpu = {row["stage"]: row["cpu"] for row in rows if row["threads"] == threads}
        parts = ("motion", "lip correction", "drawing and compositing", "encoding")
        assert cpu["all stages"] == pytest.approx(sum(cpu.get(part, 0) for part in parts))
        assert min(cpu["motion"], cpu["drawing and compositing"], cpu["encoding"]) > 0
        assert sum("Wav2Lip" in stage for stage in cpu) == 2
    assert "| all stages |" in capsys.readouterr().out
