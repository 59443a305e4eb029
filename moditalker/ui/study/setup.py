"""Sets a study up for the page: its store, its files, its tab."""

import os
from pathlib import Path

from moditalker.study.collector import Collector
from moditalker.study.definition import read_study
from moditalker.study.hub import keep_on_hub
from moditalker.study.serving import ServedFiles
from moditalker.study.store import Store
from moditalker.study.store_tables import Place, place_of
from moditalker.ui.study.study_tab import StudyTab, file_address
from moditalker.utils.errors import InputError

STUDY, ANSWERS, DATASET = "MODITALKER_STUDY", "MODITALKER_ANSWERS", "MODITALKER_ANSWERS_DATASET"
"""Environment variables: study.toml, the SQLite file (default: answers.sqlite beside it) or the address of a PostgreSQL
database, a private dataset."""


def open_study(path: Path, answers: Place, dataset: str | None = None) -> StudyTab:
    """The tab of a study.

    Args:
        path: `study.toml`.
        answers: SQLite file, made when missing, or the address of a PostgreSQL database.
        dataset: ``owner/name`` of a private dataset that the answers are uploaded to; None for none.

    Raises:
        InputError: one of them cannot be used.
    """
    if dataset and not isinstance(answers, Path):
        raise InputError("Answers in PostgreSQL are not uploaded to a dataset: leave one of the two out.")
    study = read_study(path)
    served = ServedFiles(study)
    store = Store(answers, study.hash)
    keeper = None
    if dataset and isinstance(answers, Path):
        keeper = keep_on_hub(study, store, dataset, answers.parent / f"{answers.stem}-upload")
    return StudyTab(study, Collector(study, store, lambda name: file_address(served.path(name)), keeper), served.folder)


def study_tab() -> StudyTab:
    """The tab of the study that the environment names; without one, a tab that says how to set one up.

    Raises:
        InputError: see `open_study`.
    """
    path = os.environ.get(STUDY)
    if not path:
        return StudyTab(None)
    answers = os.environ.get(ANSWERS) or str(Path(path).parent / "answers.sqlite")
    return open_study(Path(path), place_of(answers), os.environ.get(DATASET))
