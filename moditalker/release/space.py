"""`make space`: assembles the folder that is pushed to a Hugging Face Space, and checks it.

The checks are those that a Space fails on after a long build, or worse, at a visitor's first click.
"""

import argparse
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from moditalker.utils.errors import InputError

ROOT = Path(__file__).resolve().parents[2]
PARTS = (
    "README.md",
    "LICENSE",
    "app.py",
    "requirements.txt",
    "pre-requirements.txt",
    "packages.txt",
    "moditalker",
    "assets",
    "docs",
)

ZEROGPU_TORCH = ("2.8.0", "2.9.1", "2.10.0", "2.11.0")
SPACE_PYTHON = ("3.10.13", "3.12.12")
COLOURS = ("red", "yellow", "green", "blue", "indigo", "purple", "pink", "gray")
MAX_DESCRIPTION = 60
MAX_FILE_BYTES = 10_000_000
"""Larger files are refused by a push without Git LFS."""
LFS_SUFFIXES = (".safetensors", ".mp4")


def assemble(target: Path, root: Path = ROOT) -> None:
    """Copy what a Space needs into an empty folder.

    Raises:
        InputError: the folder holds something else, or a part is missing here.
    """
    if target.exists() and any(target.iterdir()) and not (target / "app.py").is_file():
        raise InputError(f"{target} holds something else: name a new folder for the Space.")
    shutil.rmtree(target, ignore_errors=True)
    for part in PARTS:
        source, copy = root / part, target / part
        copy.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, copy, ignore=shutil.ignore_patterns("__pycache__", "*.pyc"))
        elif source.is_file():
            shutil.copy(source, copy)
        else:
            raise InputError(f"{source} is missing: clone the repository whole.")
    lines = [f"*{suffix} filter=lfs diff=lfs merge=lfs -text\n" for suffix in LFS_SUFFIXES]
    (target / ".gitattributes").write_text("".join(lines))


def check(folder: Path) -> list[str]:
    """What would go wrong with a folder as a Space; one sentence each, none when all is well."""
    return [*check_files(folder), *_check_import(folder)]


def check_files(folder: Path) -> list[str]:
    """What `check` finds without running anything of the folder: card, requirements, sizes."""
    pins = _pins(folder / "requirements.txt")
    return [*_check_card(folder, pins), *_check_requirements(folder, pins), *_check_sizes(folder)]


def card(readme: Path) -> dict[str, Any]:
    """The YAML between the first two lines of dashes of a README.

    Raises:
        InputError: there is none.
    """
    match = re.match(r"---\n(.*?)\n---\n", readme.read_text(), re.DOTALL)
    if match is None:
        raise InputError(f"{readme} has no Space card: put the YAML between two lines of --- at its top.")
    return yaml.safe_load(match.group(1))


def _check_card(folder: Path, pins: dict[str, str]) -> list[str]:
    told = card(folder / "README.md")
    wrong = []
    for key in ("title", "emoji", "license"):
        if not told.get(key):
            wrong.append(f"The card has no {key}.")
    if told.get("sdk") != "gradio" or str(told.get("sdk_version")) != pins.get("gradio"):
        wrong.append(
            f"The card asks for {told.get('sdk')} {told.get('sdk_version')}, requirements.txt for gradio "
            f"{pins.get('gradio')}."
        )
    if str(told.get("python_version")) not in SPACE_PYTHON:
        wrong.append(
            f"ZeroGPU runs Python {' or '.join(SPACE_PYTHON)}, the card asks for {told.get('python_version')}."
        )
    if not (folder / str(told.get("app_file"))).is_file():
        wrong.append(f"The card's app_file {told.get('app_file')} is not there.")
    if len(str(told.get("short_description", ""))) > MAX_DESCRIPTION:
        wrong.append(f"The card's short_description is longer than {MAX_DESCRIPTION} characters.")
    wrong += [
        f"The card's {key} {told.get(key)} is none of {', '.join(COLOURS)}."
        for key in ("colorFrom", "colorTo")
        if told.get(key) not in COLOURS
    ]
    return wrong


def _check_requirements(folder: Path, pins: dict[str, str]) -> list[str]:
    wrong = []
    torch = _pins(folder / "pre-requirements.txt").get("torch")
    if torch not in ZEROGPU_TORCH:
        wrong.append(f"ZeroGPU runs torch {', '.join(ZEROGPU_TORCH)}, pre-requirements.txt asks for {torch}.")
    if "torch" in pins:
        wrong.append("requirements.txt names torch, which would replace the one of pre-requirements.txt.")
    loose = [line for line in _lines(folder / "requirements.txt") if "==" not in line]
    wrong += [f"requirements.txt does not pin {line}." for line in loose]
    packages = set(_lines(folder / "packages.txt"))
    # What the desktop build of OpenCV loads, and a Space's image lacks.
    wrong += [
        f"packages.txt lacks {name}, which OpenCV needs." for name in ("libgl1", "libglib2.0-0") if name not in packages
    ]
    return wrong


def _check_sizes(folder: Path) -> list[str]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [
        f"{path.relative_to(folder)} has {path.stat().st_size / 1e6:.1f} MB; a push without Git LFS takes 10."
        for path in files
        if path.stat().st_size > MAX_FILE_BYTES and path.suffix not in LFS_SUFFIXES
    ]


def _check_import(folder: Path) -> list[str]:
    """Build the page from the folder alone, in another process: a module that was left behind shows here."""
    code = (
        "import app, moditalker, pathlib\n"
        "from moditalker.ui.page import build_page, launch_options, make_tabs\n"
        "from moditalker.ui.shared import warm_up\n"
        "from moditalker.ui.shared.settings import Settings\n"
        "from moditalker.ui.shared.workspace import Workspace\n"
        "from moditalker.loading import default_weights\n"
        "assert pathlib.Path(moditalker.__file__).parent.parent == pathlib.Path.cwd()\n"
        "settings = Settings()\n"
        "launch_options(settings)\n"
        "default_weights()\n"
        "build_page(make_tabs(None, settings, Workspace()), settings)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return []
    return [f"The page cannot be built from the folder alone: {done.stderr.strip().splitlines()[-1]}"]


def _lines(path: Path) -> list[str]:
    lines = (line.split("#")[0].strip() for line in path.read_text().splitlines())
    return [line for line in lines if line]


def _pins(path: Path) -> dict[str, str]:
    """Name and version of every `name[extra]==version` in a requirements file."""
    matches = (re.match(r"([\w.-]+)(?:\[[\w,]+\])?==(\S+)", line) for line in _lines(path))
    return {match.group(1).lower(): match.group(2) for match in matches if match}


def main() -> int:
    """Assemble and check; 1 when something is wrong, 2 when the folder cannot be made."""
    parser = argparse.ArgumentParser(prog="python -m moditalker.release.space", description=__doc__)
    parser.add_argument("-o", "--output", type=Path, default=Path("outputs/space"))
    target = parser.parse_args().output
    try:
        assemble(target)
        wrong = check(target)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    for sentence in wrong:
        print(f"wrong: {sentence}", file=sys.stderr)
    if wrong:
        return 1
    size = sum(path.stat().st_size for path in target.rglob("*") if path.is_file())
    print(f"{target} is ready to be pushed to a Space: {size / 1e6:.0f} MB.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
