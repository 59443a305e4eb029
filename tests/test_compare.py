"""Comparisons without a page: columns that fail by themselves, one judge, tables, files, the command line."""

import csv
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from moditalker.baselines.frame_writing import warped, write_frames
from moditalker.baselines.protocol import Facts, Made, Options
from moditalker.benchmark.judge import Judge, Reference
from moditalker.cli.main import main as cli
from moditalker.compare.comparison_table import csv_of, html_of, letter, row_of
from moditalker.compare.inputs import Inputs, prepare_inputs
from moditalker.compare.measures import Measurer, read_real
from moditalker.compare.pairs import compare_pairs, find_pairs
from moditalker.compare.runner import FAILED, Outcome, run_methods
from moditalker.compare.stitch import STRIP, stitch
from moditalker.constants import SAMPLE_RATE
from moditalker.face.tracker import make_tracker
from moditalker.metrics.talking_video import read_talking_video
from moditalker.pipeline import MoDiTalkerPipeline
from moditalker.utils.errors import AbandonedError, InputError
from moditalker.utils.progress import Progress
from moditalker.video.read import probe_video, read_video

Talking = Callable[..., np.ndarray]
FRAMES = 30


@dataclass
class Fake:
    """A method that does what a test says.

    Args:
        name: of it.
        does: called with the output and the progress.
        sent_to: a machine elsewhere.
    """

    name: str
    does: Callable[[Path, Progress], None]
    sent_to: str = ""
    missing: str | None = None

    @property
    def facts(self) -> Facts:
        return Facts(self.name, self.name.title(), "As a test says.", "MIT", sent_to=self.sent_to)

    def available(self) -> str | None:
        return self.missing

    def make(self, portrait: Path, audio: Path, output: Path, options: Options, progress: Progress) -> Made:
        self.does(output, progress)
        return Made({"video": 0.6}, ["A warning."])


def touch(output: Path, progress: Progress) -> None:
    output.write_bytes(b"video")


def refuse(output: Path, progress: Progress) -> None:
    raise InputError("It wants another picture.")


def crash(output: Path, progress: Progress) -> None:
    raise ZeroDivisionError("secret of the machine")


def ignore(*told: object) -> None:
    """Whatever is told."""


@pytest.fixture(scope="module")
def inputs(small_picture: np.ndarray, speech: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Inputs:
    samples = speech[8000 : 8000 + FRAMES * SAMPLE_RATE // 25]
    return prepare_inputs(small_picture, samples, tmp_path_factory.mktemp("inputs"), make_tracker("mediapipe"))


def run(methods: list[Fake], inputs: Inputs, folder: Path, **told: Callable[..., None]) -> list[Outcome]:
    return run_methods(methods, inputs, folder, Options(), None, told.get("tell", ignore), told.get("done", ignore))


def test_a_column_fails_by_itself(inputs: Inputs, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    methods = [
        Fake("first", touch),
        Fake("refusing", refuse),
        Fake("crashing", crash),
        Fake("absent", touch, missing="It needs a file: name one."),
        Fake("away", refuse, sent_to="http://peer", missing="never asked"),
        Fake("last", touch),
    ]
    outcomes = run(methods, inputs, tmp_path)
    assert [outcome.video and outcome.video.name for outcome in outcomes] == [
        "column-1.mp4", None, None, None, None, "column-6.mp4"
    ]  # fmt: skip
    assert [outcome.failed for outcome in outcomes] == [
        "", "It wants another picture.", FAILED, "It needs a file: name one.", "It wants another picture.", ""
    ]  # fmt: skip
    assert "secret" not in " ".join(outcome.failed for outcome in outcomes)
    assert "secret of the machine" in caplog.text
    assert outcomes[0].real_time_factor == pytest.approx(0.6 / (FRAMES / 25))
    assert outcomes[0].warnings == ["A warning."]
    assert outcomes[1].total_seconds is None


def test_a_slow_machine_elsewhere_holds_nobody_up(inputs: Inputs, tmp_path: Path) -> None:
    let_go, order = threading.Event(), []

    def wait(output: Path, progress: Progress) -> None:
        assert let_go.wait(20)
        touch(output, progress)

    def done(index: int, outcome: Outcome) -> None:
        order.append(outcome.facts.name)
        if len(order) == 2:
            let_go.set()

    methods = [Fake("slow", wait, "http://a"), Fake("here", touch), Fake("too", touch)]
    outcomes = run(methods, inputs, tmp_path, done=done)
    assert order == ["here", "too", "slow"]
    assert [outcome.facts.name for outcome in outcomes] == ["slow", "here", "too"]


def test_a_comparison_that_is_given_up_ends_everywhere(inputs: Inputs, tmp_path: Path) -> None:
    gone, ended = threading.Event(), threading.Event()

    def wait(output: Path, progress: Progress) -> None:
        try:
            while True:
                progress("waiting", 0, 1)
                time.sleep(0.02)
        finally:
            ended.set()

    def tell(index: int, stage: str, done: int, total: int) -> None:
        if gone.is_set():
            raise AbandonedError

    def leave(output: Path, progress: Progress) -> None:
        gone.set()
        progress("video", 1, 2)

    with pytest.raises(AbandonedError):
        run([Fake("away", wait, "http://a"), Fake("here", leave)], inputs, tmp_path, tell=tell)
    assert ended.is_set()


@pytest.fixture(scope="module")
def talker(
    pipeline: MoDiTalkerPipeline,
    inputs: Inputs,
    talking: Talking,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """The astronaut, whose mouth opens every ten frames."""
    portrait = pipeline.encode_portrait(inputs.portrait)
    path = tmp_path_factory.mktemp("talker") / "talker.mp4"
    chunks = warped(portrait, talking(portrait.frame.landmarks, FRAMES))
    write_frames(path, chunks, inputs.samples, FRAMES, Options(), ignore, {})
    return path


@pytest.mark.slow
def test_a_column_is_measured_as_the_benchmark_measures(inputs: Inputs, talker: Path) -> None:
    tracker, judge = make_tracker("mediapipe"), Judge()
    alone = Measurer(judge, tracker, inputs)(talker)
    assert alone["identity"] > 0.9
    assert alone["opening_spread"] > 1.5
    assert {"sync_confidence", "sharpness", "flicker_levels"} <= set(alone)
    assert "mouth_psnr" not in alone
    beside = Measurer(judge, tracker, inputs, read_real(talker, tracker, FRAMES))(talker)
    assert {key: beside[key] for key in alone} == alone
    assert beside["opening_correlation"] == pytest.approx(1)
    assert beside["mouth_psnr"] > 35
    assert beside["flicker"] == pytest.approx(1)
    video = read_talking_video(talker, tracker)
    assert beside["sync_confidence"] == pytest.approx(
        judge(video, Reference(video), groups={"sync"}).values["sync_confidence"], abs=1e-5
    )
    with pytest.raises(InputError, match="10 frames in common"):
        read_real(talker, tracker, 10)


def test_rows_become_tables() -> None:
    there = Outcome(Facts("a", "<A>", "", "MIT"), Path("a.mp4"), {"video": 1.25}, 0.5, 0.4, {"identity": 0.9}, ["Oh."])
    failed = Outcome(Facts("b", "B", "", "MIT"), None, failed="It is <down>, sorry.")
    rows = [{"column": letter(index), **row_of(outcome)} for index, outcome in enumerate((there, failed))]
    read = list(csv.DictReader(csv_of(rows).splitlines()))
    assert [row["column"] for row in read] == ["A", "B"]
    assert (read[0]["seconds"], read[0]["identity"], read[0]["warnings"]) == ("1.25", "0.9", "Oh.")
    assert read[1]["failed"] == "It is <down>, sorry."
    table = html_of(rows, ["<A>", "B"])
    assert "&lt;A&gt;" in table
    assert "It is &lt;down&gt;, sorry." in table
    assert "<td>0.900</td>" in table


@pytest.mark.slow
def test_all_columns_in_one_file(inputs: Inputs, talker: Path, tmp_path: Path) -> None:
    grey = tmp_path / "grey.mp4"
    chunk = np.full((FRAMES, 120, 90, 3), 128, np.uint8)
    write_frames(grey, [chunk], inputs.samples, FRAMES, Options(), ignore, {})
    target = tmp_path / "all.mp4"
    stitch([talker, grey], ["Theirs", "A name that is far too long for its column"], inputs.samples, target, seed=1)
    info = probe_video(target)
    assert info.size == (256 + 4 + 192, 256 + STRIP)
    assert info.duration == pytest.approx(FRAMES / 25, abs=0.05)
    frames = np.stack(list(read_video(target))).astype(int)
    assert np.abs(frames[:, STRIP + 4 :, 266:-4] - 128).mean() < 3
    shown = np.stack(list(read_video(talker))).astype(int)
    assert np.abs(frames[:, STRIP:, :256] - shown).mean() < 3
    for left, right in ((0, 256), (260, 452)):
        assert frames[0, :STRIP, left:right].max() > 150, "no name above a column"


@pytest.fixture
def folder(inputs: Inputs, talker: Path, tmp_path: Path) -> Path:
    """Two pairs, one of them with its real clip and a video made elsewhere, and one without a face."""
    folder = tmp_path / "pairs"
    folder.mkdir()
    for name in ("ada", "bea"):
        (folder / f"{name}.png").write_bytes(inputs.portrait.read_bytes())
        (folder / f"{name}.wav").write_bytes(inputs.audio.read_bytes())
    (folder / "ada.mp4").write_bytes(talker.read_bytes())
    (folder / "ada.Elsewhere.mp4").write_bytes(talker.read_bytes())
    Image.new("RGB", (128, 128), "grey").save(folder / "nobody.png")
    (folder / "nobody.wav").write_bytes(inputs.audio.read_bytes())
    return folder


@pytest.mark.slow
def test_a_folder_on_the_command_line(
    folder: Path, weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "out"
    chosen = ["--methods", "still", "wav2lip", "rules", "--preset", str(weights)]
    assert cli(["compare", str(folder), "-o", str(output), *chosen]) == 0
    said = capsys.readouterr().out
    assert "| Rule-based |" in said
    assert "ada, Wav2Lip: Wav2Lip needs its checkpoint file" in said
    content = json.loads((output / "table.json").read_text())
    assert [(row["pair"], row["name"]) for row in content["rows"]] == [
        ("ada", "still"), ("ada", "wav2lip"), ("ada", "rules"), ("ada", "file-Elsewhere"),
        ("bea", "still"), ("bea", "wav2lip"), ("bea", "rules"),
    ]  # fmt: skip
    assert ["No face" in line for line in content["left_out"]] == [True]
    rows = {(row["pair"], row["name"]): row for row in content["rows"]}
    assert rows["ada", "file-Elsewhere"]["opening_correlation"] > 0.8
    assert "seconds" not in rows["ada", "file-Elsewhere"]
    assert "opening_correlation" not in rows["bea", "rules"]
    assert rows["ada", "rules"]["opening_spread"] > rows["ada", "still"]["opening_spread"]
    means = {row["name"]: row for row in content["means"]}
    assert means["rules"]["videos"] == 2
    assert means["wav2lip"]["videos"] == 0
    assert len(list(csv.DictReader((output / "table.csv").open()))) == 7
    page = (output / "index.html").read_text()
    for link in ("ada/column-1.mp4", "ada/all.mp4", "bea/column-3.mp4", "ada/portrait.png"):
        assert f"'{link}'" in page
        assert (output / link).is_file()
    assert str(tmp_path) not in page


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ([], "has no portraits"),
        (["a.png"], "a.png has no recording: add a.wav"),
        (["a.png", "a.jpg", "a.wav"], "two portraits called a"),
    ],
)
def test_a_folder_that_cannot_be_paired(files: list[str], reason: str, tmp_path: Path) -> None:
    for name in files:
        (tmp_path / name).touch()
    with pytest.raises(InputError, match=reason):
        find_pairs(tmp_path)
    with pytest.raises(InputError, match="There is no folder"):
        find_pairs(tmp_path / "gone")


def test_nothing_to_compare_is_said(tmp_path: Path, inputs: Inputs, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli(["compare", "-o", str(tmp_path / "out")]) == 2
    assert "either a folder" in capsys.readouterr().err
    Image.new("RGB", (128, 128), "grey").save(tmp_path / "nobody.png")
    soundfile.write(tmp_path / "nobody.wav", inputs.samples, SAMPLE_RATE)
    with pytest.raises(InputError, match="None of the pairs could be used. nobody: No face"):
        compare_pairs(
            find_pairs(tmp_path), [], tmp_path / "out", make_tracker("mediapipe"), options=Options(), tell=ignore
        )


@pytest.mark.slow
def test_a_split_of_real_clips_goes_on_where_it_stopped(
    talker: Path, weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data, output = tmp_path / "data", tmp_path / "out"
    data.mkdir()
    (data / "one.mp4").write_bytes(talker.read_bytes())
    (data / "clips.csv").write_text("path,split,speaker\none.mp4,val,a\n")
    command = ["compare", "--data", str(data), "-o", str(output), "--preset", str(weights), "--methods", "still"]
    assert cli(command) == 0
    table = capsys.readouterr().out
    assert [line.split("|")[1].strip() for line in table.splitlines()[2:]] == ["Real clip", "Still portrait"]
    assert table == (output / "table.md").read_text()
    first = (output / "clips.jsonl").read_text()
    assert cli([*command, "rules"]) == 0
    assert (output / "clips.jsonl").read_text().startswith(first)
    means = {row["name"]: row for row in json.loads((output / "table.json").read_text())["means"]}
    assert list(means) == ["real", "still", "rules"]
    assert means["real"]["opening_correlation"] == pytest.approx(1)
    assert means["still"]["opening_deviation"] < 0.3
    assert cli([*command, "--seed", "1"]) == 2
    assert "other weights or settings" in capsys.readouterr().err
