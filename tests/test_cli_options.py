"""Every option of every command has a checked range, and nothing is written over what is read."""

import argparse
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from forked import ROOT

import moditalker
from moditalker.cli.main import build_parser, main
from moditalker.cli.parsing import Number


def commands(parser: argparse.ArgumentParser, name: str = "") -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """All commands with their parsers, those of ``study`` too."""
    groups = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    if not groups:
        yield name.strip(), parser
    for group in groups:
        for word, inner in group.choices.items():
            yield from commands(inner, f"{name} {word}")


OPTIONS = [(name, parser, action) for name, parser in commands(build_parser()) for action in parser._actions]
NUMBERS = [(name, parser, action) for name, parser, action in OPTIONS if isinstance(action.type, Number)]


def refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """The one sentence on standard error with which a command line is refused."""
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("moditalker: ")
    assert error.count("\n") == 1
    return error.removeprefix("moditalker: ").strip()


def needed(parser: argparse.ArgumentParser) -> list[str]:
    """What a command asks for in any case."""
    given: list[str] = []
    for action in parser._actions:
        value = next(iter(action.choices)) if action.choices else "x"
        if action.required:
            given += [action.option_strings[-1], value] if action.option_strings else [value]
    return given


def test_no_number_is_taken_without_a_range() -> None:
    assert len(NUMBERS) > 30
    without = [(name, action.dest) for name, _, action in OPTIONS if action.type in (int, float)]
    assert without == []
    for name, parser, action in NUMBERS:
        assert action.default is None or action.type(str(action.default)) == action.default, (name, action.dest)
        assert parser.prog.endswith(name)


@pytest.mark.parametrize("number", NUMBERS, ids=[f"{name} {action.dest}" for name, _, action in NUMBERS])
def test_a_number_out_of_its_range_is_refused_by_name(
    number: tuple[str, argparse.ArgumentParser, argparse.Action], capsys: pytest.CaptureFixture[str]
) -> None:
    name, parser, action = number
    kind, flag = action.type, action.option_strings[-1]
    assert isinstance(kind, Number)
    wrong = ["nan", "inf", "-inf", "many", "", "9" * 5000, str(kind.low - 1), str(kind.high + 1)]
    for value in [*wrong, *(["0.5"] if kind.whole else [])]:
        sentence = refused([*name.split(), *needed(parser), f"{flag}={value}"], capsys)
        assert flag in sentence
        assert "between" in sentence
        assert len(sentence) < 250


@pytest.mark.parametrize(
    "arguments", [[], ["animate"], ["fly"], ["animate", "a", "b", "-o", "c", "--crop", "half"], ["train", "x", "--no"]]
)
def test_a_command_line_that_cannot_be_read_is_one_sentence(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert "--help' tells what can be given" in refused(arguments, capsys)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder of inputs with other names for them."""
    for name in ("portrait.png", "talk.mp4", "nod.mp4", "own.npz", "talk.wav"):
        (tmp_path / name).write_bytes(b"input")
    (tmp_path / "linked.mp4").symlink_to("talk.mp4")
    os.link(tmp_path / "talk.mp4", tmp_path / "hard.mp4")
    (tmp_path / "report.json").mkdir()
    (tmp_path / "inner").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ("portrait.png talk.mp4 -o talk.mp4", "talk.mp4 is the recording itself"),
        ("portrait.png talk.mp4 -o linked.mp4", "linked.mp4 is the recording itself"),
        ("portrait.png talk.mp4 -o hard.mp4", "hard.mp4 is the recording itself"),
        ("portrait.png talk.mp4 -o inner/../talk.mp4", "talk.mp4 is the recording itself"),
        ("portrait.png talk.wav -o nod.mp4 --head-motion nod.mp4", "is the video for the head motion itself"),
        ("talk.mp4 talk.wav -o talk.mp4", "is the portrait itself"),
        (
            "portrait.png talk.wav -o new.mp4 --save-landmarks own.npz --landmarks own.npz",
            "of landmarks itself",
        ),
        ("portrait.png talk.wav -o new.mp4 --save-landmarks talk.wav", "talk.wav is the recording itself"),
        (
            "portrait.png talk.wav -o new.mp4 --save-landmarks new.json",
            "would be both the report and",
        ),
        ("portrait.png talk.wav -o new.mp4 --save-landmarks inner", "inner is a directory"),
        ("portrait.png talk.wav -o report.mp4", "report.json is a directory, and the report would be written there"),
        ("portrait.png talk.wav -o new.mp4 --save-landmarks talk.wav/own.npz", "nothing can be made in"),
    ],
)
def test_nothing_is_written_over_what_is_read(
    place: Path,
    arguments: str,
    sentence: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def load(source: str) -> None:
        raise AssertionError("it was not refused before the work")

    monkeypatch.setattr("moditalker.loading.load_pipeline", load)
    monkeypatch.chdir(place)
    before = sorted(place.rglob("*"))
    assert sentence in refused(["animate", *arguments.split()], capsys)
    assert sorted(place.rglob("*")) == before
    assert (place / "talk.mp4").read_bytes() == b"input"


@pytest.mark.parametrize(
    "arguments",
    ["track talk.mp4 -o talk.mp4", "baseline still portrait.png talk.mp4 -o hard.mp4",
     "evaluate talk.mp4 nod.mp4 -o nod.mp4", "bench -o report.json"],
)  # fmt: skip
def test_nor_by_other_commands(
    place: Path, arguments: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(place)
    sentence = refused(arguments.split(), capsys)
    assert "itself: choose another name" in sentence or "is a directory" in sentence
    assert (place / "talk.mp4").read_bytes() == (place / "nod.mp4").read_bytes() == b"input"


def test_help_does_not_wait_for_networks_and_the_package_still_has_all_its_names() -> None:
    code = (
        "import sys\nfrom moditalker.cli.main import main\n"
        "try: main(['--help'])\nfinally: assert not {'torch', 'numpy'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "make a portrait speak" in done.stdout
    assert all(getattr(moditalker, name).__name__ == name for name in moditalker.__all__)
    assert not hasattr(moditalker, "Nothing")
