"""What a study is: `study.toml`, checked, with a hash over all of it."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, model_validator
from pydantic.dataclasses import dataclass

from moditalker.study.parts import (
    PAIRED,
    RATING,
    WHOLE,
    Check,
    Design,
    Exclusions,
    Item,
    Kind,
    Method,
    Name,
    Question,
    SoundCheck,
    Stimulus,
    Target,
    Training,
)
from moditalker.utils.errors import InputError
from moditalker.utils.validation import Text, Whole, read_toml, validated

SCHEMA = 1
"""Of the file and of every answer."""


@dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="ignore"))
class Frame:
    """What a study and the recipe for one have in common.

    Attributes:
        schema: of the file.
        name: short, for file names.
        title, consent, contact: shown before it starts.
        minimum_age: that a rater has to state.
    """

    schema: Literal[1]
    name: Name
    title: Text
    consent: Text
    contact: Text
    minimum_age: Annotated[Whole, Field(le=120)] = 18
    design: Design
    target: Target = Target()
    exclusions: Exclusions = Exclusions()
    methods: Annotated[tuple[Method, ...], Field(min_length=1)]
    questions: Annotated[tuple[Question, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _fits(self) -> Self:
        """What is asked can be asked."""
        kinds = {question.kind for question in self.questions}
        for kind in (PAIRED, RATING):
            trials = self.design.trials(kind)
            if (trials > 0) != (kind in kinds):
                have = "no question" if trials else "a question"
                raise InputError(
                    f"[design] says {trials} for {kind}_trials where there is {have} of the kind {kind!r}; change one."
                )
        if PAIRED in kinds and len(self.methods) < 2:
            raise InputError("there are paired questions and one of [[methods]]; add another.")
        unique("methods", (method.id for method in self.methods))
        unique("questions", (question.id for question in self.questions))
        return self

    def of_kind(self, kind: Kind) -> tuple[Question, ...]:
        """The questions of a kind, in order."""
        return tuple(question for question in self.questions if question.kind == kind)

    def question(self, question_id: str) -> Question:
        """The question with an id."""
        return next(question for question in self.questions if question.id == question_id)


@dataclass(frozen=True, kw_only=True, config=WHOLE)
class Study(Frame):
    """All of `study.toml`. Make one with `read_study`.

    Attributes:
        folder: that its files are relative to; no part of the hash.
    """

    items: tuple[Item, ...]
    stimuli: Annotated[tuple[Stimulus, ...], Field(min_length=1)]
    checks: tuple[Check, ...] = ()
    training: Training | None = None
    sound_check: SoundCheck | None = None
    folder: Path

    @model_validator(mode="after")
    def _whole(self) -> Self:
        """What one table says of another is so."""
        unique("items", (item.id for item in self.items))
        unique("stimuli", (stimulus.id for stimulus in self.stimuli))
        items, stimuli = {item.id for item in self.items}, {stimulus.id for stimulus in self.stimuli}
        for stimulus in self.stimuli:
            if stimulus.item not in items:
                raise InputError(f"stimulus {stimulus.id} is of the item {stimulus.item!r}, which there is not.")
        have = {(stimulus.item, stimulus.method) for stimulus in self.stimuli}
        for item in self.items:
            for method in self.methods:
                if (item.id, method.id) not in have:
                    raise InputError(
                        f"the item {item.id!r} has no video of the method {method.id!r}; build the study again."
                    )
        shown = [name for check in self.checks for name in (check.bad, check.good) if name]
        if self.training is not None:
            shown += [self.training.good, self.training.bad]
        for name in shown:
            if name not in stimuli:
                raise InputError(f"a check or the training names the stimulus {name!r}, which there is not.")
        questions = {question.id: question for question in self.questions}
        for check in self.checks:
            if check.question not in questions:
                raise InputError(f"a check names the question {check.question!r}, which there is not.")
            if (questions[check.question].kind == PAIRED) != bool(check.good):
                raise InputError(
                    f"a check of the question {check.question!r} needs 'good' if and only if that is a paired one."
                )
        videos = len(self.methods) * len(self.items)
        for kind, there in ((PAIRED, videos * (len(self.methods) - 1) // 2), (RATING, videos)):
            trials = self.design.trials(kind)
            if trials > there:
                raise InputError(f"{kind}_trials is {trials}, and there are {there} different ones; lower it.")
        return self

    @cached_property
    def hash(self) -> str:
        """SHA-256, hexadecimal, over the canonical JSON of everything but the folder."""
        told = asdict(self)
        del told["folder"]
        for item in told["items"]:
            # A study without references, or without dubs, keeps the hash that it had before these had theirs.
            for later in ("reference_sha256", "video_sha256"):
                if not item[later]:
                    del item[later]
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()

    @cached_property
    def hashes(self) -> dict[str, str]:
        """SHA-256 of every file by its name, relative to the folder."""
        named = [(stimulus.file, stimulus.sha256) for stimulus in self.stimuli]
        named += [(item.reference, item.reference_sha256) for item in self.items if item.reference]
        if self.sound_check is not None:
            named.append((self.sound_check.file, self.sound_check.sha256))
        return dict(named)

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
    values = read_toml(path)
    if "stimuli" not in values:
        raise InputError(f"{path} has no stimuli yet: run 'study build {path} -o FOLDER' and use FOLDER/study.toml.")
    return validated(Study, values, path, folder=path.resolve().parent)


def unique(table: str, names: Iterable[str]) -> None:
    """Refuse a name that two of ``[[table]]`` have.

    Raises:
        InputError: there is one.
    """
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise InputError(f"two of [[{table}]] are called {name!r}; give one another id.")
        seen.add(name)
