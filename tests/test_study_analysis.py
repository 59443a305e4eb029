"""The study's statistics: on published numbers, and on answers that were drawn from a known truth."""

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from moditalker.study.analysis.agreement import alpha
from moditalker.study.analysis.answers import COLUMNS
from moditalker.study.analysis.bradley_terry import count_outcomes, fit, strengths
from moditalker.study.analysis.exclusions import apply_rules
from moditalker.study.analysis.power import (
    answers_for_half_width,
    answers_for_power,
    power_of,
    ratings_for_half_width,
    wilson_half_width,
)
from moditalker.study.analysis.preferences import clustered_share, preferences
from moditalker.study.analysis.ratings import mean_interval, scores
from moditalker.study.definition import Study
from moditalker.study.parts import PAIRED, Check, Design, Exclusions, Item, Method, Question, Stimulus, Target
from moditalker.study.planning import Expectation, plan

METHODS = ["alpha", "beta", "gamma", "delta"]
STRENGTHS = np.array([0.9, 0.3, -0.3, -0.9])
TIE = -0.5
REPETITIONS = 100
NO_FILE = "0" * 64
"""In the place of a hash."""


def study_of(methods: list[str] = METHODS, exclusions: Exclusions | None = None) -> Study:
    """A study without files, of five trials a rater, or as many as there are, and one check."""
    items = tuple(Item(f"item-{number}") for number in range(4))
    stimuli = [
        Stimulus(f"{item.id}-{method}", "x.mp4", NO_FILE, item.id, method, 0, "", 1.0, 8, 8)
        for item, method in itertools.product(items, methods)
    ]
    spoilt = Stimulus("spoilt", "x.mp4", NO_FILE, "item-0", "", 0, "", 1.0, 8, 8)
    return Study(
        schema=1,
        name="s",
        title="t",
        consent="c",
        contact="c",
        minimum_age=18,
        design=Design(60, min(5, 2 * len(methods) * (len(methods) - 1)), 0),
        target=Target(),
        exclusions=exclusions or Exclusions(),
        methods=tuple(Method(name, name, "files") for name in methods),
        items=items,
        questions=(Question("overall", PAIRED, "Which?", ("cannot tell",)),),
        stimuli=(*stimuli, spoilt),
        checks=(Check("overall", "spoilt", stimuli[0].id),),
        training=None,
        sound_check=None,
        folder=Path(),
    )


def davidson(first: np.ndarray, second: np.ndarray, tie: float, rng: np.random.Generator) -> np.ndarray:
    """0 (first wins), 1 (tie), 2 (second wins), drawn from strengths of the same shape."""
    scores = np.stack([first, tie + (first + second) / 2, second], -1)
    chance = np.exp(scores) / np.exp(scores).sum(-1, keepdims=True)
    return (rng.random(first.shape)[..., None] > chance.cumsum(-1)).sum(-1)


def drawn_answers(raters: int, trials: int, rng: np.random.Generator) -> pd.DataFrame:
    """Answers to one paired question, from the planted strengths; sides at random."""
    left, right = np.array([rng.permutation(len(METHODS))[:2] for _ in range(raters * trials)]).T
    outcome = davidson(STRENGTHS[left], STRENGTHS[right], TIE, rng)
    names = np.array(METHODS)
    frame = pd.DataFrame({"rater": np.repeat([f"r{number}" for number in range(raters)], trials)})
    frame["left"], frame["right"] = names[left], names[right]
    frame["winner"] = np.where(outcome == 1, "", np.where(outcome == 0, names[left], names[right]))
    frame["side"] = np.array(["left", "tie", "right"])[outcome]
    frame["question"], frame["item"] = "overall", "item-0"
    return frame


def answers_row(rater: str, role: str, side: str, seconds: float = 2.0, plays: int = 1, place: int = 0) -> tuple:
    left, right = ("alpha", "beta") if role == "main" else ("alpha", "")
    winner = {"left": left, "right": right, "tie": ""}[side]
    answer = {"left": "A", "right": "B", "tie": "="}[side]
    return (
        rater, f"{rater}-{place}", role, "paired", "item-0", "overall", answer, left, right, side, winner,
        float("nan"), seconds, plays,
    )  # fmt: skip


def test_alpha_is_that_of_krippendorffs_own_example() -> None:
    # Krippendorff 2011, section C: four observers, twelve units, values 1 to 5, missing ones left out.
    values = [
        [1, 1, 1], [2, 2, 3, 2], [3, 3, 3, 3], [3, 3, 3, 3], [2, 2, 2, 2], [1, 2, 3, 4], [4, 4, 4, 4], [1, 1, 2, 1],
        [2, 2, 2, 2], [5, 5, 5], [1, 1], [3],
    ]  # fmt: skip
    counts = np.array([[unit.count(value) for value in range(1, 6)] for unit in values])
    assert alpha(counts, "nominal") == pytest.approx(0.743, abs=5e-4)
    assert alpha(counts, "ordinal") == pytest.approx(0.815, abs=5e-4)
    assert alpha(np.stack([counts, counts]), "nominal").shape == (2,)


def test_a_bradley_terry_fit_is_where_the_likelihood_is_greatest_and_agrees_with_counts_of_two() -> None:
    counts = np.array([[[30.0, 10.0, 60.0]]])
    left, right, tie = fit(counts, 2)[0]
    # Two methods and three outcomes: the model can take any shares, and so takes these.
    chance = np.exp([left, tie + (left + right) / 2, right])
    assert chance / chance.sum() == pytest.approx([0.3, 0.1, 0.6], abs=0.002)
    assert left + right == pytest.approx(0)


def test_a_method_that_never_lost_has_a_finite_strength_above_the_others() -> None:
    counts = np.zeros((1, 3, 3))
    counts[0, :, 0] = 10  # alpha beats beta and gamma, beta beats gamma, always
    found = fit(counts, 3)[0]
    assert np.isfinite(found).all()
    assert found[0] > found[1] + 1 > found[2] + 2


def test_the_planted_ranking_is_recovered(rng: np.random.Generator) -> None:
    found = strengths(drawn_answers(200, 12, rng), METHODS, "overall", rng, draws=300)
    assert [entry.rank for entry in found] == [1, 2, 3, 4]
    assert [(entry.rank_low, entry.rank_high) for entry in found] == [(1, 1), (2, 2), (3, 3), (4, 4)]


def test_intervals_of_strengths_cover_the_planted_ones(rng: np.random.Generator) -> None:
    covered = np.zeros(len(METHODS))
    for _ in range(REPETITIONS):
        found = strengths(drawn_answers(60, 12, rng), METHODS, "overall", rng, draws=400)
        covered += [entry.low <= truth <= entry.high for entry, truth in zip(found, STRENGTHS, strict=True)]
    assert ((covered >= 90) & (covered <= 99)).all(), covered


def test_intervals_of_preference_rates_cover_the_planted_one_although_raters_differ(rng: np.random.Generator) -> None:
    covered = naive = 0
    for _ in range(REPETITIONS):
        # Raters of different tastes, 60 % on average: their answers are worth less than as many independent ones.
        chosen = rng.random((60, 10)) < rng.beta(3, 2, 60)[:, None]
        raters = np.repeat(np.arange(60), 10)
        share, effective = clustered_share(chosen.ravel(), raters)
        covered += share.low <= 0.6 <= share.high
        alone = clustered_share(chosen.ravel(), np.arange(600))[0]
        naive += alone.low <= 0.6 <= alone.high
        assert effective < 600
    assert 90 <= covered <= 99
    assert naive < 85


def test_intervals_of_opinion_scores_cover_the_planted_one(rng: np.random.Generator) -> None:
    truth = 3.2
    covered = 0
    for _ in range(REPETITIONS):
        tendency = rng.choice([-1, 0, 1], 40)  # of a rater, on average none
        values = np.clip(3 + tendency, 1, 5).repeat(6) + rng.choice([0, 1], 240, p=[0.8, 0.2])
        low, high = mean_interval(values.astype(float), np.repeat(np.arange(40), 6))
        covered += low <= truth <= high
    assert 90 <= covered <= 99


def test_the_side_of_a_video_does_not_change_who_won() -> None:
    mirrored = pd.DataFrame(
        [answers_row("r", "main", "left"), answers_row("r", "main", "right", place=1)], columns=list(COLUMNS)
    )
    mirrored.loc[1, ["left", "right", "winner"]] = ["beta", "alpha", "alpha"]
    assert count_outcomes(mirrored, ["alpha", "beta"]).tolist() == [[[2, 0, 0]]]
    found = preferences(mirrored, ["alpha", "beta"], ["overall"])
    assert [(entry.wins, entry.ties, entry.losses) for entry in found] == [(2, 0, 0)]


def test_p_values_are_corrected_for_how_many_there_are(rng: np.random.Generator) -> None:
    found = preferences(drawn_answers(60, 12, rng), METHODS, ["overall"])
    assert len(found) == 6
    by_p = sorted(found, key=lambda entry: entry.p)
    assert by_p[0].p_holm == pytest.approx(min(1, 6 * by_p[0].p))
    assert all(entry.p_holm >= entry.p for entry in found)


def test_every_rule_excludes_whom_it_names_and_says_why() -> None:
    sides = ("left", "right", "tie", "left", "right")
    good = [answers_row("good", "main", side, place=n) for n, side in enumerate(sides)]
    good.append(answers_row("good", "check", "left", place=9))
    frames = {
        "good": good,
        "short": good[:3],
        "asleep": [*good[:5], answers_row("", "check", "right", place=9)],
        "quick": [(*row[:-2], 0.1, 1) for row in good],
        "left-handed": [answers_row("", "main", "left", place=n) for n in range(12)] + good[5:],
        "once": [*good[:4], (*good[4][:-1], 0), good[5]],
    }
    rows = [(rater, *row[1:]) for rater, theirs in frames.items() for row in theirs]
    study = study_of(exclusions=Exclusions(failed_checks=0, same_side_share=0.95))
    kept = apply_rules(study, pd.DataFrame(rows, columns=list(COLUMNS)))
    why = {entry.rater: entry.reasons for entry in kept.excluded}
    assert set(why) == {"short", "asleep", "quick", "left-handed"}
    assert why["short"] == ("not finished: 3 of 6 answers",)
    assert why["asleep"] == ("failed 1 attention checks, 0 allowed",)
    assert why["quick"] == ("100% of the answers in under 0.3 s",)
    assert why["left-handed"] == ("100% of the choices at the left",)
    assert kept.raters == 2
    assert kept.dropped == 1
    assert len(kept.answers) == 9


def test_scores_are_means_by_method() -> None:
    rows = pd.DataFrame(
        {"rater": ["a", "b", "a", "b"], "left": ["alpha", "alpha", "beta", "beta"], "value": [5.0, 4.0, 2.0, 2.0]}
    ).assign(question="mos")
    found = scores(rows, ["alpha", "beta", "gamma"], ["mos"])
    assert [(entry.method, entry.mean, entry.count) for entry in found] == [("alpha", 4.5, 2), ("beta", 2.0, 2)]
    assert (found[1].low, found[1].high) == (2.0, 2.0)


def test_planned_answers_are_the_fewest_that_do() -> None:
    count = answers_for_half_width(0.05)
    assert wilson_half_width(count) <= 0.05 < wilson_half_width(count - 1)
    # A textbook's (Chow, Shao and Wang 2008): 194 or so for 60 % against 50 % at 80 %.
    assert answers_for_power(0.6, 0.8) == pytest.approx(194, abs=3)
    assert power_of(0.6, answers_for_power(0.6, 0.8)) >= 0.8 > power_of(0.6, answers_for_power(0.6, 0.8) - 1)
    assert ratings_for_half_width(0.2, 1.0) == 97


def test_a_plan_asks_for_more_raters_when_more_is_lost(tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(
        'schema = 1\nname = "s"\ntitle = "t"\ncontact = "c"\nconsent = "c"\n'
        "[design]\nraters = 500\npaired_trials = 6\nrating_trials = 2\n"
        '[[methods]]\nid = "one"\n[[methods]]\nid = "two"\n'
        '[[questions]]\nid = "q"\nkind = "paired"\ntext = "Which?"\n'
        '[[questions]]\nid = "m"\nkind = "rating"\ntext = "How?"\n'
    )
    nothing_lost = plan(recipe, Expectation(ties=0, excluded=0, correlation=0))
    # 381 answers within 5 %, six of each rater.
    assert nothing_lost[0].endswith(" 64 raters.")
    assert len(nothing_lost) == 4
    assert nothing_lost[-1] == "The design has 500 raters: enough."
    lossy = plan(recipe, Expectation(ties=0.5, excluded=0.2, correlation=0.2))
    assert int(lossy[0].split()[-2]) > 2 * 64
    changed = recipe.read_text().replace("raters = 500", "raters = 5")
    recipe.write_text(changed)
    assert "too few; set 'raters' to" in plan(recipe, Expectation())[-1]


def test_no_answers_are_no_error() -> None:
    from moditalker.study.analysis.analysis_report import analyse_table, tables_of

    study = replace(study_of(), checks=())
    found = analyse_table(study, pd.DataFrame([], columns=list(COLUMNS)))
    assert found.kept.raters == 0
    assert all(len(table) == 0 for table in tables_of(study, found).values())


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(2026)
