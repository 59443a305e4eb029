"""Where true zero is: the sound that leaves the mouth when closed lips part.

Before p, b and m the lips are shut and little above 2 kHz is heard; when they part, it rises at once. Averaged over
many such moments, the time between the parting seen and the rise heard says how late the sound is, whatever an expert
or a regression learnt to call zero. Averaged over speakers, each with the root of its number of moments, the rise is
taken where it is half done (in decibels); where sound and picture are together that is ``NATURAL_LAG`` after the
parting, as breath or voice need a moment to reach their strength.
"""

from dataclasses import dataclass

import numpy as np

from moditalker.face.layout import mouth_opening
from moditalker.sync.crops_and_mel import MEL_BANDS, MEL_PER_FRAME, MEL_RATE

NATURAL_LAG = 0.010
"""Seconds from parting to half of the rise where sound and picture are together."""
MIN_MOMENTS = 150
"""Fewer do not give the mean curve a clear shape."""
_SHUT, _NEARLY_SHUT, _OPEN, _LEAP = 0.025, 0.035, 0.06, 0.05
"""Mouth openings in inter-ocular distances: shut, shut a frame earlier, open a frame later, and how much is gained."""
_REACH = 40
_SEARCH, _RISE = 20, 10
"""Mel steps: how far from the parting the steepest rise may be, and how far from there the rise begins and ends."""


@dataclass(frozen=True)
class Moment:
    """Lips that part.

    Attributes:
        speaker: who.
        loudness: (81,) of the upper bands, from 0.4 s before to 0.4 s after, every 10 ms.
    """

    speaker: str
    loudness: np.ndarray


def partings(landmarks: np.ndarray) -> np.ndarray:
    """(T, 68, 3) -> (n,) when shut lips part quickly, in frames, between two of them by interpolation."""
    opening = mouth_opening(landmarks)
    before, last, first, after = opening[:-3], opening[1:-2], opening[2:-1], opening[3:]
    found = (before < _NEARLY_SHUT) & (last < _SHUT) & (first >= _SHUT) & (after > _OPEN) & (after - last > _LEAP)
    index = np.flatnonzero(found)
    share = (_SHUT - last[index]) / (first[index] - last[index])
    return index + 1 + share


def moments(speaker: str, landmarks: np.ndarray, mel: np.ndarray, offset: float) -> list[Moment]:
    """The partings of one clip.

    Args:
        landmarks: (T, 68, 3).
        mel: (M, 64) log-mel at 100 Hz.
        offset: frames by which the sound must be moved later to fit the picture, as far as is known.
    """
    loudness = mel[:, MEL_BANDS // 2 :].astype(np.float32).mean(1)
    found = []
    for parting in partings(landmarks):
        middle = round((parting - offset) * MEL_PER_FRAME)
        if middle - _REACH >= 0 and middle + _REACH < len(loudness):
            found.append(Moment(speaker, loudness[middle - _REACH : middle + _REACH + 1]))
    return found


def lag_of_sound(found: list[Moment]) -> float | None:
    """Seconds by which the sound comes late; None when there are too few moments.

    Args:
        found: of many clips and speakers.
    """
    if len(found) < MIN_MOMENTS:
        return None
    by_speaker: dict[str, list[np.ndarray]] = {}
    for moment in found:
        by_speaker.setdefault(moment.speaker, []).append(moment.loudness)
    curve = np.mean([np.mean(rows, 0) * np.sqrt(len(rows)) for rows in by_speaker.values()], 0)
    curve = np.convolve(curve, np.ones(5) / 5, "same")
    near = slice(_REACH - _SEARCH, _REACH + _SEARCH)
    steepest = near.start + int(np.diff(curve)[near].argmax())
    low = steepest - _RISE + int(curve[steepest - _RISE : steepest + 1].argmin())
    high = steepest + int(curve[steepest : steepest + _RISE + 1].argmax())
    half = (curve[low] + curve[high]) / 2
    after = low + int((curve[low : high + 1] >= half).argmax())
    step = after - 1 + (half - curve[after - 1]) / max(curve[after] - curve[after - 1], 1e-6)
    return float((step - _REACH) / MEL_RATE - NATURAL_LAG)
