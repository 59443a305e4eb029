"""Lips that are drawn as far apart, and in the shape, that their landmarks say, whatever mouth the portrait shows.

A portrait with shut lips keeps them shut until the target opens by more than a little. One that shows its teeth is hard
to shut. The warp has the one or the other to start from, people differ, and so do a turned and a straight head, a round
and a wide mouth. So the motion is rendered first, small and around the mouth only. The face tracker reads the lips of
this first render, and the difference is added to the target: how far they are apart first, then their shape.

Long motion is tried in stretches, each one just before it is drawn. So the first picture does not wait for the trial of
the last one, and memory stays bounded.
"""

from collections.abc import Callable, Iterator
from itertools import groupby, pairwise

import numpy as np
from scipy.ndimage import gaussian_filter1d

from moditalker.face.geometry import FaceFrame, FaceMotion
from moditalker.face.layout import (
    INNER_LIPS,
    LOWER_INNER_LIP,
    LOWER_LIP_SIDES,
    LOWER_OUTER_LIP,
    OUTER_LIPS,
    UPPER_INNER_LIP,
    UPPER_LIP_SIDES,
    UPPER_OUTER_LIP,
    mouth_opening,
)
from moditalker.face.motion_controls import untangle

LEAST = 0.02
"""Where openings lie within less (inter-ocular distances), nobody speaks and nothing is tried."""
_SHARE, _FARTHEST = 0.7, 0.08
"""How much of what was lacking is added, and the most that is, inter-ocular distances."""
_SHAPE_SHARE, _SHAPE_FARTHEST = 0.5, 0.06
"""The same of each point of the mouth, for what its opening does not tell."""
_SMOOTH = 0.7
"""Deviation of the Gaussian over what was lacking, frames: the tracker trembles, and lips that followed it would."""

STRETCH = 125
"""Frames that are tried at once, at most."""
EASE = 6
"""Frames over which a correction comes and goes beside lips that are not tried, and frames that a trial has in common
with the stretches beside it: there the tracker and the Gaussian find what they need."""

_RESTING = 16
"""Frames of shut lips that are tried."""

Read = Callable[[FaceMotion], np.ndarray]
"""Target of T frames -> (T, 68, 3) residual, as ``FaceFrame.motion`` has it, that a tracker reads in its frames."""

_MOUTH = np.concatenate([OUTER_LIPS, INNER_LIPS])
_UPPER = 0.35
"""The upper lip's share."""
_PARTING = np.zeros(68, np.float32)
"""How far down each point goes when lips part by one; the jaw follows the lower lip."""
for _points, _share in ((UPPER_INNER_LIP, 1), (UPPER_OUTER_LIP, 0.9), (UPPER_LIP_SIDES, 0.5)):
    _PARTING[_points] = -_UPPER * _share
for _points, _share in ((LOWER_INNER_LIP, 1), (LOWER_OUTER_LIP, 1), (LOWER_LIP_SIDES, 0.6)):
    _PARTING[_points] = (1 - _UPPER) * _share
_PARTING[5:12] = (1 - _UPPER) * np.array([0.3, 0.6, 0.6, 0.6, 0.6, 0.6, 0.3])


def parted(points: np.ndarray, by: np.ndarray) -> np.ndarray:
    """Lips farther apart or nearer together; the jaw follows the lower one.

    Args:
        points: (T, 68, 3) face-centric, inter-ocular distances.
        by: (T,) by how much the opening grows, inter-ocular distances.
    Returns:
        (T, 68, 3)
    """
    moved = points.copy()
    moved[..., 1] += _PARTING * by[:, None]
    return moved


def lip_corrected(frame: FaceFrame, motion: FaceMotion, read: Read, least: float = LEAST) -> FaceMotion:
    """The target with which the mouth in the frames is as ``motion`` says.

    Args:
        frame: of the portrait.
        motion: of its landmarks.
        read: renders a target and tracks the frames; called once with ``motion``, or not at all.
        least: see ``LEAST``; 0 tries lips that stand still too.
    Returns:
        Only lips and jaw differ.
    """
    points = motion.residual + frame.shape
    meant = mouth_opening(points)
    if np.ptp(meant) < least:
        return motion
    seen = read(motion) + frame.shape
    opening = correction(mouth_opening(seen), meant)
    target = parted(points, opening - meant) + reshaping(seen, points)
    return frame.posed(untangle(target - frame.shape, frame.shape), motion.pose)


def stretches(spoken: np.ndarray) -> list[tuple[int, int, bool]]:
    """What is tried at once.

    Args:
        spoken: (T,) bool, where lips may move.
    Returns:
        First frame, the frame after the last one, and whether it is tried, of stretches that cover all T frames. Those
        that are tried have ``STRETCH`` frames at most, and neighbours of one kind have nearly the same length.
    """
    found: list[tuple[int, int, bool]] = []
    start = 0
    for tried, frames in groupby(spoken.tolist()):
        stop = start + sum(1 for _ in frames)
        pieces = -(-(stop - start) // STRETCH) if tried else 1
        edges = np.linspace(start, stop, pieces + 1).round().astype(int).tolist()
        found += [(first, last, bool(tried)) for first, last in pairwise(edges)]
        start = stop
    return found


def corrected_in_stretches(
    frame: FaceFrame, motion: FaceMotion, spoken: np.ndarray, correct: Callable[[FaceMotion, float], FaceMotion]
) -> Iterator[FaceMotion]:
    """Correct a motion piece by piece, each one when it is asked for.

    Args:
        frame: of the portrait.
        motion: of its landmarks, T frames.
        spoken: (T,) bool, where lips may move. Elsewhere they are at rest: a few of these frames are tried once, and
            all of them have the mean of that correction.
        correct: ``lip_corrected`` of a few frames, with its ``least``.
    Yields:
        The pieces of all T frames, in order.
    """
    quiet = motion[np.flatnonzero(~spoken)[:_RESTING]]
    rest = (correct(quiet, 0.0).residual - quiet.residual).mean(0) if len(quiet) else np.zeros_like(frame.shape)
    for start, stop, tried in stretches(spoken):
        asked = motion[start:stop]
        if not tried:
            yield frame.posed(asked.residual + rest, asked.pose)
            continue
        low, high = max(0, start - EASE), min(len(motion), stop + EASE)
        drawn = correct(motion[low:high], LEAST)[start - low : stop - low]
        quiet_before, quiet_after = start > 0 and not spoken[start - 1], stop < len(motion) and not spoken[stop]
        if quiet_before or quiet_after:
            place = np.arange(len(asked), dtype=np.float32)
            since = place + 1 if quiet_before else np.full_like(place, EASE + 1)
            until = place[::-1] + 1 if quiet_after else np.full_like(place, EASE + 1)
            share = np.clip(np.minimum(since, until) / (EASE + 1), 0, 1)[:, None, None]
            residual = share * drawn.residual + (1 - share) * (asked.residual + rest)
            drawn = frame.posed(residual, asked.pose)
        yield drawn


def correction(seen: np.ndarray, meant: np.ndarray) -> np.ndarray:
    """Openings of the target.

    Args:
        seen: (T,) what was read when ``meant`` was the target.
        meant: (T,) openings as they shall be read.
    Returns:
        (T,) not negative; all in inter-ocular distances.
    """
    lacking = _SHARE * gaussian_filter1d(meant - seen, _SMOOTH, mode="nearest")
    return np.maximum(meant + np.clip(lacking, -_FARTHEST, _FARTHEST), 0)


def reshaping(seen: np.ndarray, meant: np.ndarray) -> np.ndarray:
    """By how much farther to move the mouth's points, its opening aside.

    Args:
        seen: (T, 68, 3) what was read when ``meant`` was the target, face-centric.
        meant: (T, 68, 3) points as they shall be read; all in inter-ocular distances.
    Returns:
        (T, 68, 3), zero but for x and y of the mouth.
    """
    lacking = np.zeros_like(meant)
    there = np.s_[:, _MOUTH, :2]
    lacking[there] = gaussian_filter1d(meant[there] - seen[there], _SMOOTH, axis=0, mode="nearest")
    opens = mouth_opening(meant + lacking) - mouth_opening(meant)
    lacking[:, _MOUTH, 1] -= _PARTING[_MOUTH] * opens[:, None]
    return np.clip(_SHAPE_SHARE * lacking, -_SHAPE_FARTHEST, _SHAPE_FARTHEST)
