"""Measures by language: of clips with a real video, and of recordings alone."""

from pathlib import Path

import numpy as np
import pytest

from moditalker.benchmark.footage import Footage, find_footage
from moditalker.benchmark.group_table import UNKNOWN, group_markdown, group_measures, read_labels
from moditalker.benchmark.ledger import Ledger
from moditalker.benchmark.recording_table import main, recording_table, spoken_recordings
from moditalker.pipeline import MoDiTalkerPipeline
from moditalker.training.data.prepare import read_clip_list
from moditalker.utils.errors import InputError

ROWS = ["path,split,speaker,language", "a.mp4,val,ada,ar", "b.mp4,test,ben,ar", "c.mp4,val,cid,en", "d.mp4,val,dan,"]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    (tmp_path / "clips.csv").write_text("\n".join(ROWS) + "\n")
    return tmp_path


def test_measures_are_grouped_by_what_a_column_says(data: Path) -> None:
    labels = read_labels(data, "language")
    clips = read_clip_list(data / "clips.csv")
    assert [labels[clip.name] for clip in clips] == ["ar", "ar", "en", UNKNOWN]
    footage = [Footage(clip.name, data / clip.path, clip.speaker, 1.0, 0) for clip in clips]
    ledger = Ledger(data / "out.json", {})
    for clip, value in zip(footage[:3], (0.2, 0.6, 0.9), strict=True):
        ledger.add(clip.name, "ours", {"values": {"opening_correlation": value}})
    groups = group_measures(ledger, footage, labels)
    assert {label: (found["clips"], found["speakers"]) for label, found in groups.items()} == {
        "ar": (2, 2),
        "en": (1, 1),
        UNKNOWN: (1, 1),
    }
    mean, low, high = groups["ar"]["ours.opening_correlation"]
    assert (mean, low, high) == pytest.approx((0.4, 0.2, 0.6))
    table = group_markdown("language", groups).splitlines()
    assert table[0] == "| language | clips | speakers | opening: correlation |"
    assert table[2] == "| ar | 2 | 2 | 0.40 (0.20 to 0.60) |"
    assert table[4] == f"| {UNKNOWN} | 1 | 1 |  |"


def test_a_list_without_the_column_is_refused(data: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no column 'accent'; it has path, split, speaker, language"):
        read_labels(data, "accent")
    with pytest.raises(InputError, match="none; name the folder of the clips"):
        read_labels(tmp_path / "nowhere", "language")


def test_several_splits_are_taken_together(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("moditalker.benchmark.footage.probe_video", lambda path: type("", (), {"duration": 3.0}))
    assert [clip.path.stem for clip in find_footage(data, "val,test")] == ["a", "b", "c", "d"]
    assert [clip.path.stem for clip in find_footage(data, "test")] == ["b"]


@pytest.mark.slow
def test_recordings_are_judged_with_their_own_sound_and_with_anothers(
    pipeline: MoDiTalkerPipeline, small_picture: np.ndarray, speech: np.ndarray
) -> None:
    first, second = speech[:16000], speech[8000:24000]
    spoken = spoken_recordings(pipeline, small_picture, [("one", first), ("two", second)])
    assert [one.language for one in spoken] == ["one", "two"]
    assert spoken[0].own != spoken[0].another
    rows = [[cell.strip() for cell in row.split("|")[1:-1]] for row in recording_table(spoken).splitlines()[2:]]
    assert [row[:2] for row in rows] == [["one", "1"], ["two", "1"], ["all", "2"]]
    assert float(rows[2][2]) == pytest.approx((float(rows[0][2]) + float(rows[1][2])) / 2, abs=0.001)


def test_recordings_need_a_language_and_another_one(pipeline: MoDiTalkerPipeline, portrait_file: Path) -> None:
    with pytest.raises(InputError, match="LANGUAGE=AUDIO, not as 'speech.wav'"):
        main([str(portrait_file), "speech.wav"])
    with pytest.raises(InputError, match="at least two"):
        spoken_recordings(pipeline, portrait_file, [("one", np.zeros(16000, np.float32))])
