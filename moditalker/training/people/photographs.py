"""A drawn picture and all that is measured on it."""

from dataclasses import dataclass

import numpy as np

from moditalker.face.layout import MEDIAPIPE_TO_68
from moditalker.face.tracker import MediaPipeTracker
from moditalker.metrics.identity import IdentityEncoder
from moditalker.training.people.features import measure
from moditalker.training.people.generator import PeopleGenerator
from moditalker.utils.errors import InputError


@dataclass(frozen=True)
class Photograph:
    """One face.

    Attributes:
        picture: (S, S, 3) uint8 RGB.
        mesh: (478, 3) float32 points of MediaPipe's mesh, pixels, irises last.
        features: (9,) as ``features.FEATURES`` names them.
        embedding: (128,) dlib's identity embedding.
    """

    picture: np.ndarray
    mesh: np.ndarray
    features: np.ndarray
    embedding: np.ndarray

    @property
    def landmarks(self) -> np.ndarray:
        """(68, 3) float32, pixels."""
        return self.mesh[MEDIAPIPE_TO_68]


class Photographer:
    """Draws, tracks and measures.

    Args:
        generator: draws.
        size: side of the pictures, pixels.
    """

    def __init__(self, generator: PeopleGenerator, size: int = 512) -> None:
        self.generator, self.size = generator, size
        self._tracker, self._identity = MediaPipeTracker(), IdentityEncoder()

    def take(self, styles: np.ndarray) -> Photograph | None:
        """The photograph at a place in style space; None where not exactly one usable face is found.

        Args:
            styles: (channels,).
        """
        picture = self.generator.draw(styles, self.size)
        try:
            mesh, notes = self._tracker.detect_mesh(picture)
        except InputError:
            return None
        if notes:
            return None
        landmarks = mesh[MEDIAPIPE_TO_68]
        embedding = self._identity(picture[None], landmarks[None])[0]
        return Photograph(picture, mesh, measure(picture, landmarks), embedding)
