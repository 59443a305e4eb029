"""Serves a study alone, without any model."""

import inspect
from pathlib import Path

import gradio as gr
from starlette.middleware import Middleware

from moditalker.study.definition import read_study
from moditalker.study.store_tables import Place
from moditalker.ui.page import launch_options
from moditalker.ui.shared.serving import check_free
from moditalker.ui.shared.settings import Settings
from moditalker.ui.study.doors import StudyDoors
from moditalker.ui.study.setup import open_study
from moditalker.ui.study.study_tab import PREFIX, StudyTab


def build_study_page(tab: StudyTab, title: str) -> gr.Blocks:
    """A page with nothing but the study."""
    with gr.Blocks(title=title, analytics_enabled=False) as page:
        tab.build()
    return page


def serve(path: Path, answers: Place, dataset: str | None, host: str, port: int) -> None:
    """Serve a study alone until interrupted; no model is loaded, and nothing is taken but answers.

    Raises:
        InputError: the port cannot be used; see also `open_study`.
    """
    check_free(host, port)
    tab = open_study(path, answers, dataset)
    page = build_study_page(tab, read_study(path).title)
    requests = {
        f"{PREFIX}/run/{name}": len(inspect.signature(function).parameters) for name, function in tab.endpoints.items()
    }
    options = launch_options(Settings(), host, Middleware(StudyDoors, requests=requests)) | {
        "mcp_server": False,
        "footer_links": [],
    }
    page.launch(**options, server_name=host, server_port=port)
