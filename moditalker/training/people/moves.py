"""The catalogue of moves: what a person's pictures show."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from moditalker.training.people.features import FEATURES

Ranges = Mapping[str, tuple[float, float]]

MOUTHS: Mapping[str, Ranges] = {
    "shut": {"opening": (-0.02, -0.02)},
    "parted": {"opening": (0.03, 0.09)},
    "open": {"opening": (0.1, 0.22)},
    "wide open": {"opening": (0.26, 0.42)},
    "round": {"opening": (0.06, 0.18), "width": (0.44, 0.52)},
    "pout": {"opening": (-0.02, 0.02), "width": (0.44, 0.52), "lips": (0.2, 0.24)},
    "stretched": {"opening": (0.04, 0.1), "width": (0.72, 0.8), "teeth": (0.05, 0.08)},
    "smile": {"opening": (-0.02, 0.0), "width": (0.7, 0.8), "smile": (0.09, 0.14)},
    "laugh": {"opening": (0.14, 0.28), "width": (0.74, 0.84), "smile": (0.09, 0.14)},
    "pressed": {"opening": (-0.02, -0.02), "lips": (0.05, 0.1)},
}
"""What the features of a mouth shall be. What is asked for lies beyond what is reached: lips close only when asked for
less than nothing, and wide mouths stop at 0.2 to 0.3 eye distances, for wider ones were rare where the generator
learnt."""
WIDER = 0.34
"""Largest change of the opening, eye distances; beyond it teeth smear over lips."""
LIDS: Mapping[str, Ranges] = {"closed": {"eyes": (0.0, 0.015)}, "half closed": {"eyes": (0.03, 0.055)}}
TURN = 28.0
"""Largest yaw that is asked for, degrees; about 35 is reached."""
NOD = 12.0
"""Largest change of the pitch, degrees."""
PICTURES = 11
"""Of a person, the own one included."""


@dataclass(frozen=True)
class Move:
    """One picture's difference to the person's own.

    Attributes:
        name: of the mouth, the lids and the turn, joined by commas; ``own`` for none.
        change: of ``FEATURES`` by name.
    """

    name: str
    change: dict[str, float]


def choose_moves(own: np.ndarray, rng: np.random.Generator) -> list[Move]:
    """The moves of one person: none, five mouths, two with other lids, and three turns, to both sides.

    Args:
        own: (9,) features of the person's own picture.
        rng: draws kinds and strengths.
    Returns:
        ``PICTURES`` moves, the first of which changes nothing.
    """
    names = list(MOUTHS)
    others = [name for name in names if name not in ("shut", "wide open")]
    first, second, third = rng.permutation(others)[:3]
    mouths = ["shut", "wide open", str(first), str(second), str(third)]
    moves = [Move("own", {}), *(_move(own, rng, mouth) for mouth in mouths)]
    for lids in LIDS:
        moves.append(_move(own, rng, str(rng.choice(["shut", "parted", "open"])), lids))
    side = rng.choice([-1, 1])
    for turn in (side, -side, rng.choice([-1, 1])):
        moves.append(_move(own, rng, str(rng.choice(names)), turn=int(turn)))
    return moves


def _move(own: np.ndarray, rng: np.random.Generator, mouth: str, lids: str = "", turn: int = 0) -> Move:
    wanted = {**MOUTHS[mouth], **(LIDS[lids] if lids else {})}
    change = {name: float(rng.uniform(*span) - own[FEATURES.index(name)]) for name, span in wanted.items()}
    change["opening"] = min(change["opening"], WIDER)
    name = mouth
    if lids:
        name += f", lids {lids}"
    if turn:
        name += ", turned"
        yaw = turn * rng.uniform(8, TURN) - own[FEATURES.index("yaw")]
        change["yaw"] = float(np.clip(yaw, -TURN, TURN))
        change["pitch"] = float(rng.uniform(-NOD, NOD))
    return Move(name, change)
