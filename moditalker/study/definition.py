"""What a study is: `study.toml` in frozen dataclasses, checked, with a hash over all of it."""

import hashlib
import json
import re
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, TypeVar

from moditalker.study.toml_table import Table, read_table
from moditalker.utils.errors import InputError

SCHEMA = 1
"""Of the file and of every answer."""

Kind = Literal["paired", "rating"]
PAIRED: Kind = "paired"
RATING: Kind = "rating"
LEFT, RIGHT, TIE = "A", "B", "="
"""Answers to a paired question; those to a rating are "1" to "5"."""
POINTS = ("1", "2", "3", "4", "5")

T = TypeVar("T")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


@dataclass(frozen=True)
class Question:
    """One question, asked on a screen of its own.

    Attributes:
        id: in the answers.
        kind: ``paired`` (which of two) or ``rating`` (one to five).
        text: as it is asked.
        labels: of a rating's five points, worst first; of a paired question's "cannot tell" alone.
        reference: whether the item's portrait is shown beside the videos.
    """

    id: str
    kind: Kind
    text: str
    labels: tuple[str, ...]
    reference: bool = False

    @property
    def answers(self) -> tuple[str, ...]:
        """What may be answered."""
        return (LEFT, TIE, RIGHT) if self.kind == PAIRED else POINTS


@dataclass(frozen=True)
class Method:
    """A way to make the videos; raters never see its names.

    Attributes:
        id: in the file and in reports.
        label: for reports.
        source: what makes its videos: ``ours``, a baseline's name, or ``files``.
        options: for it.
    """

    id: str
    label: str
    source: str
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Item:
    """What the methods were given: a portrait and a recording.

    Attributes:
        id: in the file and in reports.
        portrait_sha256, audio_sha256: of what was read; empty for an item of ready videos.
        reference: file of the portrait as raters see it, relative to the study's folder; empty for none.
    """

    id: str
    portrait_sha256: str = ""
    audio_sha256: str = ""
    reference: str = ""


@dataclass(frozen=True)
class Stimulus:
    """A video.

    Attributes:
        id: random; the only name that a rater's browser sees.
        file: relative to the study's folder.
        sha256: of the file.
        item: whose portrait and recording.
        method: who made it; empty for one that was spoilt for a check or the training.
        seed: it was made with.
        revision: of the method's weights.
        seconds: it lasts.
        width, height: pixels.
    """

    id: str
    file: str
    sha256: str
    item: str
    method: str
    seed: int
    revision: str
    seconds: float
    width: int
    height: int


@dataclass(frozen=True)
class Check:
    """An attention check: a question whose right answer is plain.

    Attributes:
        question: its id; of a paired one ``good`` must be chosen, in a rating ``bad`` gets 1 or 2.
        bad: id of a spoilt video.
        good: id of one that is not; empty for a rating.
    """

    question: str
    bad: str
    good: str = ""


@dataclass(frozen=True)
class Training:
    """What is shown first, and never counted: ids of two videos of which one is plainly better."""

    good: str
    bad: str


@dataclass(frozen=True)
class SoundCheck:
    """A recording of spoken digits, which have to be typed in before anything else.

    Attributes:
        file: relative to the study's folder.
        sha256: of it.
        digits: that are spoken.
    """

    file: str
    sha256: str
    digits: str


@dataclass(frozen=True)
class Design:
    """Who sees how much.

    Attributes:
        raters: wanted; when so many have finished or are at it, nobody else is let in.
        paired_trials, rating_trials: a rater, without training and checks; 0 for none of that kind.
        abandoned_after: seconds without a sign of life, after which an unfinished rater's block is given again.
        seed: of the order.
    """

    raters: int
    paired_trials: int
    rating_trials: int
    abandoned_after: float = 3600.0
    seed: int = 0

    def trials(self, kind: Kind) -> int:
        """A rater's trials of a kind."""
        return self.paired_trials if kind == PAIRED else self.rating_trials


@dataclass(frozen=True)
class Target:
    """What the study is to show, fixed before it starts.

    Attributes:
        half_width: of a preference rate's 95 % interval.
        mos_half_width: of a mean opinion score's, points.
        effect: a preference rate over 0.5 that is not to be missed.
        power: probability of seeing it.
    """

    half_width: float = 0.05
    mos_half_width: float = 0.2
    effect: float = 0.6
    power: float = 0.8


@dataclass(frozen=True)
class Exclusions:
    """Rules fixed before the first answer; each one excludes a rater, the last one an answer.

    Attributes:
        unfinished: who did not get to the end.
        failed_checks: so many failed attention checks are allowed; who failed more is out.
        fastest_seconds: an answer that came sooner after the last video's end, or after the question, is hurried.
        hurried_share: a rater with more than this share of hurried answers is out.
        same_side_share: a rater who chose one side in at least this share of ten or more decided answers is out; above
            1 to keep everybody.
        min_plays: an answer given after fewer playbacks of a video is dropped.
    """

    unfinished: bool = True
    failed_checks: int = 1
    fastest_seconds: float = 0.3
    hurried_share: float = 0.2
    same_side_share: float = 1.01
    min_plays: int = 1


@dataclass(frozen=True)
class Study:
    """All of `study.toml`. Make one with `read_study`.

    Attributes:
        name: short, for file names.
        title, consent, contact: shown before it starts.
        minimum_age: that a rater has to state.
        folder: that its files are relative to; no part of the hash.
    """

    name: str
    title: str
    consent: str
    contact: str
    minimum_age: int
    design: Design
    target: Target
    exclusions: Exclusions
    methods: tuple[Method, ...]
    items: tuple[Item, ...]
    questions: tuple[Question, ...]
    stimuli: tuple[Stimulus, ...]
    checks: tuple[Check, ...]
    training: Training | None
    sound_check: SoundCheck | None
    folder: Path

    @cached_property
    def hash(self) -> str:
        """SHA-256, hexadecimal, over the canonical JSON of everything but the folder."""
        told = asdict(self)
        del told["folder"]
        return hashlib.sha256(json.dumps({"schema": SCHEMA, **told}, sort_keys=True).encode()).hexdigest()

    def of_kind(self, kind: Kind) -> tuple[Question, ...]:
        """The questions of a kind, in order."""
        return tuple(question for question in self.questions if question.kind == kind)

    def question(self, question_id: str) -> Question:
        """The question with an id."""
        return next(question for question in self.questions if question.id == question_id)

    def stimulus(self, stimulus_id: str) -> Stimulus:
        """The stimulus with an id."""
        return next(stimulus for stimulus in self.stimuli if stimulus.id == stimulus_id)

    def video_of(self, item: str, method: str) -> Stimulus:
        """The video of an item that a method made."""
        return next(s for s in self.stimuli if s.item == item and s.method == method)


def read_study(path: Path) -> Study:
    """Read and check a study that `study build` wrote.

    Raises:
        InputError: something is missing or does not fit together; the sentence names the entry.
    """
    table = read_table(path)
    if not table.has("stimuli"):
        raise InputError(f"{path} has no stimuli yet: run 'study build {path} -o FOLDER' and use FOLDER/study.toml.")
    frame = read_frame(table)
    items = tuple(_all(table, "items", _item))
    stimuli = tuple(_all(table, "stimuli", _stimulus))
    checks = tuple(_all(table, "checks", _check))
    training = _maybe(table, "training", lambda t: Training(t.text("good"), t.text("bad")))
    sound = _maybe(table, "sound_check", lambda t: SoundCheck(t.text("file"), t.text("sha256"), t.text("digits")))
    table.done()
    study = Study(
        **frame,
        items=items,
        stimuli=stimuli,
        checks=checks,
        training=training,
        sound_check=sound,
        folder=path.resolve().parent,
    )
    _check_whole(study, path)
    return study


def read_frame(table: Table) -> dict[str, Any]:
    """What a study and the recipe for one have in common, as arguments of `Study`.

    Raises:
        InputError: see `read_study`.
    """
    if table.whole("schema") != SCHEMA:
        raise table.wrong("schema", f"must be {SCHEMA}, the format that this version reads")
    frame: dict[str, Any] = {
        "name": table.text("name"),
        "title": table.text("title"),
        "consent": table.text("consent"),
        "contact": table.text("contact"),
        "minimum_age": table.whole("minimum_age", 18, low=0, high=120),
        "design": _part(table, "design", _design),
        "target": _part(table, "target", _target),
        "exclusions": _part(table, "exclusions", _exclusions),
        "methods": tuple(_all(table, "methods", _method)),
        "questions": tuple(_all(table, "questions", _question)),
    }
    if not _NAME.fullmatch(frame["name"]):
        raise table.wrong("name", "must be letters, digits, dots, dashes and underscores")
    if not frame["questions"]:
        raise table.wrong("questions", "must be at least one table")
    if not frame["methods"]:
        raise table.wrong("methods", "must be at least one table")
    asked = {question.kind for question in frame["questions"]}
    for kind in (PAIRED, RATING):
        trials = frame["design"].trials(kind)
        if (trials > 0) != (kind in asked):
            have = "no question" if trials else "a question"
            raise table.wrong(
                "design", f"says {trials} for {kind}_trials where there is {have} of the kind {kind!r}; change one"
            )
    if PAIRED in asked and len(frame["methods"]) < 2:
        raise table.wrong("methods", "must be at least two tables, as there are paired questions")
    for key in ("methods", "questions"):
        _unique((entry.id for entry in frame[key]), table, key)
    return frame


def _all(table: Table, key: str, read: Callable[[Table], T]) -> list[T]:
    entries = []
    for part in table.tables(key):
        entries.append(read(part))
        part.done()
    return entries


def _part(table: Table, key: str, read: Callable[[Table], T]) -> T:
    part = table.table(key)
    value = read(part)
    part.done()
    return value


def _maybe(table: Table, key: str, read: Callable[[Table], T]) -> T | None:
    return _part(table, key, read) if table.has(key) else None


def _design(table: Table) -> Design:
    return Design(
        table.whole("raters", low=1, high=100_000),
        table.whole("paired_trials", 0),
        table.whole("rating_trials", 0),
        table.number("abandoned_after", 3600.0, low=1.0),
        table.whole("seed", 0),
    )


def _target(table: Table) -> Target:
    return Target(
        table.number("half_width", 0.05, low=0.005, high=0.4),
        table.number("mos_half_width", 0.2, low=0.01, high=2.0),
        table.number("effect", 0.6, low=0.505, high=0.99),
        table.number("power", 0.8, low=0.5, high=0.999),
    )


def _exclusions(table: Table) -> Exclusions:
    return Exclusions(
        table.flag("unfinished", True),
        table.whole("failed_checks", 1),
        table.number("fastest_seconds", 0.3),
        table.number("hurried_share", 0.2, high=1.0),
        table.number("same_side_share", 1.01, low=0.5, high=1.01),
        table.whole("min_plays", 1, low=1),
    )


def _method(table: Table) -> Method:
    name = table.text("id")
    return Method(name, table.text("label", name), table.text("source", "files"), table.mapping("options"))


def _question(table: Table) -> Question:
    kind = table.text("kind")
    if kind not in (PAIRED, RATING):
        raise table.wrong("kind", "must be 'paired' or 'rating'")
    usual = ["cannot tell"] if kind == PAIRED else ["bad", "poor", "fair", "good", "excellent"]
    labels = table.texts("labels", usual)
    if len(labels) != len(usual):
        raise table.wrong("labels", f"must be {len(usual)} text{'s' if len(usual) > 1 else ''}")
    return Question(
        table.text("id"),
        PAIRED if kind == PAIRED else RATING,
        table.text("text"),
        labels,
        table.flag("reference", False),
    )


def _item(table: Table) -> Item:
    return Item(
        table.text("id"),
        table.text("portrait_sha256", ""),
        table.text("audio_sha256", ""),
        table.text("reference", ""),
    )


def _stimulus(table: Table) -> Stimulus:
    return Stimulus(
        table.text("id"),
        table.text("file"),
        table.text("sha256"),
        table.text("item"),
        table.text("method", ""),
        table.whole("seed", 0),
        table.text("revision", ""),
        table.number("seconds", low=0.01),
        table.whole("width", low=1),
        table.whole("height", low=1),
    )


def _check(table: Table) -> Check:
    return Check(table.text("question"), table.text("bad"), table.text("good", ""))


def _unique(names: Iterable[str], table: Table, key: str) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise InputError(f"{table.file}: two of [[{key}]] are called {name!r}; give one another id.")
        seen.add(name)


def _check_whole(study: Study, path: Path) -> None:
    """What no entry can be wrong about alone."""

    def refuse(what: str) -> None:
        raise InputError(f"{path}: {what}")

    ids = {stimulus.id for stimulus in study.stimuli}
    if len(ids) < len(study.stimuli):
        refuse("two stimuli have the same id; build the study again.")
    items = {item.id for item in study.items}
    if len(items) < len(study.items):
        refuse("two items have the same id; give one another.")
    have = {(stimulus.item, stimulus.method) for stimulus in study.stimuli if stimulus.method}
    for stimulus in study.stimuli:
        if stimulus.item not in items:
            refuse(f"stimulus {stimulus.id} is of the item {stimulus.item!r}, which there is not.")
    for item in study.items:
        for method in study.methods:
            if (item.id, method.id) not in have:
                refuse(f"the item {item.id!r} has no video of the method {method.id!r}; build the study again.")
    shown = [check.bad for check in study.checks] + [check.good for check in study.checks if check.good]
    if study.training is not None:
        shown += [study.training.good, study.training.bad]
    for name in shown:
        if name not in ids:
            refuse(f"a check or the training names the stimulus {name!r}, which there is not.")
    questions = {question.id: question for question in study.questions}
    for check in study.checks:
        if check.question not in questions:
            refuse(f"a check names the question {check.question!r}, which there is not.")
        if (questions[check.question].kind == PAIRED) != bool(check.good):
            refuse(f"a check of the question {check.question!r} needs 'good' if and only if that is a paired one.")
    pairs = len(study.methods) * (len(study.methods) - 1) // 2 * len(study.items)
    for kind, there in ((PAIRED, pairs), (RATING, len(study.methods) * len(study.items))):
        if study.design.trials(kind) > there:
            refuse(f"{kind}_trials is {study.design.trials(kind)}, and there are {there} different ones; lower it.")
