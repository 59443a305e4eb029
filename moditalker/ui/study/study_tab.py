"""The Study tab, and the endpoints that its page and simulated raters use alike."""

import html
import json
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gradio as gr

from moditalker.study.collector import Collector
from moditalker.study.definition import Study
from moditalker.study.design import expected_seconds
from moditalker.ui.animate.examples import FOLDER
from moditalker.utils.errors import InputError

SCRIPT = Path(__file__).with_name("study.js")
STYLE = Path(__file__).with_name("study.css")
PREFIX = "/gradio_api"
SAMPLES = ("4-mona-lisa", "5-veiled-lady")
"""Examples whose videos stand for those of a study."""

GUIDE = Path(__file__).resolve().parents[3] / "docs" / "study.md"
NO_STUDY = """## No study is running here
In a study, people watch two videos and say which one is better. They do not learn which method made which. This is what
they see. Your answer is not asked for, so the buttons do nothing."""


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
            _build_no_study()
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


def _build_no_study() -> None:
    """What a study looks like, with two of the examples' videos, and how to set one up."""
    with gr.Column(elem_id="no-study"):
        gr.Markdown(NO_STUDY)
        videos = [FOLDER / name / "video.mp4" for name in SAMPLES]
        if all(video.is_file() for video in videos):
            gr.HTML(sample_trial(videos))
        if GUIDE.is_file():
            with gr.Accordion("How to set one up", open=False):
                # Its links lead to files of the repository.
                gr.Markdown(re.sub(r"\[([^\]]+)\]\((?!https?:)[^)]*\)", r"\1", GUIDE.read_text(encoding="utf-8")))


def sample_trial(videos: Sequence[Path]) -> str:
    """A trial as raters see it, whose buttons are off."""
    columns = "".join(
        f'<figure><figcaption>{letter}</figcaption><video src="{file_address(video)[1:]}" aria-label="Video {letter}" '
        "controls playsinline preload=metadata></video></figure>"
        for letter, video in zip("AB", videos, strict=True)
    )
    answers = "".join(f"<button type=button disabled>{answer}</button>" for answer in ("A", "No difference", "B"))
    return (
        '<div class="sample-trial"><p>Which video moves its lips more like the sound?</p>'
        f'<div class="sample-videos">{columns}</div><div class="sample-answers">{answers}</div></div>'
    )


@contextmanager
def _refusals() -> Iterator[None]:
    """An error's sentence as Gradio passes it on."""
    try:
        yield
    except InputError as error:
        raise gr.Error(str(error), print_exception=False) from error
