"""What stands still behind a person who moves.

A warp knows one picture: a head that turns drags along what is behind it. So the portrait is taken apart into the
person and what is behind, the person is warped and what is behind stays. Where the person went away it is continued
from beside. Put together unmoved, the two are the portrait again to the bit: what of a hair's edge the mask misses goes
along as a difference to what is behind it.
"""

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from scipy.ndimage import distance_transform_edt

from moditalker.face.layout import interocular_distance
from moditalker.face.person import PersonSegmenter
from moditalker.render.crown import crown, hair

_SURE_BEHIND, _SURE_PERSON = 0.1, 0.9
"""A pixel that is a person's with less, or more, than so much certainty is none of it, or all of it."""
_BESIDE = 0.03
"""So far beside a person nothing is believed to be behind only, inter-ocular distances: hair, and what it shades."""
_BLURRED = 0.04
"""Deviation of the Gaussian that blurs what nobody has seen, inter-ocular distances."""
_FACE_SEEN = 0.5
"""Where less of the face than that is found to be a person's, the segmentation is not believed."""


@dataclass(frozen=True)
class Backdrop:
    """A portrait's two layers.

    Attributes:
        person: (H, W) uint8, the person's share of each pixel, of 255.
        behind: (H, W, 3) uint8, the picture without the person.
        above: (A, W) uint8, the person's share above the picture's first row, see ``crown``.
        unit: inter-ocular distance, pixels.
    """

    person: np.ndarray
    behind: np.ndarray
    above: np.ndarray
    unit: float

    @cached_property
    def whole(self) -> np.ndarray:
        """(A + H, W) uint8, the person's share with what the picture cut off."""
        return np.concatenate([self.above, self.person])

    @cached_property
    def through(self) -> np.ndarray:
        """(A + H, W, 3) uint8, what of ``behind`` is in the portrait that was made whole."""
        return showing(np.concatenate([self._wall, self.behind]), self.whole)

    def made_whole(self, picture: np.ndarray) -> np.ndarray:
        """The portrait (H, W, 3) uint8 with what it cut off: (A + H, W, 3)."""
        share, wall = (self.above / np.float32(255))[..., None], self._wall
        above = wall + share * (hair(picture, len(wall), self.unit).astype(np.float32) - wall)
        return np.concatenate([above.round().astype(np.uint8), picture])

    @property
    def _wall(self) -> np.ndarray:
        """(A, W, 3) what is behind above the picture."""
        return np.repeat(self.behind[:1], len(self.above), 0)


def showing(behind: np.ndarray, person: np.ndarray) -> np.ndarray:
    """What is seen of a backdrop.

    Args:
        behind: (H, W, 3) uint8.
        person: (H, W) uint8, share of 255 that hides it.
    Returns:
        (H, W, 3) uint8
    """
    open_ = cv2.bitwise_not(person)
    return np.asarray(cv2.multiply(behind, cv2.merge([open_, open_, open_]), scale=1 / 255))


def find_backdrop(picture: np.ndarray, landmarks: np.ndarray, low: np.ndarray, high: np.ndarray) -> Backdrop | None:
    """Take a portrait apart.

    Args:
        picture: (H, W, 3) uint8.
        landmarks: (68, 2 or 3) of its face, pixels.
        low, high: (2,) x and y of the part to look at; beyond it all counts as behind.
    Returns:
        None where no person is found in the face's place, or nothing is seen behind.
    """
    size = picture.shape[1::-1]
    (x0, y0), (x1, y1) = np.clip(np.stack([low, high]).round().astype(int), 0, size)
    segmenter = PersonSegmenter()
    certain = segmenter(picture[y0:y1, x0:x1])
    segmenter.close()
    person = np.zeros(picture.shape[:2], np.float32)
    person[y0:y1, x0:x1] = np.clip((certain - _SURE_BEHIND) / (_SURE_PERSON - _SURE_BEHIND), 0, 1)
    face = np.zeros(picture.shape[:2], np.uint8)
    cv2.fillConvexPoly(face, cv2.convexHull(landmarks[:, :2].round().astype(np.int32)), 1)
    if person[face > 0].mean() < _FACE_SEEN:
        return None
    person = np.maximum(person, face)
    unit = float(interocular_distance(landmarks[:, :2]))
    beside = 2 * max(1, round(_BESIDE * unit)) + 1
    reach = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (beside, beside))
    hidden = cv2.dilate((person > 0).astype(np.uint8), reach) > 0
    if hidden[y0:y1, x0:x1].all():
        return None
    share = (255 * person).round().astype(np.uint8)
    return Backdrop(share, _continued(picture, hidden, max(0.5, _BLURRED * unit)), crown(share, unit), unit)


def _continued(picture: np.ndarray, hidden: np.ndarray, blurred: float) -> np.ndarray:
    """Fill (H, W, 3) where it is ``hidden``, (H, W) bool: the nearest pixels, blurred but for the first few."""
    distance, nearest = distance_transform_edt(hidden, return_indices=True)
    sharp = picture[tuple(nearest)]
    soft = cv2.GaussianBlur(sharp, (0, 0), blurred)
    far = np.clip(distance / blurred, 0, 1).astype(np.float32)[..., None]
    return np.asarray((far * soft + (1 - far) * sharp).round().astype(np.uint8))
