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


def sample_saccades(frames: int, seed: int) -> np.ndarray:
    """Where eyes look that rest and jump, from the viewer's place.

    A saccade starts where the last one ended. Of eight directions and amplitudes the one is taken that ends where eyes
    rest most: near the viewer, by a normal distribution of ``SPREAD``.

    Args:
        frames: T, at 25 a second.
        seed: the same one gives the same gaze, and a longer recording the same beginning.
    Returns:
        (T, 2) float32 radians, see ``Motion.gaze``.
    """
    rng = np.random.default_rng([seed, _STREAM])
    gaze, place, frame = np.zeros((frames, 2), np.float32), np.zeros(2), 0
    while frame < frames:
        held = max(_LEAST_SECONDS, FIXATION_SECONDS[0] * np.exp(FIXATION_SECONDS[1] * rng.standard_normal()))
        end = frame + max(1, round(held * FPS))
        gaze[frame:end] = np.radians(place)
        angles = rng.uniform(0, 2 * np.pi, _TRIES)
        sizes = AMPLITUDE[0] * np.exp(AMPLITUDE[1] * rng.standard_normal(_TRIES))
        ways = np.stack([SIDEWAYS * np.cos(angles), (1 - SIDEWAYS) * np.sin(angles)], 1)
        ends = place + sizes[:, None] * ways / np.linalg.norm(ways, axis=1, keepdims=True)
        likely = np.exp(-0.5 * ((ends / SPREAD) ** 2).sum(1)) * (np.abs(ends) < FARTHEST).all(1)
        if likely.sum() > 0:
            place = ends[rng.choice(_TRIES, p=likely / likely.sum())]
        frame = end
    return gaze
