"""``bench --export`` says what speech to blendshapes costs."""

import json
from pathlib import Path

import pytest

from moditalker.cli.main import main as cli
from moditalker.pipeline import MoDiTalkerPipeline


@pytest.mark.slow
def test_the_stages_of_an_export_add_up_on_each_number_of_threads(
    pipeline: MoDiTalkerPipeline,
    portrait_file: Path,
    brief_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("moditalker.cli.measure.load", lambda preset: pipeline)
    report = tmp_path / "costs.json"
    assert cli(["bench", "--export", str(portrait_file), str(brief_file), "--seconds", "2", "-o", str(report)]) == 0
    rows = json.loads(report.read_text())
    for threads in (1, 2):
        cpu = {row["stage"]: row["cpu"] for row in rows if row["threads"] == threads}
        parts = [cost for stage, cost in cpu.items() if stage not in ("all", "of which features")]
        assert len(parts) == 3
        assert cpu["all"] == pytest.approx(sum(parts), rel=0.1)
        assert cpu["of which features"] > 0
    table = capsys.readouterr().out
    assert "| 2 s of speech, seconds | CPU, 1 threads |" in table
    assert "| all |" in table
