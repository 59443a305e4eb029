"""Where a server keeps faces and voices: one folder for each user, with a folder in it for each server that runs."""

import fcntl
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from moditalker.utils.errors import InputError


@contextmanager
def server_folder() -> Iterator[Path]:
    """A folder for everything that this process writes down for visitors; it is removed at the end.

    What servers left behind that were killed is removed too. Python's and Gradio's temporary files go into the folder,
    so this comes before Gradio is imported.

    Raises:
        InputError: the user's folder cannot be made, or is somebody else's.
    """
    home = _user_folder()
    # Whoever starts at the same time waits here, and does not take a folder that has no lock yet for a left one.
    with _locked(home):
        for path in home.iterdir():
            _remove_left(path)
        folder = Path(tempfile.mkdtemp(prefix="server-", dir=home))
        # The kernel gives the lock back however this process ends.
        lock = os.open(folder, os.O_RDONLY)
        fcntl.flock(lock, fcntl.LOCK_EX)
    places = {"GRADIO_TEMP_DIR": str(folder / "gradio"), "TMPDIR": str(folder)}
    before = {name: os.environ.get(name) for name in places}
    os.environ.update(places)
    # Python looks at TMPDIR once.
    tempfile.tempdir = None
    try:
        yield folder
    finally:
        for name, value in before.items():
            os.environ.pop(name)
            if value is not None:
                os.environ[name] = value
        tempfile.tempdir = None
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def _user_folder() -> Path:
    """The user's folder, which nobody else may look into."""
    home = Path(tempfile.gettempdir()) / f"moditalker-{os.getuid()}"
    try:
        home.mkdir(mode=0o700, exist_ok=True)
        facts = home.lstat()
        # Anybody may write where temporary files are, and could have put a link of this name there.
        if not stat.S_ISDIR(facts.st_mode) or facts.st_uid != os.getuid():
            raise InputError(f"{home} is somebody else's: name another folder for temporary files in TMPDIR.")
        home.chmod(0o700)
    except OSError as error:
        raise InputError(
            f"{home} cannot be used ({error.strerror}): name another folder for temporary files in TMPDIR."
        ) from error
    return home


def _remove_left(path: Path) -> None:
    """Remove a folder of a server that does not run any more."""
    if not path.is_dir() or path.is_symlink():
        path.unlink(missing_ok=True)
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(path, ignore_errors=True)
    except BlockingIOError:
        pass
    finally:
        os.close(handle)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
