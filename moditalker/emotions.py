"""How emotions are written: ``happy:0.8``, ``happy:0.5+surprised:0.4``, ``0:neutral,2.5:happy:0.8``, ``auto``."""

import math
from dataclasses import dataclass

from moditalker.utils.errors import InputError

NEUTRAL = "neutral"
AUTO = "auto"
"""No emotion: brows, lids and head move farther where the voice is livelier, see ``atom.arousal``."""
EMOTIONS = ("happy", "sad", "angry", "surprised", "afraid", "disgusted")
STRONGEST = 1.5
MOST_MOMENTS = 1000
"""Of a timeline."""


@dataclass(frozen=True)
class Moment:
    """What a face shows from a time on.

    Attributes:
        start: seconds.
        shares: intensity of each emotion that is shown, 0 to 1.5, and of ``AUTO``; none for neutral.
    """

    start: float
    shares: dict[str, float]


def parse_emotion(text: str) -> list[Moment]:
    """Read an emotion, a mixture, or a timeline of them.

    A part is ``NAME`` or ``NAME:INTENSITY``; ``+`` joins parts to a mixture; ``TIME:MIXTURE`` with commas between them
    is a timeline, its times rising. Before the first time the face is neutral.

    Returns:
        At least one moment, in order.
    Raises:
        InputError: another form, an unknown emotion, or an intensity that is out of its range.
    """
    pieces = [piece.strip() for piece in text.split(",")]
    if len(pieces) > MOST_MOMENTS:
        raise InputError(f"emotion may change {MOST_MOMENTS} times, got {len(pieces)}.")
    moments: list[Moment] = []
    for piece in pieces:
        first, _, rest = piece.partition(":")
        timed = _number(first) is not None
        if not timed and len(pieces) > 1:
            raise InputError(
                f"emotion: each part of a timeline starts with its seconds (2.5:happy:0.8), got {piece!r:.60}."
            )
        start = _number(first) if timed else 0.0
        assert start is not None
        if start < 0 or (moments and start <= moments[-1].start):
            raise InputError(f"emotion: the seconds of a timeline rise from 0, got {piece!r:.60}.")
        moments.append(Moment(start, _mixture(rest if timed else piece)))
    return moments


def is_neutral(text: str) -> bool:
    """Whether a text asks for nothing but the neutral face.

    Raises:
        InputError: as `parse_emotion`.
    """
    return not any(moment.shares for moment in parse_emotion(text))


def _mixture(text: str) -> dict[str, float]:
    shares: dict[str, float] = {}
    for part in text.split("+"):
        name, _, strength = part.strip().partition(":")
        intensity = _number(strength) if strength else 1.0
        if name not in (NEUTRAL, *EMOTIONS, AUTO):
            raise InputError(f"emotion must be one of {', '.join((NEUTRAL, *EMOTIONS, AUTO))}, got {name!r:.40}.")
        if intensity is None or not 0 <= intensity <= STRONGEST:
            raise InputError(f"The intensity of an emotion is between 0 and {STRONGEST}, got {strength!r:.40}.")
        if name != NEUTRAL and intensity > 0:
            shares[name] = intensity
    return shares


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
