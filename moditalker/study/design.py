"""Who sees what: balanced incomplete blocks, as functions of the study and a block's number.

One *cycle* holds each trial once. It is made of rows; a row holds each group once (a group is a pair of methods, or one
method in a rating), each with an item that the group has not had yet. Block b is the b-th run of k consecutive trials
of the cycle repeated for ever; each repetition exchanges the sides. From this follows, for the first b blocks and any
b: each trial has been seen equally often within one, each group too, and each of them with either method at the left
equally often within one.
"""

import hashlib
import itertools
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np

from moditalker.study.definition import Study
from moditalker.study.parts import PAIRED, RATING, Check, Kind

Role = Literal["training", "main", "check"]

SECONDS_AN_ANSWER = 5.0
"""From the end of the videos to the next ones, for the time that raters are told."""
_BLOCKS_TO_TIME = 20


@dataclass(frozen=True)
class Slot:
    """A place in the cycle: an item, and the methods of which videos are shown, the left one first."""

    item: str
    methods: tuple[str, ...]


@dataclass(frozen=True)
class Trial:
    """What a rater sees at once.

    Attributes:
        token: random to everybody else; the name of the trial in requests and answers.
        role: ``training`` is never counted, ``check`` has a right answer.
        kind: of its questions.
        item: whose portrait and recording.
        stimuli: ids, left to right.
        questions: ids, in the order they are asked.
    """

    token: str
    role: Role
    kind: Kind
    item: str
    stimuli: tuple[str, ...]
    questions: tuple[str, ...]


def cycle(methods: tuple[str, ...], items: tuple[str, ...], kind: Kind, seed: int) -> list[Slot]:
    """One cycle, in order.

    Args:
        methods: names.
        items: names.
        kind: ``paired``: two methods a slot; ``rating``: one.
        seed: the same seed gives the same cycle.

    Returns:
        len(items) rows of one slot for each pair of methods, or each method.
    """
    rng = np.random.default_rng([seed, 2 if kind == PAIRED else 1])
    groups = list(itertools.combinations(methods, 2 if kind == PAIRED else 1))
    rng.shuffle(groups)
    groups = [tuple(group) for group in groups]
    left_first = dict(zip(groups, rng.permutation(len(groups)) % 2, strict=True))
    unused = {group: list(rng.permutation(np.array(items))) for group in groups}
    seen: Counter[tuple[str, str]] = Counter()
    of_item: Counter[str] = Counter()
    slots = []
    for row in range(len(items)):
        waiting = list(groups)
        in_row: Counter[str] = Counter()
        while waiting:
            # The group whose methods this row has shown least, so that neighbours have different ones.
            group = min(waiting, key=lambda group: sum(in_row[method] for method in group))
            waiting.remove(group)
            item = min(unused[group], key=lambda item: _cost(item, group, seen, of_item))
            unused[group].remove(item)
            in_row.update(group)
            of_item[item] += 1
            seen.update((item, method) for method in group)
            exchanged = (row + left_first[group]) % 2
            slots.append(Slot(str(item), tuple(reversed(group)) if exchanged else group))
    return slots


def _cost(
    item: str, group: tuple[str, ...], seen: Counter[tuple[str, str]], of_item: Counter[str]
) -> tuple[int, int, int]:
    """Less is better: how often the most seen of an item's videos of a group was seen, all of them, and the item."""
    counts = [seen[item, method] for method in group]
    return max(counts), sum(counts), of_item[item]


@lru_cache(maxsize=8)
def _cycle_of(methods: tuple[str, ...], items: tuple[str, ...], kind: Kind, seed: int) -> list[Slot]:
    return cycle(methods, items, kind, seed)


def block(study: Study, number: int, kind: Kind) -> list[Slot]:
    """The slots of a block, in the cycle's order.

    Args:
        study: with its design.
        number: of the block, from 0.
        kind: of its trials.
    """
    methods, items = tuple(m.id for m in study.methods), tuple(item.id for item in study.items)
    slots = _cycle_of(methods, items, kind, study.design.seed)
    size = study.design.trials(kind)
    places = range(number * size, (number + 1) * size)
    return [_turned(slots[place % len(slots)], place // len(slots)) for place in places]


def _turned(slot: Slot, repetition: int) -> Slot:
    return Slot(slot.item, tuple(reversed(slot.methods))) if repetition % 2 else slot


def trials(study: Study, rater: str, number: int) -> list[Trial]:
    """All that a rater sees, in order: for each kind the training, then the block with the checks strewn in.

    Args:
        study: with its design.
        rater: id; the order, the checks' sides and the tokens follow from it.
        number: of the block.
    """
    rng = np.random.default_rng(list(hashlib.sha256(f"{study.hash} {rater}".encode()).digest()))
    shown: list[Trial] = []

    def add(role: Role, kind: Kind, item: str, stimuli: tuple[str, ...], questions: tuple[str, ...]) -> None:
        token = hashlib.sha256(f"{study.hash} {rater} {len(shown)}".encode()).hexdigest()[:20]
        shown.append(Trial(token, role, kind, item, stimuli, questions))

    for kind in (PAIRED, RATING):
        if not study.design.trials(kind):
            continue
        questions = tuple(question.id for question in study.of_kind(kind))
        if study.training is not None:
            pair = (study.training.good, study.training.bad) if kind == PAIRED else (study.training.bad,)
            add("training", kind, study.stimulus(pair[0]).item, _mixed(pair, rng), questions)
        slots = _apart(block(study, number, kind), rng)
        checks = [check for check in study.checks if study.question(check.question).kind == kind]
        places = _strewn(len(checks), len(slots), rng)
        for place, slot in enumerate(slots):
            videos = tuple(study.video_of(slot.item, method).id for method in slot.methods)
            add("main", kind, slot.item, videos, questions)
            for check in (check for check, after in zip(checks, places, strict=True) if after == place):
                add("check", kind, study.stimulus(check.bad).item, _mixed(_pair_of(check), rng), (check.question,))
    return shown


def answers_expected(study: Study) -> int:
    """How many answers of counted trials and checks a rater gives who gets to the end."""
    main = sum(study.design.trials(kind) * len(study.of_kind(kind)) for kind in (PAIRED, RATING))
    return main + len(study.checks)


def expected_seconds(study: Study) -> float:
    """How long a rater takes, on average over the first blocks: every video once to its end, and every question."""
    lasting = {stimulus.id: stimulus.seconds for stimulus in study.stimuli}
    blocks = range(min(study.design.raters, _BLOCKS_TO_TIME))
    shown = [trial for number in blocks for trial in trials(study, "", number)]
    watching = sum(lasting[name] for trial in shown for name in trial.stimuli)
    return (watching + SECONDS_AN_ANSWER * sum(len(trial.questions) for trial in shown)) / len(blocks)


def _pair_of(check: Check) -> tuple[str, ...]:
    return (check.good, check.bad) if check.good else (check.bad,)


def _mixed(stimuli: tuple[str, ...], rng: np.random.Generator) -> tuple[str, ...]:
    return tuple(stimuli[place] for place in rng.permutation(len(stimuli)))


def _apart(slots: list[Slot], rng: np.random.Generator) -> list[Slot]:
    """Shuffled; where it can be had, the same item does not come twice in a row."""
    waiting = [slots[place] for place in rng.permutation(len(slots))]
    ordered: list[Slot] = []
    while waiting:
        left = Counter(slot.item for slot in waiting)
        last = ordered[-1].item if ordered else None
        # Of the items that have most left, so that none is left over at the end.
        chosen = max(waiting, key=lambda slot: (slot.item != last, left[slot.item]))
        waiting.remove(chosen)
        ordered.append(chosen)
    return ordered


def _strewn(checks: int, trials: int, rng: np.random.Generator) -> list[int]:
    """After which trial each check comes: one in each equal part, at a random place."""
    edges = np.linspace(0, trials, checks + 1)
    return [int(rng.uniform(low, high)) for low, high in itertools.pairwise(edges)]


@dataclass(frozen=True)
class Balance:
    """How evenly so many blocks show what is compared; each is (least, most) over all of its kind.

    Attributes:
        groups: how often a pair of methods (or a method, in a rating) is seen.
        videos: how often a pair of videos (or a video, in a rating) is seen.
        stimuli: how often a video is seen.
        left: the share of a pair of methods' trials in which its first is at the left; (0.5, 0.5) in a rating.
    """

    groups: tuple[int, int]
    videos: tuple[int, int]
    stimuli: tuple[int, int]
    left: tuple[float, float]


def balance(study: Study, raters: int, kind: Kind) -> Balance:
    """Count what the first blocks show."""
    groups: Counter[tuple[str, ...]] = Counter()
    left: Counter[tuple[str, ...]] = Counter()
    videos: Counter[tuple[str, tuple[str, ...]]] = Counter()
    stimuli: Counter[tuple[str, str]] = Counter()
    methods, items = [m.id for m in study.methods], [item.id for item in study.items]
    for slot in (slot for number in range(raters) for slot in block(study, number, kind)):
        group = tuple(sorted(slot.methods, key=methods.index))
        groups[group] += 1
        left[group] += slot.methods == group
        videos[slot.item, group] += 1
        stimuli.update((slot.item, method) for method in slot.methods)
    every = list(itertools.combinations(methods, 2 if kind == PAIRED else 1))
    shares = [left[group] / groups[group] for group in every if groups[group]] if kind == PAIRED else []
    counts = [videos[item, group] for item in items for group in every]
    seen = [stimuli[item, method] for item in items for method in methods]
    return Balance(
        (min(groups[group] for group in every), max(groups[group] for group in every)),
        (min(counts), max(counts)),
        (min(seen), max(seen)),
        (min(shares, default=0.5), max(shares, default=0.5)),
    )
