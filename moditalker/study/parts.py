"""The tables of a study's file, as frozen dataclasses that pydantic checks."""

import re
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, ConfigDict, Field, model_validator
from pydantic.dataclasses import dataclass

from moditalker.utils.errors import InputError
from moditalker.utils.validation import Flag, Number, Text, Whole

Kind = Literal["paired", "rating"]
PAIRED: Kind = "paired"
RATING: Kind = "rating"
LEFT, RIGHT, TIE = "A", "B", "="
"""Answers to a paired question; those to a rating are "1" to "5"."""
POINTS = ("1", "2", "3", "4", "5")
LABELS = {PAIRED: ("cannot tell",), RATING: ("bad", "poor", "fair", "good", "excellent")}

WHOLE = ConfigDict(extra="forbid")
"""Of a table that may have no other entries."""
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


def _usable(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", name):
        raise ValueError("must be letters, digits, dots, dashes and underscores")
    return name


Name = Annotated[str, AfterValidator(_usable)]


@dataclass(frozen=True, config=WHOLE)
class Question:
    """One question, asked on a screen of its own.

    Attributes:
        id: in the answers.
        kind: ``paired`` (which of two) or ``rating`` (one to five).
        text: as it is asked.
        labels: of a rating's five points, worst first; of a paired question's "cannot tell" alone.
        reference: whether the item's portrait is shown beside the videos.
    """

    id: Text
    kind: Kind
    text: Text
    labels: tuple[Text, ...] = Field(default_factory=lambda told: LABELS.get(told.get("kind"), ()))
    reference: Flag = False

    @model_validator(mode="after")
    def _labelled(self) -> Self:
        count = len(LABELS[self.kind])
        if len(self.labels) != count:
            raise InputError(f"the question {self.id!r} has {len(self.labels)} labels; give it {count}.")
        return self

    @property
    def answers(self) -> tuple[str, ...]:
        """What may be answered."""
        return (LEFT, TIE, RIGHT) if self.kind == PAIRED else POINTS


@dataclass(frozen=True, config=WHOLE)
class Method:
    """A way to make the videos; raters never see its names.

    Attributes:
        id: in the file and in reports.
        label: for reports.
        source: what makes its videos: ``ours``, a baseline's name, or ``files``.
        options: for it.
    """

    id: Text
    label: Text = Field(default_factory=lambda told: told.get("id", ""))
    source: Text = "files"
    options: dict[str, Any] = Field(default_factory=dict)


@dataclass(frozen=True, config=WHOLE)
class Item:
    """What the methods were given: a portrait or a video, and a recording.

    Attributes:
        id: in the file and in reports.
        portrait_sha256, audio_sha256: of what was read; empty for an item of ready videos.
        reference: file of the portrait as raters see it, relative to the study's folder; empty for none.
        reference_sha256: of that file.
        video_sha256: of the video that was dubbed; empty for none.
    """

    id: Text
    portrait_sha256: str = ""
    audio_sha256: str = ""
    reference: str = ""
    reference_sha256: str = ""
    video_sha256: str = ""

    @model_validator(mode="after")
    def _hashed(self) -> Self:
        if bool(self.reference) != bool(self.reference_sha256):
            raise InputError(
                f"the item {self.id!r} needs 'reference' and 'reference_sha256', or neither; build the study again."
            )
        return self


@dataclass(frozen=True, config=WHOLE)
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

    id: Text
    file: Text
    sha256: Sha256
    item: Text
    method: str
    seed: Whole
    revision: str
    seconds: Annotated[Number, Field(ge=0.01)]
    width: Annotated[Whole, Field(ge=1)]
    height: Annotated[Whole, Field(ge=1)]


@dataclass(frozen=True, config=WHOLE)
class Check:
    """An attention check: a question whose right answer is plain.

    Attributes:
        question: its id; of a paired one ``good`` must be chosen, in a rating ``bad`` gets 1 or 2.
        bad: id of a spoilt video.
        good: id of one that is not; empty for a rating.
    """

    question: Text
    bad: Text
    good: str = ""


@dataclass(frozen=True, config=WHOLE)
class Training:
    """What is shown first, and never counted: ids of two videos of which one is plainly better."""

    good: Text
    bad: Text


@dataclass(frozen=True, config=WHOLE)
class SoundCheck:
    """A recording of spoken digits, which have to be typed in before anything else.

    Attributes:
        file: relative to the study's folder.
        sha256: of it.
        digits: that are spoken.
    """

    file: Text
    sha256: Sha256
    digits: Annotated[str, Field(pattern=r"^[0-9]+$")]


@dataclass(frozen=True, config=WHOLE)
class Design:
    """Who sees how much.

    Attributes:
        raters: wanted; when so many have finished or are at it, nobody else is let in.
        paired_trials, rating_trials: a rater, without training and checks; 0 for none of that kind.
        abandoned_after: seconds without a sign of life, after which an unfinished rater's block is given again.
        seed: of the order.
    """

    raters: Annotated[Whole, Field(ge=1, le=100_000)]
    paired_trials: Whole = 0
    rating_trials: Whole = 0
    abandoned_after: Annotated[Number, Field(ge=0.1)] = 3600.0
    seed: Whole = 0

    def trials(self, kind: Kind) -> int:
        """A rater's trials of a kind."""
        return self.paired_trials if kind == PAIRED else self.rating_trials


@dataclass(frozen=True, config=WHOLE)
class Target:
    """What the study is to show, fixed before it starts.

    Attributes:
        half_width: of a preference rate's 95 % interval.
        mos_half_width: of a mean opinion score's, points.
        effect: a preference rate over 0.5 that is not to be missed.
        power: probability of seeing it.
    """

    half_width: Annotated[Number, Field(ge=0.005, le=0.4)] = 0.05
    mos_half_width: Annotated[Number, Field(ge=0.01, le=2)] = 0.2
    effect: Annotated[Number, Field(ge=0.505, le=0.99)] = 0.6
    power: Annotated[Number, Field(ge=0.5, le=0.999)] = 0.8


@dataclass(frozen=True, config=WHOLE)
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

    unfinished: Flag = True
    failed_checks: Whole = 1
    fastest_seconds: Number = 0.3
    hurried_share: Annotated[Number, Field(le=1)] = 0.2
    same_side_share: Annotated[Number, Field(ge=0.5, le=1.01)] = 1.01
    min_plays: Annotated[Whole, Field(ge=1)] = 1
