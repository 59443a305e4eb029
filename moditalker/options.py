"""What can be set about a video: every default, range and check, once. Command line, app and API read it."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from typing import Any, TypedDict

from moditalker.emotions import NEUTRAL, STRONGEST, parse_emotion
from moditalker.utils.errors import InputError

MAX_SEED = 2**31 - 1


def _number(
    default: float | None, low: float, high: float, meaning: str, page: tuple[float, float] | None = None
) -> Any:
    """A number between two bounds; ``page`` are the narrower ones of the app's sliders."""
    return field(default=default, metadata={"low": low, "high": high, "page": page or (low, high), "help": meaning})


def _choice(default: str, choices: tuple[str, ...], meaning: str) -> Any:
    return field(default=default, metadata={"choices": choices, "help": meaning})


def _text(default: str, check: Callable[[str], Any], meaning: str) -> Any:
    """A text; ``check`` raises what is wrong with it."""
    return field(default=default, metadata={"check": check, "help": meaning})


class Scales(TypedDict, total=False):
    """How far parts of the face move, see ``AnimateOptions``; each name is a field of it."""

    lip_scale: float
    expression_scale: float
    head_scale: float
    blink_scale: float
    emotion: str
    emotion_scale: float


class MotionControls(Scales, total=False):
    """All that one part of the motion can be told apart from the others; each name is a field of ``AnimateOptions``."""

    expression_guidance: float
    head_guidance: float
    lip_seed: int
    expression_seed: int
    head_seed: int
    gaze_scale: float
    gaze_seed: int


@dataclass(frozen=True)
class AnimateOptions:
    """Options of one video. The defaults are those of the compact preset, chosen on the validation speakers.

    Attributes:
        atom_steps: denoising steps of AToM and of the head. 10 do as well for lips, but lose rare blinks.
        mtov_steps: denoising steps of MToV; 0 leaves the planes empty, so that only warp and decoder draw.
        guidance: how far the lips lean towards the speech; 1 is none and halves the work. 1.6 opens real mouths' range.
        lip_scale, expression_scale, head_scale, blink_scale: how far lips, brows and nose, and the head move, how far
            eyes close; 1 is as sampled.
        emotion: what the face shows while it speaks: a name, a mixture or a timeline, see ``moditalker.emotions``.
        emotion_scale: multiplies the intensities of ``emotion``.
        expression_guidance, head_guidance: as ``guidance``, for brows and nose, and for head and blinks. None is as
            for the lips, or 1 where a model of the expression speaks, to which blinks belong then.
        lip_seed, expression_seed, head_seed: of one part alone; the others stay as they are to the last bit.
        gaze_scale: how far the eyes wander, 1 as in clips of talkers; 0 lets them look where the portrait does.
        gaze_seed: of the eyes' wandering alone.
        face: which face of the portrait speaks, counted from the left and from 1; None takes the largest.
        crop: ``full`` keeps the picture, ``face`` cuts a square around the head.
        seed: of everything random; None draws a new one.
        max_seconds: the longest recording that is taken.
        mark: write "AI-generated" into a corner of the picture; the file's metadata says so either way.
    """

    atom_steps: int = _number(15, 1, 1000, "denoising steps, speech to motion", page=(1, 50))
    mtov_steps: int = _number(2, 0, 1000, "denoising steps, motion to video", page=(0, 25))
    guidance: float = _number(1.6, 0, 10, "how far the lips lean towards the speech; 1 is none", page=(1, 4))
    lip_scale: float = _number(1.0, 0, 3, "how far the lips move", page=(0, 2))
    head_scale: float = _number(1.0, 0, 3, "how far the head moves", page=(0, 2))
    blink_scale: float = _number(1.0, 0, 3, "how far the eyes close", page=(0, 2))
    emotion: str = _text(
        NEUTRAL, parse_emotion, "happy:0.8, happy:0.5+surprised:0.4, 0:neutral,2.5:sad; or auto, from the voice"
    )
    emotion_scale: float = _number(1.0, 0, STRONGEST, "how strong the emotion is")
    expression_scale: float = _number(1.0, 0, 3, "how far brows and nose move", page=(0, 2))
    expression_guidance: float | None = _number(None, 0, 10, "guidance of brows and nose; when left out, of the lips")
    head_guidance: float = _number(1.0, 0, 10, "how far head and blinks lean towards the speech; 1 is none")
    lip_seed: int | None = _number(None, 0, MAX_SEED, "of the lips alone; the seed when left out")
    expression_seed: int | None = _number(None, 0, MAX_SEED, "of brows and nose alone; the seed when left out")
    head_seed: int | None = _number(None, 0, MAX_SEED, "of head and blinks alone; the seed when left out")
    gaze_scale: float = _number(0.0, 0, 3, "how far the eyes wander; 1 is as in clips of talkers", page=(0, 2))
    gaze_seed: int | None = _number(None, 0, MAX_SEED, "of the eyes' wandering alone; the seed when left out")
    face: int | None = _number(None, 1, 100, "the face that speaks, counted from the left; the largest when left out")
    crop: str = _choice("full", ("full", "face"), "the whole picture, or a square around the head")
    seed: int | None = _number(None, 0, MAX_SEED, "the same seed gives the same frames; a new one when left out")
    max_seconds: float = _number(600.0, 0.2, 36_000, "longest recording taken, seconds")
    mark: bool = False

    def __post_init__(self) -> None:
        for one in fields(self):
            value, rules = getattr(self, one.name), one.metadata
            if "choices" in rules and value not in rules["choices"]:
                raise InputError(f"{one.name} must be one of {', '.join(rules['choices'])}, got {value!r}.")
            if "check" in rules:
                if not isinstance(value, str):
                    raise InputError(f"{one.name} must be a text, got {value!r:.40}.")
                rules["check"](value)
            if "low" in rules and value is not None:
                self._check_number(one.name, value, whole=is_whole(one.name))

    def _check_number(self, name: str, value: Any, *, whole: bool) -> None:
        low, high = bounds(name)
        # A float that is not finite; a whole number may be larger than any float.
        endless = isinstance(value, float) and not math.isfinite(value)
        if isinstance(value, bool) or not isinstance(value, (int, float)) or endless:
            raise InputError(f"{name} must be a number, got {value!r}.")
        if whole and value != int(value):
            raise InputError(f"{name} must be a whole number, got {value!r}.")
        if not low <= value <= high:
            raise InputError(f"{name} must be between {plain(low)} and {plain(high)}, got {value!r:.40}.")
        if whole:  # also what a page's slider gives as 15.0
            object.__setattr__(self, name, int(value))

    @property
    def controls(self) -> MotionControls:
        """The fields that ``MotionControls`` names, where they are given."""
        values = {name: getattr(self, name) for name in (*Scales.__annotations__, *MotionControls.__annotations__)}
        return MotionControls(**{name: value for name, value in values.items() if value is not None})  # type: ignore[typeddict-item]

    @property
    def own_seeds(self) -> dict[str, int | None]:
        """Of the parts of the motion, see ``utils.seeds.generators_of``."""
        return {"lips": self.lip_seed, "expression": self.expression_seed, "head": self.head_seed}

    def but(self, **given: Any) -> "AnimateOptions":
        """The same with other values; those that are None stay.

        Raises:
            InputError: a value out of its range.
        """
        return replace(self, **{name: value for name, value in given.items() if value is not None})


def plain(number: float) -> str:
    """A number for a sentence: a whole one with all of its digits."""
    return str(int(number)) if number == int(number) else f"{number:g}"


def _metadata(name: str) -> Any:
    return AnimateOptions.__dataclass_fields__[name].metadata


def bounds(name: str) -> tuple[float, float]:
    """Lowest and highest value of a number among the options."""
    return _metadata(name)["low"], _metadata(name)["high"]


def page_bounds(name: str) -> tuple[float, float]:
    """The same as the app's sliders have it."""
    low, high = _metadata(name)["page"]
    return low, high


def help_of(name: str) -> str:
    """What an option is, for a command line."""
    return str(_metadata(name)["help"])


def option_names() -> tuple[str, ...]:
    """Every option that a command line offers."""
    return tuple(one.name for one in fields(AnimateOptions) if "help" in one.metadata)


def is_whole(name: str) -> bool:
    """Whether an option is a whole number."""
    default = getattr(AnimateOptions, name)
    return isinstance(default, int) or name == "face" or name.endswith("seed")


def is_words(name: str) -> bool:
    """Whether an option is given in words: one of its choices, or a text with a form of its own."""
    return "low" not in _metadata(name)


def choices_of(name: str) -> tuple[str, ...] | None:
    """The words that an option may be; None where it is a number."""
    return _metadata(name).get("choices")


DEFAULTS = AnimateOptions()
"""Of the compact preset."""

EXPORT_STEPS = 8
"""Of AToM where motion is written and not drawn: half; see docs/experiments.md for what the other half would change."""

CONVERSATION_OPTIONS = (
    "atom_steps",
    "mtov_steps",
    "guidance",
    "lip_scale",
    "head_scale",
    "blink_scale",
    "seed",
    "max_seconds",
)
"""Fields that somebody who asks for a conversation may choose."""
