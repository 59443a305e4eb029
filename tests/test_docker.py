"""The image cannot be built where the tests run; what a linter finds in its recipe can be."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_the_recipe_of_the_image_has_no_faults() -> None:
    linter = Path(sys.executable).with_name("hadolint")
    told = subprocess.run([linter, ROOT / "Dockerfile"], capture_output=True, text=True, check=False)
    assert (told.returncode, told.stdout) == (0, "")


def test_what_it_copies_is_there() -> None:
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
    names = {name for line in copied for name in line.split()} - {"."}
    assert "requirements.txt" in names
    assert [name for name in sorted(names) if not (ROOT / name).exists()] == []
    # All that the copied lists of requirements include is copied too.
    for name in names:
        if name.startswith("requirements"):
            included = set(re.findall(r"^-r (\S+)$", (ROOT / name).read_text(), re.MULTILINE))
            assert included <= names
