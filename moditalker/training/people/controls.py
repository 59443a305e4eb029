"""The directions of the style space that a face is moved by, and how a move is made of them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.optimize import lsq_linear

from moditalker.training.people.features import FEATURES

# Errors of a move that count alike, in the units of FEATURES: of a feature that is asked for, and of one that is not.
_CLOSE = np.array([0.01, 0.015, 0.01, 0.02, 0.02, 0.004, 0.02, 2, 3])
_ABOUT = np.array([0.01, 0.05, 0.03, 0.1, 0.1, 0.012, 0.03, 3, 5])
_SAME_PERSON = 0.1
"""The change of dlib's embedding that counts as much."""
_SAME_PICTURE = 4.0
"""And so does such a change of the upper half of the picture, grey levels: glasses come and go."""
_POSE = ("yaw", "pitch")


@dataclass(frozen=True)
class _Reach:
    """How far directions of one kind are used.

    Attributes:
        most: largest shift of one, standard deviations; beyond it pictures break.
        effort: what a shift by one standard deviation costs, in errors that count alike.
    """

    most: float
    effort: float


_CHANNEL, _COMPONENT = _Reach(7.0, 0.15), _Reach(4.5, 0.5)


@dataclass(frozen=True)
class Controls:
    """What moves what.

    Attributes:
        mean: (512,) the mean style vector.
        basis: (K, channels) one standard deviation of each direction: single channels, then components of the layers
            that hold the pose.
        components: number of the latter, (1,).
        gains: (K, 9) change of ``FEATURES`` by one standard deviation of each direction.
        identity: (K, 128) change of dlib's embedding.
        appearance: (K,) mean squared change of the upper picture, squared grey levels; 0 for components.
    """

    mean: np.ndarray
    basis: np.ndarray
    components: np.ndarray
    gains: np.ndarray
    identity: np.ndarray
    appearance: np.ndarray

    def save(self, path: Path) -> None:
        """Write the numbers to an npz file."""
        fresh = path.with_name(f".{path.name}")
        np.savez(fresh, **vars(self))
        fresh.replace(path)

    @classmethod
    def load(cls, path: Path) -> "Controls":
        """Read what ``save`` wrote."""
        with np.load(path) as stored:
            return cls(**{name: stored[name] for name in stored.files})

    def shift(self, change: dict[str, float]) -> np.ndarray:
        """How to go from one's own place in style space to where features differ by ``change``.

        Components turn the head. They would also put on glasses for an open mouth, so the expression is left to the
        channels, which make up for what the turn did to it.

        Args:
            change: of features by name, in the units of ``features.measure``. What is not named stays about as it is.
        Returns:
            (channels,) float32, to be added to a person's styles.
        """
        errors = np.array([_CLOSE[i] if name in change else _ABOUT[i] for i, name in enumerate(FEATURES)])
        wanted = np.array([change.get(name, 0.0) for name in FEATURES])
        posed = np.array([name in _POSE for name in FEATURES])
        channels = len(self.basis) - int(self.components[0])
        amounts = np.zeros(len(self.basis))
        if any(name in change for name in _POSE):
            amounts[channels:] = self._solve(slice(channels, None), wanted * posed, errors, _COMPONENT)
        left = wanted * ~posed - (amounts @ self.gains) * ~posed
        amounts[:channels] = self._solve(slice(0, channels), left, errors, _CHANNEL)
        return (amounts @ self.basis).astype(np.float32)

    def _solve(self, kind: slice, wanted: np.ndarray, errors: np.ndarray, reach: _Reach) -> np.ndarray:
        """Bounded least squares: what is wanted, little change of identity and appearance, and small shifts."""
        gains, identity = self.gains[kind], self.identity[kind]
        count, embedding = identity.shape
        effort = np.sqrt(reach.effort**2 + self.appearance[kind] / _SAME_PICTURE**2)
        system = np.concatenate([(gains / errors).T, identity.T / _SAME_PERSON, np.diag(effort)])
        goal = np.concatenate([wanted / errors, np.zeros(embedding + count)])
        amounts: np.ndarray = lsq_linear(system, goal, (-reach.most, reach.most)).x
        return amounts
