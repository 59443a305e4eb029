"""The Study tab, and the endpoints that its page and simulated raters use alike."""

import html
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gradio as gr

from moditalker.study.collector import Collector
from moditalker.study.definition import Study
from moditalker.study.design import expected_seconds
from moditalker.utils.errors import InputError

SCRIPT = Path(__file__).with_name("study.js")
STYLE = Path(__file__).with_name("study.css")
PREFIX = "/gradio_api"

NO_STUDY = (
    "No study is running here. To set one up, make it with `python -m moditalker study build RECIPE.toml -o FOLDER` "
    "(docs/study.md says how a recipe is written) and start the app with `MODITALKER_STUDY=FOLDER/study.toml`, or "
    "serve it alone with `python -m moditalker study serve FOLDER/study.toml --answers answers.sqlite`."
)


def file_address(path: Path) -> str:
    """Where a browser finds a file of a folder that was given to `gr.set_static_paths`, from the server's root."""
    return f"{PREFIX}/file={path}"


class StudyTab:
    """A page that a script draws, and a collector behind it. Method names reach neither.

    Args:
        study: what is asked; None where none is set up.
        collector: of that study.
        served: folder of the study's files.
    """

    title = "Study"

    def __init__(self, study: Study | None, collector: Collector | None = None, served: Path | None = None) -> None:
        self._collector, self._served = collector, served
        self._about = None if study is None else about_study(study)

    def build(self) -> None:
        """Add the tab's content to the `gr.Tab` that is open."""
        if self._about is None or self._collector is None or self._served is None:
            gr.Markdown(NO_STUDY, elem_id="no-study")
            return
        gr.set_static_paths([self._served])
        about = html.escape(json.dumps(self._about), quote=True)
        gr.HTML(
            f'<div class="study" data-about="{about}">This page needs JavaScript.</div>',
            css_template=STYLE.read_text(encoding="utf-8"),
            js_on_load=SCRIPT.read_text(encoding="utf-8"),
            elem_id="study",
        )
        for name, function in self.endpoints.items():
            # Answered at once, beside the queue of the models; no tools for assistants, whose opinion is not asked.
            gr.api(function, api_name=name, api_visibility="undocumented", queue=False)

    @property
    def endpoints(self) -> dict[str, Callable[..., dict[str, Any]]]:
        """What a rater's browser calls, by its name."""
        return {
            "study_about": self.about,
            "study_begin": self.begin,
            "study_next": self.next,
            "study_hear": self.hear,
            "study_answer": self.answer,
            "study_withdraw": self.withdraw,
        }

    def about(self) -> dict[str, Any]:
        """What a rater is told before it starts."""
        assert self._about is not None
        return self._about

    def begin(self, consent: bool, age: bool, client: dict[str, Any]) -> dict[str, Any]:
        """See `Collector.begin`; returns ``rater`` and ``screen``."""
        with _refusals():
            rater, screen = self._study_collector().begin(consent, age, client)
        return {"rater": rater, "screen": screen}

    def next(self, rater: str) -> dict[str, Any]:
        """See `Collector.next`; returns ``screen``."""
        with _refusals():
            return {"screen": self._study_collector().next(rater)}

    def hear(self, rater: str, digits: str) -> dict[str, Any]:
        """See `Collector.hear`; returns ``right`` and ``screen``."""
        with _refusals():
            right, screen = self._study_collector().hear(rater, digits)
        return {"right": right, "screen": screen}

    def answer(
        self, rater: str, trial: str, question: str, answer: str, milliseconds: int, plays: list[int]
    ) -> dict[str, Any]:
        """See `Collector.answer`; returns the ``answer`` that is kept, and ``screen``."""
        with _refusals():
            kept, screen = self._study_collector().answer(rater, trial, question, answer, milliseconds, plays)
        return {"answer": kept["answer"], "screen": screen}

    def withdraw(self, rater: str) -> dict[str, Any]:
        """See `Collector.withdraw`; returns how many answers were ``deleted``."""
        with _refusals():
            return {"deleted": self._study_collector().withdraw(rater)}

    def _study_collector(self) -> Collector:
        assert self._collector is not None
        return self._collector


def about_study(study: Study) -> dict[str, Any]:
    """What a browser may know of a study: no method, no item, and of the hash what tells two studies apart."""
    return {
        "study": study.hash[:12],
        "title": study.title,
        "consent": study.consent.strip(),
        "contact": study.contact,
        "minimum_age": study.minimum_age,
        "minutes": max(1, round(expected_seconds(study) / 60)),
    }


@contextmanager
def _refusals() -> Iterator[None]:
    """An error's sentence as Gradio passes it on."""
    try:
        yield
    except InputError as error:
        raise gr.Error(str(error), print_exception=False) from error
