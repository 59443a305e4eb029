"""What the shipped weights must show, each against the value that was measured."""

from collections.abc import Callable
from dataclasses import dataclass

Rows = dict[str, dict[str, float]]
Value = Callable[[Rows], float]

_CLOSED = 0.03
"""Lips are closed when the mouth's opening is below this many inter-ocular distances."""


@dataclass(frozen=True)
class Requirement:
    """One line of the table.

    Attributes:
        what: for people.
        wanted: for people.
        values: what it is judged by, from the means of all rows; a KeyError says that it was not measured.
        low, high: the range that every value must lie in.
        digits: to show.
    """

    what: str
    wanted: str
    values: tuple[Value, ...]
    low: float = float("-inf")
    high: float = float("inf")
    digits: int = 2

    def check(self, rows: Rows) -> tuple[str, bool] | None:
        """The measured values, and whether all are good enough; None when something was not measured."""
        try:
            values = [value(rows) for value in self.values]
        except KeyError:
            return None
        shown = " / ".join(f"{value:.{self.digits}f}" for value in values)
        return shown, all(self.low <= value <= self.high for value in values)


def _of(row: str, key: str) -> Value:
    return lambda rows: rows[row][key]


def _less(key: str, row: str, other: str) -> Value:
    return lambda rows: rows[row][key] - rows[other][key]


def _share(key: str, row: str, other: str) -> Value:
    return lambda rows: rows[row][key] / rows[other][key]


def _at_rest(sound: str, key: str) -> Value:
    return lambda rows: rows[sound][key] / rows["ours"]["opening_std"]


_CORRELATIONS = ("opening_correlation", "width_correlation")

REQUIREMENTS = (
    Requirement("mouth opening: correlation with the real clip", ">= 0.45", (_of("ours", _CORRELATIONS[0]),), 0.45),
    Requirement("mouth width: correlation with the real clip", ">= 0.50", (_of("ours", _CORRELATIONS[1]),), 0.50),
    Requirement(
        "opening / width: correlation above that with another clip's audio",
        ">= 0.2 each",
        tuple(_less(key, "ours", "other_audio") for key in _CORRELATIONS),
        0.2,
    ),
    Requirement(
        "mouth opening: deviation against the real clip's", "0.8 to 1.2", (_of("ours", "opening_deviation"),), 0.8, 1.2
    ),
    Requirement(
        "best lag, frames: mean over clips / of the mean curve",
        "within 1 of 0",
        (_of("ours", "lag"), _of("ours", "lag_of_mean")),
        -1,
        1,
        1,
    ),
    Requirement(
        "opening rendered against asked, correlation: real / another person's landmarks",
        ">= 0.95 each",
        (_of("real_landmarks", "asked_correlation"), _of("retargeted", "asked_correlation")),
        0.95,
        digits=3,
    ),
    Requirement(
        "opening rendered against asked, slope: real / another person's landmarks",
        "0.85 to 1.15 each",
        (_of("real_landmarks", "asked_slope"), _of("retargeted", "asked_slope")),
        0.85,
        1.15,
    ),
    Requirement("mouth PSNR above the warp's, dB", ">= 0.8", (_less("mouth_psnr", "real_landmarks", "warp"),), 0.8),
    Requirement(
        "mouth LPIPS against the warp's", "<= 0.70", (_share("mouth_lpips", "real_landmarks", "warp"),), high=0.7
    ),
    Requirement(
        "face LPIPS against the warp's", "<= 0.80", (_share("face_lpips", "real_landmarks", "warp"),), high=0.8
    ),
    Requirement(
        "identity less the real video's own", ">= -0.03", (_less("identity", "ours", "real"),), -0.03, digits=3
    ),
    Requirement("flicker against the real video's", "<= 1.2", (_of("ours", "flicker"),), high=1.2),
    Requirement(
        "5 s of silence: opening's deviation against speech's, rendered",
        "< 0.05",
        (_at_rest("silence", "std"),),
        high=0.05,
        digits=3,
    ),
    Requirement(
        "5 s of room noise: opening's deviation against speech's, rendered",
        "< 0.05",
        (_at_rest("noise", "std"),),
        high=0.05,
        digits=3,
    ),
    Requirement(
        "lips closed in silence: mean opening, rendered / asked, inter-ocular distances",
        "< 0.03 each",
        (_of("silence", "mean"), _of("silence", "asked_mean")),
        high=_CLOSED,
        digits=3,
    ),
    Requirement(
        "lip-sync expert: offset follows a shift of the sound within one frame (clips of 2 s and more)",
        ">= 0.90",
        (_of("real", "sync_follows"),),
        0.9,
    ),
    Requirement("sync confidence against the real clips'", ">= 0.8", (_share("sync_confidence", "ours", "real"),), 0.8),
    Requirement("sync offset within one frame, share of clips", ">= 0.85", (_of("ours", "sync_within_one"),), 0.85),
)
