"""Eyes that do not stare: fixations and the saccades between them, drawn from what eyes do in clips of talkers.

The numbers come from what `python -m moditalker.training.gaze_statistics CLIPS.csv` printed of 52 clips of 52 talkers,
460 s. A saccade of few degrees lasts less than a frame (A. T. Bahill et al., "The main sequence", 1975).
"""

import numpy as np

from moditalker.constants import FPS

FIXATION_SECONDS = 0.4, 1.14
"""Median of how long eyes rest, and the spread of its logarithm. The spread is that of the quartiles, 0.12 and 0.56 s;
the median gives the 1.3 saccades a second that were counted. Fixations that a clip's end or a blink cuts were left out
of the quartiles, so theirs, 0.24 s, is too short."""
AMPLITUDE = 4.3, 0.6
"""Median of a saccade in degrees, and the spread of its logarithm: quartiles 3.1, 4.3 and 6.9. Below 2 degrees the
tracker sees none."""
SIDEWAYS = 0.64
"""Share of the turning that is sideways."""
SPREAD = 2.3, 1.4
"""Degrees to the side and down, over which the places spread at which eyes rest: they come back to the viewer."""
FARTHEST = 7.0
"""Degrees; an eye that turns farther takes the head along."""
_LEAST_SECONDS = 0.16
"""Shorter fixations are no fixations."""

_STREAM = 3
"""Of the seed: lips, head and video have 0 to 2, see ``utils.seeds``."""
_TRIES = 8


class Saccades:
    """Eyes that rest and jump, a little at a time, from the viewer's place.

    A saccade starts where the last one ended. Of eight directions and amplitudes the one is taken that ends where eyes
    rest most: near the viewer, by a normal distribution of ``SPREAD``.

    Args:
        seed: the same one gives the same gaze, in whatever pieces it is asked for.
    """

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng([seed, _STREAM])
        self._place = np.zeros(2)
        self._left = self._fixation()

    def __call__(self, frames: int) -> np.ndarray:
        """Where they look in the next frames.

        Args:
            frames: T, at 25 a second.
        Returns:
            (T, 2) float32 radians, see ``Motion.gaze``.
        """
        gaze, frame = np.zeros((frames, 2), np.float32), 0
        while frame < frames:
            if self._left == 0:
                self._jump()
                self._left = self._fixation()
            rested = min(self._left, frames - frame)
            gaze[frame : frame + rested] = np.radians(self._place)
            frame, self._left = frame + rested, self._left - rested
        return gaze

    def _fixation(self) -> int:
        """Frames for which they rest."""
        held = max(_LEAST_SECONDS, FIXATION_SECONDS[0] * np.exp(FIXATION_SECONDS[1] * self._rng.standard_normal()))
        return max(1, round(held * FPS))

    def _jump(self) -> None:
        angles = self._rng.uniform(0, 2 * np.pi, _TRIES)
        sizes = AMPLITUDE[0] * np.exp(AMPLITUDE[1] * self._rng.standard_normal(_TRIES))
        ways = np.stack([SIDEWAYS * np.cos(angles), (1 - SIDEWAYS) * np.sin(angles)], 1)
        ends = self._place + sizes[:, None] * ways / np.linalg.norm(ways, axis=1, keepdims=True)
        likely = np.exp(-0.5 * ((ends / SPREAD) ** 2).sum(1)) * (np.abs(ends) < FARTHEST).all(1)
        if likely.sum() > 0:
            self._place = ends[self._rng.choice(_TRIES, p=likely / likely.sum())]


def sample_saccades(frames: int, seed: int) -> np.ndarray:
    """``Saccades`` of a whole recording: (T, 2) float32 radians; a longer recording has the same beginning."""
    return Saccades(seed)(frames)
