"""How many raters a study needs for what its file says it is to show."""

import math
from dataclasses import dataclass
from pathlib import Path

from moditalker.study.definition import Frame
from moditalker.study.packages import need_statistics
from moditalker.study.parts import PAIRED, RATING, Kind
from moditalker.utils.errors import InputError
from moditalker.utils.validation import read_toml, validated


@dataclass(frozen=True)
class Expectation:
    """What is not known before, guessed.

    Attributes:
        ties: share of "cannot tell", 0 to 1.
        excluded: share of raters that are left out, 0 to 1.
        correlation: between two answers of one rater about the same methods, 0 to 1.
        deviation: of ratings, points.
    """

    ties: float = 0.2
    excluded: float = 0.1
    correlation: float = 0.05
    deviation: float = 1.0


def plan(path: Path, expected: Expectation) -> list[str]:
    """The raters that each target needs, one sentence each, and whether the design has them.

    Answers of one rater are worth less than those of several: by 1 + (n - 1) r for n of them with the correlation r
    (Kish 1965).

    Args:
        path: of a study or a recipe.
        expected: see there.

    Raises:
        InputError: the file is wrong, or an expectation is out of its range.
    """
    need_statistics("study plan")
    from moditalker.study.analysis.power import answers_for_half_width, answers_for_power, ratings_for_half_width

    for name in ("ties", "excluded", "correlation"):
        if not 0 <= getattr(expected, name) < 1:
            raise InputError(f"--{name} is a share: give a number from 0 to below 1.")
    if not expected.deviation > 0:
        raise InputError("--deviation is of ratings, in points: give a number above 0.")
    frame = validated(Frame, read_toml(path), path)
    design, target, methods = frame.design, frame.target, len(frame.methods)
    told: list[str] = []
    most = 0

    def tell(what: str, answers: int, kind: Kind, useful: float) -> None:
        nonlocal most
        groups = methods * (methods - 1) // 2 if kind == PAIRED else methods
        each = design.trials(kind) / groups
        worth = 1 + max(0.0, each - 1) * expected.correlation
        raters = math.ceil(answers * worth / (each * useful * (1 - expected.excluded)))
        most = max(most, raters)
        of = "pair of methods" if kind == PAIRED else "method"
        told.append(f"{what}: {answers} independent answers a {of} and question, {raters} raters.")

    if design.trials(PAIRED):
        width, useful = target.half_width, 1 - expected.ties
        tell(f"Preference rates within {width:.1%}", answers_for_half_width(width), PAIRED, useful)
        seen = f"A preference of {target.effect:.0%} seen with a probability of {target.power:.0%}"
        tell(seen, answers_for_power(target.effect, target.power), PAIRED, useful)
    if design.trials(RATING):
        points = target.mos_half_width
        tell(
            f"Mean opinion scores within {points:g} points",
            ratings_for_half_width(points, expected.deviation),
            RATING,
            1.0,
        )
    enough = "enough" if design.raters >= most else f"too few; set 'raters' to {most}"
    told.append(f"The design has {design.raters} raters: {enough}.")
    return told
