"""The folder that is pushed to a Hugging Face Space, and what its check finds."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from moditalker.release.space import assemble, card, check, check_files
from moditalker.utils.errors import InputError


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder as `make space` makes it."""
    folder = tmp_path_factory.mktemp("whole") / "space"
    assemble(folder)
    return folder


@pytest.fixture
def folder(whole: Path, tmp_path: Path) -> Path:
    """Its texts alone, to be spoiled."""
    for name in ("README.md", "requirements.txt", "pre-requirements.txt", "packages.txt", "app.py"):
        shutil.copy(whole / name, tmp_path)
    return tmp_path


@pytest.mark.slow
def test_the_folder_is_ready_to_be_pushed_and_its_page_can_be_built_from_it_alone(whole: Path) -> None:
    assert check(whole) == []
    assert "*.safetensors filter=lfs" in (whole / ".gitattributes").read_text()
    assert not list(whole.rglob("__pycache__"))
    assert not (whole / "tests").exists()


@pytest.mark.parametrize(
    ("name", "change", "sentence"),
    [
        ("README.md", lambda text: text.replace("sdk_version: 6.", "sdk_version: 5."), "requirements.txt for gradio 6"),
        ("README.md", lambda text: text.replace('"3.12.12"', '"3.11.9"'), "the card asks for 3.11.9"),
        ("README.md", lambda text: text.replace("license: apache-2.0", ""), "no license"),
        ("README.md", lambda text: text.replace("colorTo: blue", "colorTo: mauve"), "mauve is none of"),
        ("README.md", lambda text: text.replace("app_file: app.py", "app_file: main.py"), "main.py is not there"),
        (
            "README.md",
            lambda text: text.replace("A portrait and a", "A portrait, and with it a long"),
            "longer than 60",
        ),
        ("pre-requirements.txt", lambda text: text.replace("2.11.0", "2.13.0"), "asks for 2.13.0"),
        ("requirements.txt", lambda text: text + "torch==2.11.0\n", "names torch"),
        ("requirements.txt", lambda text: text + "einops>=0.8\n", "does not pin einops"),
        ("packages.txt", lambda text: text.replace("libgl1", ""), "lacks libgl1"),
    ],
)
def test_what_a_space_would_fail_on_is_said(
    folder: Path, name: str, change: Callable[[str], str], sentence: str
) -> None:
    assert check_files(folder) == []
    text = (folder / name).read_text()
    assert change(text) != text
    (folder / name).write_text(change(text))
    said = check_files(folder)
    assert len(said) == 1
    assert sentence in said[0]


def test_a_large_file_outside_lfs_is_said(folder: Path) -> None:
    for name in ("frames.npy", "weights.safetensors"):
        with (folder / name).open("wb") as file:
            file.truncate(10_000_001)
    assert check_files(folder) == ["frames.npy has 10.0 MB; a push without Git LFS takes 10."]


def test_a_readme_without_a_card_and_a_folder_of_somebody_else_s_are_refused(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("# No card")
    with pytest.raises(InputError, match="no Space card"):
        card(tmp_path / "README.md")
    with pytest.raises(InputError, match="holds something else"):
        assemble(tmp_path)
    assert (tmp_path / "README.md").exists()
