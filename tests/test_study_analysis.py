"""The study's statistics: on published numbers, and on answers that were drawn from a known truth."""

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from moditalker.study.analysis import analysis_report
from moditalker.study.analysis.agreement import alpha
from moditalker.study.analysis.answers import COLUMNS
from moditalker.study.analysis.bradley_terry import count_outcomes, fit, strengths
from moditalker.study.analysis.exclusions import apply_rules
from moditalker.study.analysis.plots import preference_plot, score_plot, strength_plot
from moditalker.study.analysis.power import (
    answers_for_half_width,
    answers_for_power,
    power_of,
    ratings_for_half_width,
    wilson_half_width,
)
from moditalker.study.analysis.preferences import clustered_share, preferences
from moditalker.study.analysis.ratings import mean_interval, scores
from moditalker.study.analysis.results import analyse_table, tables_of
from moditalker.study.analysis.shown_tables import rules_in_words, shown_tables
from moditalker.study.definition import Study
from moditalker.study.parts import PAIRED, RATING, Check, Design, Exclusions, Item, Method, Question, Stimulus, Target
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


@pytest.mark.slow
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
    assert found[0].low < 4.5 < found[0].high
    # Two raters who agree do not make it certain.
    assert np.isnan((found[1].low, found[1].high)).all()


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
    study = replace(study_of(), checks=())
    found = analyse_table(study, pd.DataFrame([], columns=list(COLUMNS)))
    assert found.kept.raters == 0
    assert all(len(table) == 0 for table in tables_of(found).values())


def rated_and_compared(raters: int) -> tuple[Study, pd.DataFrame]:
    """A study of both kinds, and answers of so many raters, who answer all the same."""
    study = replace(study_of(["alpha", "beta"]), checks=())
    questions = (*study.questions, Question("mos", RATING, "How natural is it?"))
    study = replace(study, design=Design(60, 4, 4), questions=questions)
    rows = []
    for rater in (f"{number:032x}" for number in range(raters)):
        rows += [answers_row(rater, "main", side, place=place) for place, side in enumerate(("left", "right") * 2)]
        for place, (method, points) in enumerate((("alpha", 4), ("beta", 2)) * 2):
            told = (f"item-{place}", "mos", str(points), method, "", "", "", float(points), 1.0, 1)
            rows.append((rater, f"r{place}", "main", "rating", *told))
    return study, pd.DataFrame(rows, columns=list(COLUMNS))


@pytest.mark.parametrize("raters", [0, 1, 2, 5])
def test_no_interval_is_without_a_width(raters: int) -> None:
    study, answers = rated_and_compared(raters)
    found = analyse_table(study, answers, draws=100)
    assert found.kept.raters == raters
    shares = [getattr(entry, name) for entry in found.preferences for name in ("preferred", "first_share")]
    bounds = [(entry.low, entry.high) for entry in [*found.strengths, *found.scores, *found.agreement, *shares]]
    assert not any(low == high for low, high in bounds)
    if raters < 2:
        assert np.isnan(bounds).all()
        assert all(entry.rank_low is None for entry in found.strengths)
        assert all(np.isnan(entry.p) for entry in found.preferences)
        assert not raters or found.power[["half_width", "power"]].isna().all(axis=None)
        assert found.left is None or np.isnan(found.left.low)
    else:
        assert all(share.low < share.rate < share.high for share in shares)


@pytest.mark.parametrize(
    ("raters", "said"), [(0, "No rater is analysed: too few"), (1, "One rater is analysed: too few"), (2, None)]
)
def test_too_few_raters_are_said_to_be_too_few(
    raters: int, said: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study, answers = rated_and_compared(raters)
    monkeypatch.setattr(analysis_report, "read_study", lambda path: study)
    monkeypatch.setattr(analysis_report, "load_lines", lambda study, path: ([], 0))
    monkeypatch.setattr(analysis_report, "table_of", lambda study, lines: answers)
    text = analysis_report.analyse(Path("study.toml"), Path("answers"), tmp_path, draws=50)
    page = (tmp_path / "report.html").read_text()
    for told in (text, page):
        assert ("too few for intervals" in told) == (said is not None)
        assert said is None or said in told
    assert ("50% (no interval)" in text) == (raters == 1)


def test_the_report_has_legends_numbers_of_answers_and_no_python() -> None:
    study, answers = rated_and_compared(3)
    found = analyse_table(study, answers, draws=50)
    label = {method.id: f"The {method.id}" for method in study.methods}
    pairs = preference_plot(found.preferences, label)
    for words in ("left one preferred", "cannot tell", "right one preferred", "95 % interval", "The alpha", "n = 12"):
        assert words in pairs
    assert "n = 12" in strength_plot(found.strengths, label)
    assert "n = 6" in score_plot(found.scores, label)
    rules = rules_in_words(Exclusions(failed_checks=0, same_side_share=0.9))
    assert rules[1] == "A rater is left out who failed more than 0 attention checks."
    assert len(rules) == 5
    assert not any("{" in rule or "'" in rule for rule in rules)
    tables = {table.title: table for table in shown_tables(study, found)}
    assert tables["Preferences"].rows[0][1:5] == ("alpha", "beta", "6 / 0 / 6", "12")
    assert all(len(row) == len(table.columns) for table in tables.values() for row in table.rows)


def test_tables_do_not_give_away_what_deletes_answers() -> None:
    study, answers = rated_and_compared(2)
    answers.loc[answers.rater == f"{1:032x}", "seconds"] = 0.1
    found = analyse_table(study, answers, draws=50)
    assert tables_of(found)["exclusions"].rater.tolist() == ["0" * 8]
    assert next(table for table in shown_tables(study, found) if table.title == "Excluded raters").rows[0][0] == "0" * 8


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(2026)
