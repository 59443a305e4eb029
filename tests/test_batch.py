"""Many videos from a table: what is finished stays, and what fails costs itself alone."""

import csv
import json
import shutil
from multiprocessing import forkserver
from pathlib import Path
from typing import Any

import forked  # noqa: F401  # names what the process that workers are forked from imports
import pyarrow.parquet
import pytest
from PIL import Image

from moditalker.baselines.registry import Sources
from moditalker.batch.making import MakerFactory
from moditalker.batch.rows import read_rows
from moditalker.batch.run import run_batch
from moditalker.cli.main import main as cli
from moditalker.engine.local import HereEngine
from moditalker.utils.errors import InputError
from moditalker.video.read import probe_video


@pytest.fixture
def table(portrait_file: Path, brief_file: Path, tmp_path: Path) -> Path:
    """Six rows of two portraits, of which two cannot be made."""
    shutil.copy(portrait_file, tmp_path / "ada.png")
    shutil.copy(brief_file, tmp_path / "words.wav")
    Image.open(portrait_file).transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(tmp_path / "eve.png")
    rows = [
        "name,portrait,audio,text,method,seed,atom_steps,mtov_steps",
        "whole,ada.png,words.wav,,,3,1,1",
        "said,ada.png,,Oh.,still,,,",
        "ruled,eve.png,words.wav,,rules,4,,",
        "missing,nobody.png,words.wav,,,5,1,1",
        "wrong,ada.png,words.wav,,,6,0,1",
        ",eve.png,words.wav,,still,7,,",
    ]
    (tmp_path / "jobs.csv").write_text("\n".join(rows) + "\n")
    return tmp_path / "jobs.csv"


def manifest_of(folder: Path) -> dict[str, dict[str, Any]]:
    """Rows of the Parquet file by name."""
    rows = pyarrow.parquet.read_table(folder / "manifest.parquet").to_pylist()
    return {row["name"]: row for row in rows}


def test_a_batch(table: Path, weights: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    forkserver.ensure_running()
    out = tmp_path / "out"
    command = ["batch", str(table), "-o", str(out), "--preset", str(weights), "--seed", "2", "--workers", "2"]
    assert cli(command) == 0
    captured = capsys.readouterr()
    assert "4 videos made, 0 were there before, 2 failed (manifest.csv says why)" in captured.out
    assert "of 6" in captured.err
    assert "left" in captured.err
    rows = manifest_of(out)
    unnamed = next(name for name in rows if name.startswith("eve-words-"))
    assert [*rows] == ["whole", "said", "ruled", "missing", "wrong", unnamed]
    assert [row["status"] for row in rows.values()] == ["done", "done", "done", "failed", "failed", "done"]
    assert rows["missing"]["failed"] == f"{table.parent}/nobody.png does not exist: check the path of the picture."
    assert rows["wrong"]["failed"] == "atom_steps must be between 1 and 1000, got 0."
    assert [row["seed"] for row in rows.values()][:4] == [3, 2, 4, 5]
    assert {"audio", "motion", "video"} <= set(json.loads(rows["whole"]["timings"]))
    assert set(json.loads(rows["whole"]["weights"])) >= {"atom", "autoencoder"}
    for row in rows.values():
        if row["status"] == "done":
            assert probe_video(out / row["video"]).duration == pytest.approx(row["seconds"], abs=1 / 25)
    with (out / "manifest.csv").open() as file:
        listed = {line["name"]: line for line in csv.DictReader(file)}
    assert [*listed] == [*rows]
    assert listed["whole"]["frames_sha256"] == rows["whole"]["frames_sha256"]

    # Only what is missing, or was asked for in another way, is made by the next run.
    (out / "manifest.parquet").unlink()
    times = {path.name: path.stat().st_mtime_ns for path in (out / "videos").iterdir()}
    table.write_text(table.read_text().replace("ruled,eve.png,words.wav,,rules,4", "ruled,ada.png,words.wav,,rules,4"))
    shutil.copy(table.parent / "ada.png", table.parent / "nobody.png")
    table.write_text(
        table.read_text().replace("missing,nobody.png,words.wav,,,5", "missing,nobody.png,words.wav,,still,5")
    )
    assert cli(command) == 0
    assert "2 videos made, 3 were there before, 1 failed" in capsys.readouterr().out
    again = manifest_of(out)
    changed = {name for name in rows if again[name]["frames_sha256"] != rows[name]["frames_sha256"]}
    assert changed == {"ruled", "missing"}
    kept = {f"{name}.mp4" for name in ("whole", "said", unnamed)}
    assert all((out / "videos" / name).stat().st_mtime_ns == times[name] for name in kept)


def test_a_killed_run_goes_on_where_it_was(table: Path, weights: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    rows = [row for row in read_rows(str(table), preset=str(weights)) if row.method == "still"]
    maker = MakerFactory(str(weights), str(out))()
    first = maker(rows[0])
    # Killed after the video, before its record: it is made again, and the same.
    (out / "records" / f"{rows[1].name}.json").unlink(missing_ok=True)
    shutil.copy(out / first["video"], out / "videos" / f"{rows[1].name}.mp4")
    counted = run_batch(rows, str(out), HereEngine())
    assert (counted.made, counted.kept, counted.failed) == (1, 1, 0)
    assert manifest_of(out)[rows[0].name]["frames_sha256"] == first["frames_sha256"]
    assert maker(rows[0]) == first
    assert run_batch(rows, str(out), HereEngine()).kept == 2


def test_portraits_are_encoded_once(
    table: Path, weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = "\n".join(f"{number},{face}.png,words.wav,still" for number in range(4) for face in ("ada", "eve"))
    table.write_text("seed,portrait,audio,method\n" + rows)
    encoded: list[str] = []
    maker = MakerFactory(str(weights), str(tmp_path / "out"), 1, Sources())()
    encode = maker._pipeline.encode_portrait

    def counting(portrait: Any, *options: Any, **more: Any) -> Any:
        if isinstance(portrait, Path):
            encoded.append(portrait.name)
        return encode(portrait, *options, **more)

    monkeypatch.setattr(maker._pipeline, "encode_portrait", counting)
    monkeypatch.setattr(MakerFactory, "__call__", lambda self: maker)
    assert run_batch(read_rows(str(table), preset=str(weights)), str(tmp_path / "out"), HereEngine()).made == 8
    assert sorted(encoded) == ["ada.png", "eve.png"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("portrait\na.png", "lists no jobs; it needs the columns portrait and audio"),
        ("portrait,audio\n", "lists no jobs"),
        ("portrait,audio,speed\na.png,b.wav,2", "has the unknown column(s) speed; choose from name, portrait"),
        ("name,portrait,audio\nx,a.png,b.wav\nx,c.png,b.wav", "Lines 2 and 3 of"),
        ("portrait,audio\na.png,b.wav\na.png,b.wav", "Lines 2 and 3 of"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "jobs.csv").write_text(text)
    with pytest.raises(InputError) as refusal:
        read_rows(str(tmp_path / "jobs.csv"))
    assert said in str(refusal.value)


def test_a_row_takes_options_in_words_and_in_numbers(tmp_path: Path) -> None:
    table = tmp_path / "jobs.csv"
    table.write_text(
        'portrait,text,emotion,emotion_scale,crop,seed\na.png,Hello.,"0:neutral,2.5:happy:0.8",0.5,face,7\n'
    )
    [row] = read_rows(str(table))
    assert row.refused == ""
    words = {"emotion": "0:neutral,2.5:happy:0.8", "crop": "face"}
    assert dict(row.options) == {**words, "emotion_scale": 0.5, "seed": 7}


def test_another_voice_is_another_job(tmp_path: Path) -> None:
    table = tmp_path / "jobs.csv"
    table.write_text("portrait,audio,text,voice\na.png,,Hello.,\na.png,,Hello.,jf_alpha\na.png,b.wav,,jf_alpha\n")
    plain, spoken, refused = read_rows(str(table))
    assert (plain.voice, spoken.voice) == ("", "jf_alpha")
    assert plain.key != spoken.key
    assert refused.refused.startswith("A voice speaks a text, and there is none")


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (",b.wav,,,,", "There is no portrait"),
        ("a.png,,,,,", "Give either a recording (audio) or a text"),
        ("a.png,b.wav,Hello.,,,", "Give either a recording (audio) or a text"),
        ("a.png,,Hello, you.,,,", "The line has more fields than the table has columns"),
        ("a.png,b.wav,,,x,", "seed must be a number, got 'x'."),
        ("a.png,b.wav,,rules,,2", "The method rules does not take lip_scale"),
        ("a.png,b.wav,,,,7", "lip_scale must be between 0 and 3, got 7."),
    ],
)
def test_a_row_that_cannot_be_used_says_so_and_leaves_the_others(row: str, said: str, tmp_path: Path) -> None:
    table = tmp_path / "jobs.csv"
    table.write_text(f"portrait,audio,text,method,seed,lip_scale\n{row}\na.png,good.wav,,,,\n")
    bad, good = read_rows(str(table))
    assert bad.refused.startswith(said)
    assert good.refused == ""
    assert good.portrait == str(tmp_path / "a.png")
