"""Files that lie anywhere fsspec reaches: paths, ``s3://``, ``gs://``, ``hf://``, members of tar files, and others.

``tar://CLIP.mp4::s3://BUCKET/SHARD.tar`` is a file inside a tar file: the samples of a WebDataset shard are files too.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

import fsspec
from fsspec.implementations.local import LocalFileSystem

from moditalker.utils.errors import InputError


def is_url(place: str) -> bool:
    """Whether it is more than a path of this machine."""
    return "://" in place


def file_name(place: str) -> str:
    """Its last part, which of a file in a tar file is the member's."""
    return PurePosixPath(place.partition("::")[0]).name


def joined(folder: str, place: str) -> str:
    """A place that may be relative to a folder, a path or an address."""
    if is_url(place) or Path(place).is_absolute():
        return place
    return f"{folder.rstrip('/')}/{place}" if is_url(folder) else str(Path(folder) / place)


def folder_of(place: str) -> str:
    """The folder that a file lies in."""
    return place.rpartition("/")[0] if is_url(place) else str(Path(place).parent)


def contents(place: str) -> bytes:
    """All bytes of a file.

    Raises:
        InputError: there is none, or it cannot be reached.
    """
    with _reached(place), fsspec.open(place, "rb") as file:
        content: bytes = file.read()
    return content


def fetched(place: str, folder: Path) -> Path:
    """A file of this machine with the same content: itself, where it is one already.

    Args:
        place: path or address.
        folder: where a copy is put.
    Raises:
        InputError: there is none, or it cannot be reached.
    """
    if not is_url(place):
        return Path(place)
    target = folder / file_name(place)
    with _reached(place):
        files, path = fsspec.url_to_fs(place)
        files.get_file(path, str(target))
    return target


class OutputFolder:
    """A folder that results are put into.

    Args:
        place: path or address; made when missing.
    Raises:
        InputError: it cannot be reached.
    """

    def __init__(self, place: str) -> None:
        self.place = place
        with _reached(place):
            self._files, self._root = fsspec.url_to_fs(place)
            self._files.makedirs(self._root, exist_ok=True)
        self._local = isinstance(self._files, LocalFileSystem)

    def put(self, source: Path, name: str) -> None:
        """Copy a file of this machine here, whole or not at all."""
        target = self._path(name)
        with _reached(target):
            self._files.makedirs(target.rpartition("/")[0], exist_ok=True)
            # A store of objects shows none before it is whole; on a disk the name comes last.
            partial = f"{target}.part" if self._local else target
            self._files.put_file(str(source), partial)
            if self._local:
                Path(partial).replace(target)

    def write(self, name: str, content: bytes) -> None:
        """The same with bytes."""
        target = self._path(name)
        with _reached(target):
            self._files.makedirs(target.rpartition("/")[0], exist_ok=True)
            partial = f"{target}.part" if self._local else target
            self._files.pipe_file(partial, content)
            if self._local:
                Path(partial).replace(target)

    def read(self, name: str) -> bytes | None:
        """Bytes of a file; None where there is none."""
        try:
            content: bytes = self._files.cat_file(self._path(name))
        except FileNotFoundError:
            return None
        return content

    def read_all(self, folder: str, but: set[str]) -> dict[str, bytes]:
        """Names and bytes of the files right in a folder, those in ``but`` left out."""
        with _reached(self.place):
            try:
                listed = self._files.ls(self._path(folder), detail=False)
            except FileNotFoundError:
                return {}
            wanted = [path for path in listed if not path.endswith(".part") and file_name(path) not in but]
            contents = self._files.cat(wanted) if wanted else {}
        return {file_name(path): content for path, content in contents.items()}

    def _path(self, name: str) -> str:
        return f"{self._root.rstrip('/')}/{name}"


@contextmanager
def _reached(place: str) -> Iterator[None]:
    """Turns what a file system raises into a sentence."""
    try:
        yield
    except InputError:
        raise
    except ImportError as error:
        raise InputError(f"{place} cannot be reached without another package ({error}).") from error
    except FileNotFoundError as error:
        raise InputError(f"{place} is not there: look for a mistake in its name.") from error
    # Every file system has exceptions of its own.
    except Exception as error:
        raise InputError(f"{place} cannot be used ({type(error).__name__}: {error}).") from error
