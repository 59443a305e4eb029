"""The folder that raters' browsers read from: a study's files under names that say nothing."""

import hashlib
import os
import shutil
import tempfile
from pathlib import Path

from moditalker.study.definition import Study
from moditalker.utils.errors import InputError


class ServedFiles:
    """Copies of a study's files (links, where the disk allows it), in a temporary folder that holds nothing else.

    Names and folder follow from the study, so a page that was open when the server was started anew still finds them.

    Args:
        study: whose files; each must be what its hash says.
        parent: of the folder.

    Raises:
        InputError: a file is missing, was changed or lies outside the study's folder, or the served folder is another
            user's.
    """

    def __init__(self, study: Study, parent: Path | None = None) -> None:
        self._study = study
        self.folder = (parent or Path(tempfile.gettempdir())) / f"clips-{study.hash[:16]}"
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # A link that somebody else put there would open the folder that it leads to.
        if self.folder.is_symlink() or self.folder.stat().st_uid != os.getuid():
            raise InputError(f"{self.folder} is a link or another user's: set TMPDIR to a folder of your own.")
        for name, digest in study.hashes.items():
            source, copy = verified(study, name), self.path(name)
            if not copy.exists() or file_sha256(copy) != digest:
                _copy(source, copy)

    def path(self, name: str) -> Path:
        """Where a file of the study is served from; ``name`` is relative to the study's folder."""
        return self.folder / self._name(name)

    def _name(self, name: str) -> str:
        return hashlib.sha256(f"{self._study.hash} {name}".encode()).hexdigest()[:24] + Path(name).suffix.lower()


def verified(study: Study, name: str) -> Path:
    """Where a file of a study lies.

    Args:
        study: whose.
        name: relative to its folder, as the study's file has it.

    Raises:
        InputError: it is missing, lies outside the folder once links are followed, or is not what its hash says.
    """
    path = (study.folder / name).resolve()
    if not path.is_relative_to(study.folder.resolve()):
        raise InputError(f"{study.folder / name} lies outside the study's folder: move it there and build again.")
    if file_sha256(path) != study.hashes[name]:
        raise InputError(f"{path} is not the file that the study was built with: build it again.")
    return path


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, hexadecimal.

    Raises:
        InputError: it is missing, or no regular file.
    """
    # Nothing can be read from a pipe that nobody writes to, and a device may have no end.
    if not path.is_file():
        raise InputError(f"{path} is not there: put the study's files back beside its study.toml.")
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"{path} cannot be read: allow it to be read.") from error


def _copy(source: Path, copy: Path) -> None:
    copy.unlink(missing_ok=True)
    try:
        os.link(source, copy)
    except OSError:  # another disk
        shutil.copyfile(source, copy)
