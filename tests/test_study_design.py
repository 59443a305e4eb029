"""Who sees what: balance over raters, and within one."""

import itertools
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from test_study_analysis import study_of

from moditalker.study.definition import Study
from moditalker.study.design import balance, block, trials
from moditalker.study.parts import PAIRED, RATING, Design, Question

RATERS = 60


def study_with(methods: int, items: int, paired: int, rating: int = 0) -> Study:
    """A study without files, of so many methods and items."""
    study = study_of([f"m{number}" for number in range(methods)])
    item, stimulus = study.items[0], study.stimuli[0]
    questions = (*study.questions, Question("mos", RATING, "How good?", ("a", "b", "c", "d", "e")))
    return replace(
        study,
        design=Design(RATERS, paired, rating, seed=5),
        questions=questions if rating else study.questions,
        items=tuple(replace(item, id=f"item-{number}") for number in range(items)),
        stimuli=(
            *(
                replace(stimulus, id=f"s-{number}-{method.id}", item=f"item-{number}", method=method.id)
                for number, method in itertools.product(range(items), study.methods)
            ),
            study.stimuli[-1],
        ),
        checks=(replace(study.checks[0], good="s-0-m0"),),
        folder=Path(),
    )


@pytest.mark.parametrize(
    ("methods", "items", "per_rater"), [(2, 5, 5), (3, 8, 7), (4, 10, 12), (5, 6, 11), (5, 24, 20), (6, 3, 13)]
)
def test_over_sixty_raters_every_pair_is_seen_equally_often_and_sides_are_even(
    methods: int, items: int, per_rater: int
) -> None:
    even = balance(study_with(methods, items, per_rater), RATERS, PAIRED)
    assert even.groups[1] - even.groups[0] <= 1
    assert even.videos[1] - even.videos[0] <= 1
    assert even.stimuli[1] - even.stimuli[0] <= 3
    assert 0.475 <= even.left[0] <= even.left[1] <= 0.525


def test_over_any_number_of_raters_too() -> None:
    study = study_with(4, 7, 5)
    for raters in range(1, 40):
        even = balance(study, raters, PAIRED)
        assert even.groups[1] - even.groups[0] <= 1
        assert even.videos[1] - even.videos[0] <= 1


def test_a_rating_shows_every_method_and_every_video_equally_often() -> None:
    even = balance(study_with(5, 8, 4, rating=9), RATERS, RATING)
    assert even.groups[1] - even.groups[0] <= 1
    assert even.stimuli[1] - even.stimuli[0] <= 1


def test_each_pair_of_videos_is_shown_both_ways_round() -> None:
    study = study_with(3, 4, 6)
    left = Counter(slot.methods for number in range(RATERS) for slot in block(study, number, PAIRED))
    for first, second in itertools.combinations([method.id for method in study.methods], 2):
        assert abs(left[first, second] - left[second, first]) <= 1


def test_a_rater_sees_a_block_once_with_the_checks_strewn_in_and_the_same_item_not_twice_in_a_row() -> None:
    study = study_with(4, 6, 12, rating=5)
    for number in range(30):
        shown = trials(study, f"rater-{number}", number)
        assert len({trial.token for trial in shown}) == len(shown) == 12 + 5 + 1
        main = [trial for trial in shown if trial.role == "main" and trial.kind == PAIRED]
        assert len({frozenset(trial.stimuli) for trial in main}) == 12
        assert {trial.questions for trial in main} == {("overall",)}
        assert all(one.item != other.item for one, other in itertools.pairwise(main))
        place = [trial.role for trial in shown].index("check")
        assert 0 < place <= 12
        assert set(shown[place].stimuli) == {"s-0-m0", "spoilt"}


def test_the_order_and_the_tokens_are_each_rater_s_own_and_stay() -> None:
    study = study_with(4, 6, 12)
    mine, again, other = (trials(study, name, 3) for name in ("me", "me", "you"))
    assert mine == again
    assert not {trial.token for trial in mine} & {trial.token for trial in other}
    assert [trial.stimuli for trial in mine] != [trial.stimuli for trial in other]
    sides = Counter(trials(study, f"r{number}", 0)[-1].stimuli[0] for number in range(40))
    assert len(sides) > 1
