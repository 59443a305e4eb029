"""Answers on a Hugging Face Space, whose disk is not kept: a private dataset that they are uploaded to."""

import logging
from contextlib import nullcontext
from pathlib import Path

from huggingface_hub import CommitScheduler, HfApi, snapshot_download
from huggingface_hub.errors import HfHubHTTPError

from moditalker.study.definition import Study
from moditalker.study.design import answers_expected
from moditalker.study.journal import Journal, read_json_lines
from moditalker.study.private_files import keep_private
from moditalker.study.store import Line, Store
from moditalker.utils.errors import InputError

logger = logging.getLogger(__name__)

MINUTES = 5.0
"""Between two uploads: what a Space that is killed can lose is younger than that. It is acknowledged all the same."""


def keep_on_hub(study: Study, store: Store, repo_id: str, folder: Path, minutes: float = MINUTES) -> Journal:
    """Fetch what a dataset has of a study's answers, and upload from now on what comes.

    The history is squashed at each upload, so that a withdrawn answer is in no earlier version either.

    Args:
        study: whose answers.
        store: takes in those of the dataset that it does not have; a Space that was started anew has none.
        repo_id: ``owner/name`` of a dataset; made, private, when missing.
        folder: for the files on their way; one JSONL file a store.
        minutes: between two uploads.

    Returns:
        The journal of the store, to be given to the collector.

    Raises:
        InputError: the dataset cannot be reached or written, or is public.
    """
    api = HfApi()
    try:
        api.create_repo(repo_id, repo_type="dataset", private=True, exist_ok=True)
        if not api.repo_info(repo_id, repo_type="dataset").private:
            raise InputError(f"The dataset {repo_id} is public: make it private, or name another for the answers.")
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        snapshot_download(repo_id, repo_type="dataset", local_dir=folder, allow_patterns="*.jsonl")
    except (HfHubHTTPError, OSError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            f"The dataset {repo_id} cannot be used ({error}): set HF_TOKEN to one that may write to it."
        ) from error
    for path in folder.glob("*.jsonl"):
        keep_private(path)
    taken = store.restore(_of_study(folder, study.hash), answers_expected(study))
    if taken:
        logger.info("%d answers were fetched from %s", taken, repo_id)
    journal_file = folder / f"answers-{store.id}.jsonl"
    # Before the uploader looks at the folder, and so without its lock.
    Journal(journal_file, store, nullcontext()).catch_up()
    scheduler = CommitScheduler(
        repo_id=repo_id,
        repo_type="dataset",
        folder_path=folder,
        every=minutes,
        private=True,
        allow_patterns="*.jsonl",
        squash_history=True,
        hf_api=api,
    )
    return Journal(journal_file, store, scheduler.lock)


def _of_study(folder: Path, study_hash: str) -> list[Line]:
    lines = [line for path in sorted(folder.glob("*.jsonl")) for line in read_json_lines(path)]
    return [line for line in lines if line["study"] == study_hash]
