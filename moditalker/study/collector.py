"""Takes raters through a study, one question at a time; knows the design and the store, and nothing of a page."""

import time
from collections.abc import Callable
from typing import Annotated, Any, Protocol

from pydantic import Field

from moditalker.study.definition import SCHEMA, Study
from moditalker.study.design import Trial, trials
from moditalker.study.parts import LEFT, PAIRED, RIGHT, Question
from moditalker.study.store import Line, Rater, Store
from moditalker.utils.errors import InputError
from moditalker.utils.validation import Flag, Short, Whole, checked

Screen = dict[str, Any]
"""What a page shows next, as JSON; ``kind`` is ``sound``, ``question`` or ``thanks``."""

TOLERANCE = 0.97
"""A browser's clock and a video's last frame may make a playback shorter than the file says it is."""
Milliseconds = Annotated[Whole, Field(le=24 * 3600 * 1000)]
Plays = Annotated[Whole, Field(le=1000)]

CLIENT_FACTS = {"browser": 20, "language": 3, "touch": 3, "width": 5}
"""What a browser may tell of itself, and how many characters of it are kept: a family of browsers (``Firefox``), a
language (``en``), yes or no, and the width of the window in hundreds of pixels. Together they do not identify."""


class Keeper(Protocol):
    """Whatever else keeps the answers, see `journal.Journal`."""

    def catch_up(self) -> int: ...
    def forget(self, rater: str) -> None: ...


class Collector:
    """One study's raters. Holds no state of its own: another one over the same store goes on where this one was killed.

    Args:
        study: what is asked.
        store: where the answers go.
        address: of a file of the study, from its name in the study's folder.
        keeper: a second place for the answers; an answer is acknowledged when it is in both.
    """

    def __init__(self, study: Study, store: Store, address: Callable[[str], str], keeper: Keeper | None = None) -> None:
        self._study, self._store, self._address, self._keeper = study, store, address, keeper
        self._questions = {question.id: question for question in study.questions}
        self._stimuli = {stimulus.id: stimulus for stimulus in study.stimuli}

    @checked
    def begin(self, consent: Flag, age: Flag, client: dict[Short, Short]) -> tuple[str, Screen]:
        """Let a new rater in.

        Args:
            consent: to what the study's consent says.
            age: whether the rater states that he is old enough.
            client: see `CLIENT_FACTS`; what else is in it is dropped.

        Returns:
            The rater's id, and the first screen.

        Raises:
            InputError: no consent, not old enough, or nobody else is wanted.
        """
        if not (consent and age):
            raise InputError(
                f"Nobody is asked without consent and the word to be {self._study.minimum_age} or older: tick both."
            )
        design = self._study.design
        facts = {key: client[key][:size] for key, size in CLIENT_FACTS.items() if key in client}
        rater = self._store.begin(design.raters, design.abandoned_after, facts)
        if rater is None:
            raise InputError("This study has all the answers it needs: thank you for coming.")
        return rater.id, self._screen(rater)

    @checked
    def next(self, rater_id: Short) -> Screen:
        """What a rater sees now, whatever he has seen before.

        Raises:
            InputError: nobody has that id.
        """
        return self._screen(self._rater(rater_id))

    @checked
    def hear(self, rater_id: Short, digits: Short) -> tuple[bool, Screen]:
        """Check the digits that a rater heard; returns whether they are right, and what comes next."""
        rater = self._rater(rater_id)
        check = self._study.sound_check
        right = check is None or "".join(filter(str.isdigit, digits)) == check.digits
        if right:
            self._store.hear(rater_id)
            rater = self._rater(rater_id)
        return right, self._screen(rater)

    @checked
    def answer(
        self,
        rater_id: Short,
        token: Short,
        question_id: Short,
        answer: Short,
        milliseconds: Milliseconds,
        plays: list[Plays],
    ) -> tuple[Line, Screen]:
        """Keep an answer; it is on the disk when this returns. To give one again changes nothing.

        Args:
            rater_id: who.
            token: of the trial.
            question_id: which.
            answer: one of the question's.
            milliseconds: from when it could be answered (the question was there and every video had been played to its
                end) to the answer, as the browser measured it.
            plays: how often each video of the trial was played to its end so far, left to right.

        Returns:
            The answer as it is kept (the first one, if this is another), and what comes next.

        Raises:
            InputError: not one of this rater's questions, not one of its answers, or sooner than the videos last.
        """
        rater = self._rater(rater_id)
        trial = next((trial for trial in self._trials(rater) if trial.token == token), None)
        if trial is None or question_id not in trial.questions:
            raise InputError("This question is not one of yours: reload the page.")
        question = self._questions[question_id]
        if answer not in question.answers:
            raise InputError(f"{answer!r} is no answer to this question: choose one of {', '.join(question.answers)}.")
        elapsed = self._elapsed(rater, trial, plays)
        line = {
            "schema": SCHEMA,
            "study": self._study.hash,
            "rater": rater.id,
            "block": rater.block,
            "code": rater.code,
            "client": rater.client,
            "trial": trial.token,
            "role": trial.role,
            "kind": trial.kind,
            "item": trial.item,
            "stimuli": list(trial.stimuli),
            "sha256": [self._stimuli[name].sha256 for name in trial.stimuli],
            "question": question_id,
            "answer": answer,
            "side": {LEFT: "left", RIGHT: "right"}.get(answer, ""),
            "milliseconds": milliseconds,
            "elapsed_milliseconds": round(1000 * elapsed),
            "plays": plays,
            "received": round(time.time(), 3),
        }
        kept = self._store.record(rater.id, token, question_id, line)
        if self._keeper is not None:
            self._keeper.catch_up()
        return kept, self._screen(rater)

    @checked
    def withdraw(self, rater_id: Short) -> int:
        """Delete a rater's answers; returns how many.

        Raises:
            InputError: nobody has that id.
        """
        count = self._store.withdraw(rater_id)
        if count is None:
            raise _unknown()
        if self._keeper is not None:
            self._keeper.forget(rater_id)
        return count

    def _rater(self, rater_id: str) -> Rater:
        rater = self._store.rater(rater_id)
        if rater is None:
            raise _unknown()
        return rater

    def _trials(self, rater: Rater) -> list[Trial]:
        return trials(self._study, rater.id, rater.block)

    def _elapsed(self, rater: Rater, trial: Trial, plays: list[int]) -> float:
        """Seconds since the trial was first shown; refuses what cannot have happened in them."""
        if len(plays) != len(trial.stimuli) or min(plays) < 1:
            raise InputError("Play every video to its end before you answer.")
        shown = self._store.shown_at(rater.id, trial.token)
        if shown is None:
            raise InputError("This question was not shown yet: reload the page.")
        elapsed = time.time() - shown
        lasting = sum(self._stimuli[name].seconds * count for name, count in zip(trial.stimuli, plays, strict=True))
        if elapsed < TOLERANCE * lasting:
            raise InputError("That was sooner than the videos last: play every one to its end before you answer.")
        return elapsed

    def _screen(self, rater: Rater) -> Screen:
        if self._study.sound_check is not None and not rater.heard:
            return {"kind": "sound", "address": self._address(self._study.sound_check.file)}
        every = self._trials(rater)
        answered = self._store.answered(rater.id)
        left = [
            (trial, question)
            for trial in every
            for question in trial.questions
            if (trial.token, question) not in answered
        ]
        total = sum(len(trial.questions) for trial in every)
        if not left:
            self._store.finish(rater.id)
            return {"kind": "thanks", "code": rater.code, "rater": rater.id}
        trial, question = left[0]
        self._store.show(rater.id, trial.token)
        return {
            "kind": "question",
            "trial": trial.token,
            "training": trial.role == "training",
            "videos": [self._video(name) for name in trial.stimuli],
            "reference": self._reference(trial, self._questions[question]),
            "question": self._asked(self._questions[question]),
            "done": total - len(left),
            "total": total,
        }

    def _video(self, name: str) -> dict[str, Any]:
        stimulus = self._stimuli[name]
        return {
            "address": self._address(stimulus.file),
            "seconds": stimulus.seconds,
            "width": stimulus.width,
            "height": stimulus.height,
        }

    def _reference(self, trial: Trial, question: Question) -> str | None:
        item = next(item for item in self._study.items if item.id == trial.item)
        return self._address(item.reference) if question.reference and item.reference else None

    @staticmethod
    def _asked(question: Question) -> dict[str, Any]:
        if question.kind == PAIRED:
            options = zip(question.answers, ("A", question.labels[0], "B"), strict=True)
        else:
            options = zip(question.answers, question.labels, strict=True)
        told = [{"answer": answer, "label": label} for answer, label in options]
        return {"id": question.id, "kind": question.kind, "text": question.text, "options": told}


def _unknown() -> InputError:
    return InputError("Nobody here has that id: begin anew.")
