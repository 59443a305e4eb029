"""What the page says of a dub before it starts: how long it takes, and what is wrong with the files."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from moditalker.options import DEFAULTS
from moditalker.ui.dub.dub_estimate import dub_rates, dub_work
from moditalker.ui.dub.dub_request import SPEAKING, DubRequest
from moditalker.ui.dub.dub_studio import DubStudio
from moditalker.ui.dub.dub_tab import DubTab
from moditalker.ui.shared.line import Line
from moditalker.ui.shared.settings import Settings
from moditalker.ui.shared.workspace import Workspace
from moditalker.video.write import VideoWriter


@pytest.fixture
def tab(tmp_path: Path) -> DubTab:
    """With a pipeline that is not used."""
    nothing: Any = None
    return DubTab(DubStudio(nothing, Settings(), Workspace(tmp_path / "work"), Line(1, 8)), Settings())


def values(video: Path | None, audio: Path | None, text: str = "") -> list[Any]:
    """Of the page's components, in order, as they are when the page opens."""
    steps = DEFAULTS.atom_steps, DEFAULTS.mtov_steps, DEFAULTS.guidance, DEFAULTS.lip_scale
    files = [None if path is None else str(path) for path in (video, audio)]
    return [*files, text, False, "stop", "stop", 0.0, 0, *steps, -1, None]


def test_the_page_says_how_long_a_dub_takes(
    tab: DubTab, small_picture: np.ndarray, speech_file: Path, tmp_path: Path
) -> None:
    video = tmp_path / "film.mp4"
    with VideoWriter(video, (256, 256), 25, None) as writer:
        for _ in range(50):
            writer.write(small_picture)
    assert tab.estimate(*values(video, None)) == ""
    assert tab.estimate(*values(None, speech_file)) == ""
    said = tab.estimate(*values(video, speech_file))
    found = re.search(r"2\.0 s of video and (\S+) s of speech: about (\d+) s on this machine", said)
    assert found is not None, said
    assert 1 < float(found[1]) < 3
    assert 3 < int(found[2]) < 60
    assert "of speech: about" in tab.estimate(*values(video, None, "A text of some length."))
    broken = tmp_path / "secret-name.mp4"
    broken.write_text("no video")
    said = tab.estimate(*values(broken, speech_file))
    assert "The video cannot be read" in said
    assert "secret-name" not in said


def test_the_work_follows_what_is_shown() -> None:
    request = DubRequest("film.mp4")
    frames = {
        (longer, shorter, seconds): dub_work(
            replace(request, when_longer=longer, when_shorter=shorter), 100, 25.0, seconds
        )["video"]
        for longer in ("stop", "loop")
        for shorter in ("stop", "rest")
        for seconds in (2.0, 8.0)
    }
    assert frames["stop", "stop", 2.0] == 50
    assert frames["stop", "rest", 2.0] == 100
    assert frames["stop", "stop", 8.0] == 100
    assert frames["loop", "stop", 8.0] == 200
    everybody = dub_work(replace(request, face=SPEAKING), 100, 25.0, 2.0)
    assert everybody["track"] > dub_work(request, 100, 25.0, 2.0)["track"]


def test_a_machine_s_own_speed_is_learned() -> None:
    rates, units = dub_rates(), dub_work(DubRequest("film.mp4"), 100, 25.0, 4.0)
    before = sum(rates.seconds_of(units).values())
    for _ in range(12):
        rates.note(units, {stage: 3 * before / len(units) for stage in units})
    assert sum(rates.seconds_of(units).values()) == pytest.approx(3 * before, rel=0.01)
