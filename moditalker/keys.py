"""Keyframes: what a face is to do at which moment, as a JSON file or as a list says it.

[{"time": 1.2, "do": "wink-left"}, {"time": 2, "do": "nod", "strength": 0.8}, {"time": 3.5, "do": "close-mouth"}]
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from moditalker.media.source import existing_file
from moditalker.utils.errors import InputError

ACTIONS: dict[str, float] = {
    "close-mouth": 0.12,
    "open-mouth": 0.2,
    "smile": 0.8,
    "raise-brows": 0.5,
    "lower-brows": 0.5,
    "blink": 0.24,
    "wink-left": 0.4,
    "wink-right": 0.4,
    "nod": 0.6,
    "shake": 0.9,
    "look-up": 0.8,
    "look-down": 0.8,
    "look-left": 0.8,
    "look-right": 0.8,
}
"""What can be asked for, and for how many seconds when none are given. Left and right are the person's own."""
STRONGEST = 1.5
SHORTEST, LONGEST = 0.04, 10.0
"""Seconds that a key may last."""
MOST_KEYS = 1000
_BYTES = 10**6
_FIELDS = {"time", "do", "strength", "seconds"}


@dataclass(frozen=True)
class Key:
    """One keyframe.

    Attributes:
        time: the middle of it, seconds.
        do: one of ``ACTIONS``.
        strength: 0 to 1.5.
        seconds: how long it lasts; None takes what is usual for it.
    Raises:
        InputError: an unknown action, or a number out of its range.
    """

    time: float
    do: str
    strength: float = 1.0
    seconds: float | None = None

    def __post_init__(self) -> None:
        if self.do not in ACTIONS:
            raise InputError(f"A key does one of {', '.join(ACTIONS)}, got {self.do!r:.40}.")
        _check("time", self.time, 0, 36_000)
        _check("strength", self.strength, 0, STRONGEST)
        if self.seconds is not None:
            _check("seconds", self.seconds, SHORTEST, LONGEST)

    @property
    def lasts(self) -> float:
        """Seconds."""
        return ACTIONS[self.do] if self.seconds is None else self.seconds


Keys = Path | str | Sequence[Key | Mapping[str, Any]] | None
"""A JSON file, or what it would hold; None for no keys."""


def read_keys(given: Keys) -> list[Key]:
    """Read keyframes.

    Returns:
        In the order of their times.
    Raises:
        InputError: no such file, another form, or a key that cannot be.
    """
    if given is None:
        return []
    content: Any = _content(Path(given)) if isinstance(given, (str, Path)) else list(given)
    if not isinstance(content, list) or len(content) > MOST_KEYS:
        raise InputError(f'Keys are a list of at most {MOST_KEYS}, as [{{"time": 1.2, "do": "nod"}}].')
    return sorted((_key(one, number) for number, one in enumerate(content, 1)), key=lambda key: key.time)


def _content(path: Path) -> Any:
    path = existing_file(path, "file of keys")
    try:
        if path.stat().st_size > _BYTES:
            raise ValueError("too large")
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f'{path} is no JSON of keys; write [{{"time": 1.2, "do": "nod"}}] into it.') from error


def _key(given: Any, number: int) -> Key:
    if isinstance(given, Key):
        return given
    if not isinstance(given, Mapping) or not {"time", "do"} <= set(given) <= _FIELDS:
        raise InputError(f"Key {number} needs time and do, and may have strength and seconds, got {given!r:.80}.")
    try:
        return Key(**given)
    except InputError as error:
        raise InputError(f"Key {number}: {error}") from error


def _check(name: str, value: Any, low: float, high: float) -> None:
    number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    if not number or not low <= value <= high:
        raise InputError(f"The {name} of a key is a number between {low:g} and {high:g}, got {value!r:.40}.")
