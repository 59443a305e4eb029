"""Who of several people in a video speaks: whoever's mouth moves, and moves with the sound.

The lip-sync expert compares each mouth with the sound under it, and with the sound at other times. How much better the
right time fits is the evidence that this mouth makes this sound. How far the lips move counts beside it, as a mouth
that rests fits no sound better than another. A dynamic programme (Viterbi, 1967) then finds whom to follow: changing
costs, except at a cut, so that a laugh of one listener changes nothing.
"""

import numpy as np
from scipy.ndimage import gaussian_filter1d

from moditalker.constants import FPS, SAMPLES_A_FRAME
from moditalker.sync.crops_and_mel import log_mel
from moditalker.sync.expert import WINDOW
from moditalker.sync.expert_weights import shipped_expert
from moditalker.sync.offset_scoring import embed_mel, embed_mouths

_NEAR, _FAR = 2, range(6, 16)
"""Offsets in frames at which sound and picture may belong together, and at which they cannot."""
_OVER_SECONDS = 0.5
"""Deviation of the Gaussian over both kinds of evidence."""
_MOVED, _MOVED_WEIGHT = 0.03, 0.15
"""Deviation of the opening, in inter-ocular distances, of a mouth that surely moves; and what that is worth."""
_CHANGE = 1.0
"""What a change of the speaker costs: so many frames of evidence 1."""
_UNSEEN = 0.2
"""What a frame costs in which the followed person is not seen."""
SHORTEST_SECONDS = 0.4
"""Nobody is followed for less within a shot."""


def evidence(mouths: np.ndarray, opening: np.ndarray, seen: np.ndarray, sound: np.ndarray) -> np.ndarray:
    """How much speaks for one person, frame by frame.

    Args:
        mouths: (T, 64, 64) uint8 mouth crops, 25 a second.
        opening: (T,) of the lips, inter-ocular distances.
        seen: (T,) bool.
        sound: (N,) float32 at 16 kHz, which begins with the first frame.
    Returns:
        (T,) float32; about 0 for a mouth that rests, negative where the person is not seen.
    """
    expert, count = shipped_expert(), len(mouths)
    fits = np.zeros(count, np.float32)
    if count >= WINDOW:
        heard = embed_mel(expert, log_mel(np.pad(sound, (0, max(0, (count + WINDOW) * SAMPLES_A_FRAME - len(sound))))))
        fits[: count - WINDOW + 1] = _contrast(embed_mouths(expert, mouths), heard)
        # A window is named by its first frame, and tells of its middle.
        fits = np.roll(fits, WINDOW // 2)
    known = np.where(seen, 1.0, 0.0)
    over = _OVER_SECONDS * FPS

    def spread(values: np.ndarray) -> np.ndarray:
        """Mean over the frames around that are seen."""
        share = gaussian_filter1d(known, over, mode="nearest")
        return np.asarray(gaussian_filter1d(values * known, over, mode="nearest") / np.maximum(share, 1e-3))

    still = np.where(seen, opening, 0.0)
    moved = np.sqrt(np.maximum(0, spread(still**2) - spread(still) ** 2))
    told = spread(fits) + _MOVED_WEIGHT * np.minimum(1, moved / _MOVED)
    return np.where(seen, told, -_UNSEEN).astype(np.float32)


def _contrast(picture: np.ndarray, heard: np.ndarray) -> np.ndarray:
    """(P,) by how much each window (P, D) is nearer to the sound (S, D) of its time than to that of other times."""

    def apart(offset: int) -> np.ndarray:
        places = np.arange(len(picture)) + offset
        there = (places >= 0) & (places < len(heard))
        alike = (picture * heard[np.clip(places, 0, len(heard) - 1)]).sum(-1)
        return np.where(there, np.sqrt(np.maximum(0, 2 - 2 * alike)), np.nan)

    far = np.stack([apart(sign * offset) for offset in _FAR for sign in (-1, 1)])
    near = np.stack([apart(offset) for offset in range(-_NEAR, _NEAR + 1)])
    usual = np.nanmean(np.where(np.isnan(far).all(0), 0.0, far), 0)
    return np.asarray(np.nan_to_num(usual - np.nanmean(near, 0)), np.float32)


def followed(told: np.ndarray, shots: np.ndarray, fps: float) -> np.ndarray:
    """Whom to follow in each frame.

    Args:
        told: (P, T) evidence for each of P people.
        shots: (T,) which shot each frame is of.
        fps: frames a second.
    Returns:
        (T,) int; nobody is followed for less than ``SHORTEST_SECONDS`` within a shot, unless the shot is shorter.
    """
    people, count = told.shape
    cost, came = -told[:, 0].astype(np.float64), np.zeros((count, people), np.int64)
    change = _CHANGE * (fps / FPS)
    for index in range(1, count):
        moving = cost.min() + (change if shots[index] == shots[index - 1] else 0.0)
        stays = cost <= moving
        came[index] = np.where(stays, np.arange(people), int(cost.argmin()))
        cost = np.where(stays, cost, moving) - told[:, index]
    who = np.empty(count, np.int64)
    who[-1] = int(cost.argmin())
    for index in range(count - 1, 0, -1):
        who[index - 1] = came[index, who[index]]
    return _without_flashes(who, shots, SHORTEST_SECONDS * fps)


def _without_flashes(who: np.ndarray, shots: np.ndarray, shortest: float) -> np.ndarray:
    """The same, where a run that is too short goes to whoever comes before it in the shot, or else after it."""
    who = who.copy()
    while True:
        edges = np.flatnonzero((np.diff(who) != 0) | (np.diff(shots) != 0)) + 1
        starts, stops = [0, *edges.tolist()], [*edges.tolist(), len(who)]
        for start, stop in zip(starts, stops, strict=True):
            before = start > 0 and shots[start - 1] == shots[start]
            after = stop < len(who) and shots[stop] == shots[start]
            if stop - start < shortest and (before or after):
                who[start:stop] = who[start - 1] if before else who[stop]
                break
        else:
            return who
