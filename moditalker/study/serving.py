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
        InputError: a file is missing or was changed, or the folder belongs to another user.
    """

    def __init__(self, study: Study, parent: Path | None = None) -> None:
        self._study = study
        self.folder = (parent or Path(tempfile.gettempdir())) / f"clips-{study.hash[:16]}"
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self.folder.stat().st_uid != os.getuid():
            raise InputError(f"{self.folder} belongs to another user: set TMPDIR to a folder of your own.")
        hashes = {stimulus.file: stimulus.sha256 for stimulus in study.stimuli}
        if study.sound_check is not None:
            hashes[study.sound_check.file] = study.sound_check.sha256
        for name in [*hashes, *(item.reference for item in study.items if item.reference)]:
            source = study.folder / name
            digest = file_sha256(source)
            if name in hashes and digest != hashes[name]:
                raise InputError(f"{source} is not the file that the study was built with: build it again.")
            copy = self.folder / self._name(name)
            if not copy.exists() or file_sha256(copy) != digest:
                _copy(source, copy)

    def path(self, name: str) -> Path:
        """Where a file of the study is served from; ``name`` is relative to the study's folder."""
        return self.folder / self._name(name)

    def _name(self, name: str) -> str:
        return hashlib.sha256(f"{self._study.hash} {name}".encode()).hexdigest()[:24] + Path(name).suffix.lower()


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, hexadecimal.

    Raises:
        InputError: it is missing.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"{path} cannot be read: put the study's files back beside its study.toml.") from error


def _copy(source: Path, copy: Path) -> None:
    copy.unlink(missing_ok=True)
    try:
        os.link(source, copy)
    except OSError:  # another disk
        shutil.copyfile(source, copy)
