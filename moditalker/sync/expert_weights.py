"""The lip-sync expert that comes with the project."""

from functools import lru_cache
from pathlib import Path

from moditalker.sync.expert import SyncExpert
from moditalker.utils.errors import InputError


def load_expert(folder: Path) -> SyncExpert:
    """An expert from a folder that ``train sync`` or ``save_pretrained`` wrote; float32, ready to measure.

    Raises:
        InputError: there are no weights in the folder.
    """
    if not (folder / "config.json").is_file():
        raise InputError(f"There is no lip-sync expert in {folder}; make one with 'python -m moditalker train sync'.")
    return SyncExpert.from_pretrained(folder).float().eval()


@lru_cache(maxsize=1)
def shipped_expert() -> SyncExpert:
    """The expert in this repository's ``assets/sync``, loaded once; it must not be changed.

    Raises:
        InputError: its weights are missing from the repository.
    """
    return load_expert(Path(__file__).resolve().parents[2] / "assets" / "sync")
