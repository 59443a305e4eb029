"""The Study tab on the page: with a study, and without one."""

import json
from pathlib import Path

import pytest
from study_example import METHODS, make_study

from moditalker.ui.study.server import build_study_page
from moditalker.ui.study.setup import ANSWERS, STUDY, study_tab
from moditalker.ui.study.study_tab import StudyTab
from moditalker.utils.errors import InputError

ENDPOINTS = {"study_about", "study_begin", "study_next", "study_hear", "study_answer", "study_withdraw"}


def endpoints_of(tab: StudyTab) -> tuple[set[str], str]:
    """Names of the endpoints that a page with this tab has, and all that a browser is told of it."""
    config = build_study_page(tab, "A study").get_config_file()
    return {str(dependency["api_name"]) for dependency in config["dependencies"]}, json.dumps(config, default=str)


def test_without_a_study_the_tab_says_how_to_set_one_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(STUDY, raising=False)
    names, told = endpoints_of(study_tab())
    assert not names & ENDPOINTS
    assert "No study is running here" in told


def test_the_environment_names_a_study(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    study = make_study(tmp_path, methods=2, items=1, paired=1, checks=0)
    monkeypatch.setenv(STUDY, str(study.folder / "study.toml"))
    monkeypatch.setenv(ANSWERS, str(tmp_path / "answers.sqlite"))
    tab = study_tab()
    names, told = endpoints_of(tab)
    assert names >= ENDPOINTS
    assert not any(secret in told for secret in (*METHODS[:2], study.hash, str(study.folder), study.stimuli[0].id))
    assert (tmp_path / "answers.sqlite").is_file()
    assert tab.begin(True, True, {})["screen"]["total"] == 4


def test_an_environment_that_names_no_study_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(STUDY, "nowhere/study.toml")
    with pytest.raises(InputError, match="There is no file nowhere/study.toml"):
        study_tab()
