"""Where the faces of a conversation are: each in a part of the picture that is its own.

Each face is a portrait of its own part, so that nothing that one of them does reaches another. Parts meet half-way
between two faces. What moves there fades out before it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

import cv2
import numpy as np
from PIL import Image

from moditalker.face.finding import upright_faces
from moditalker.face.geometry import FaceFrame
from moditalker.face.picture import load_portrait
from moditalker.face.tracker import check_usable, make_tracker
from moditalker.portrait import Portrait, PortraitSource, find_face, moving_radii
from moditalker.render.warp import face_centre
from moditalker.utils.errors import InputError

MOST_FACES = 6
"""Each is drawn in every frame."""
_FADE = 0.3
"""Over so much of a part's border what moves fades out, inter-ocular distances."""


@dataclass(frozen=True)
class Seat:
    """A face and its part.

    Attributes:
        number: of the face, counted from the left and from 1; of several portraits, the portrait's number.
        portrait: of the part alone.
        place: x and y of the part's upper left corner on the stage, pixels.
        share: (h, w, 1) float32, how much of what is drawn is shown: 1 but for a fading border. None shows all.
    """

    number: int
    portrait: Portrait
    place: tuple[int, int]
    share: np.ndarray | None = None

    @property
    def centre(self) -> np.ndarray:
        """(2,) of the face on the stage, pixels."""
        return np.asarray(face_centre(self.portrait.frame)) + np.array(self.place)

    def put(self, frames: np.ndarray, drawn: np.ndarray) -> None:
        """Lay (n, h, w, 3) uint8 of the part into (n, H, W, 3) of the stage, in place."""
        (x, y), (height, width) = self.place, drawn.shape[1:3]
        here = frames[:, y : y + height, x : x + width]
        if self.share is None:
            here[:] = drawn
            return
        for below, above in zip(here, drawn, strict=True):
            moved = cv2.subtract(above, below, dtype=cv2.CV_32F) * self.share
            below[:] = cv2.add(below, moved, dtype=cv2.CV_8U)


@dataclass(frozen=True)
class Stage:
    """What is shown while nobody moves.

    Attributes:
        picture: (H, W, 3) uint8.
        seats: of the faces that take part, in the order of their numbers.
        warnings: for the user.
        unusable: of the other faces that were found, why they cannot take part, by number. They stay as they are.
    """

    picture: np.ndarray
    seats: tuple[Seat, ...]
    warnings: tuple[str, ...] = ()
    unusable: Mapping[int, str] = field(default_factory=dict)

    @property
    def centres(self) -> np.ndarray:
        """(F, 2) of the faces, pixels."""
        return np.stack([seat.centre for seat in self.seats])


def faces_of_one_picture(pipeline: Any, source: PortraitSource) -> Stage:
    """All faces of a picture, from left to right.

    Args:
        pipeline: a ``MoDiTalkerPipeline``.
        source: of the picture.
    Raises:
        InputError: not a picture; there is no face, or one that cannot be used.
    """
    tracker = make_tracker(pipeline.config["tracker"])
    picture, _, found = upright_faces(load_portrait(source), tracker)
    unusable: dict[int, str] = {}
    settled = []
    for number, points in enumerate(found, 1):
        try:
            check_usable(points)
            settled.append(tracker.settled(picture, points))
        except InputError as error:
            unusable[number] = str(error)
            settled.append(points)
    usable = len(found) - len(unusable)
    if not usable:
        raise InputError(next(iter(unusable.values())))
    if usable > MOST_FACES:
        raise InputError(f"{usable} faces were found in the picture, and at most {MOST_FACES} take part: cut it.")
    seats = []
    places = parts([FaceFrame(points) for points in settled], picture.shape)
    for number, ((x0, y0, x1, y1), points) in enumerate(zip(places, settled, strict=True), 1):
        if number in unusable:
            continue
        own = np.ascontiguousarray(picture[y0:y1, x0:x1])
        landmarks = (points - np.array([x0, y0, 0])).astype(np.float32)
        portrait = Portrait(own, FaceFrame(landmarks), pipeline.encode_face(own, landmarks))
        inner = (x0 > 0, y0 > 0, x1 < picture.shape[1], y1 < picture.shape[0])
        seats.append(Seat(number, portrait, (x0, y0), _fading(own.shape, inner, _FADE * portrait.frame.unit)))
    return Stage(picture, tuple(seats), unusable=unusable)


def faces_of_portraits(pipeline: Any, sources: Sequence[PortraitSource], together: bool) -> Stage:
    """The largest face of each portrait, cut out as a square; all squares have one size.

    Args:
        pipeline: a ``MoDiTalkerPipeline``.
        sources: of the portraits.
        together: show them side by side; otherwise one at a time, and all seats are in one place.
    Raises:
        InputError: a picture cannot be used.
    """
    if len(sources) > MOST_FACES:
        raise InputError(f"There are {len(sources)} portraits, and at most {MOST_FACES} speak: leave some out.")
    tracker = make_tracker(pipeline.config["tracker"])
    found = []
    for number, source in enumerate(sources, 1):
        try:
            found.append(find_face(source, "face", tracker))
        except InputError as error:
            raise InputError(f"Portrait {number}: {error}") from error
    side = min(len(one.picture) for one in found)
    seats = []
    for number, one in enumerate(found):
        square = np.asarray(Image.fromarray(one.picture).resize((side, side), Image.Resampling.LANCZOS))
        landmarks = (one.landmarks * (side / len(one.picture))).astype(np.float32)
        portrait = Portrait(square, FaceFrame(landmarks), pipeline.encode_face(square, landmarks))
        seats.append(Seat(number + 1, portrait, (number * side if together else 0, 0)))
    squares = [seat.portrait.picture for seat in seats]
    warnings = [f"Portrait {n}: {said}" for n, one in enumerate(found, 1) for said in one.warnings]
    return Stage(np.concatenate(squares, 1) if together else squares[0], tuple(seats), tuple(warnings))


def parts(frames: Sequence[FaceFrame], size: Iterable[int]) -> list[tuple[int, int, int, int]]:
    """Cut a picture up between its faces.

    Args:
        frames: of the faces, picture space.
        size: of the picture, height first, pixels.
    Returns:
        Left, top, right and bottom of each face's part, in pixels: as far as anything of the face may move, and never
        into another one's.
    """
    height, width = list(size)[:2]
    centres = np.stack([face_centre(frame) for frame in frames])
    reach = np.stack([moving_radii(frame) for frame in frames])
    low = np.clip(np.floor(centres - reach), 0, None).astype(int)
    high = np.clip(np.ceil(centres + reach), None, [width, height]).astype(int)
    for one, other in combinations(range(len(frames)), 2):
        if np.any(low[one] >= high[other]) or np.any(low[other] >= high[one]):
            continue
        # Along the axis on which they are farther apart, nearer to the smaller face.
        axis = int(np.argmax(np.abs(centres[one] - centres[other]) / (reach[one] + reach[other])))
        first, second = sorted((one, other), key=lambda face: centres[face, axis])
        nearer = reach[first, axis] / (reach[first, axis] + reach[second, axis])
        middle = round(centres[first, axis] + nearer * (centres[second, axis] - centres[first, axis]))
        high[first, axis] = min(high[first, axis], middle)
        low[second, axis] = max(low[second, axis], middle)
    return [(int(a[0]), int(a[1]), int(b[0]), int(b[1])) for a, b in zip(low, high, strict=True)]


def _fading(shape: Sequence[int], inner: tuple[bool, bool, bool, bool], width: float) -> np.ndarray:
    """(h, w, 1) float32: 1, and towards left, top, right and bottom, where they are inside the picture, down to 0."""
    ramps = []
    for length, (near, far) in ((shape[0], (inner[1], inner[3])), (shape[1], (inner[0], inner[2]))):
        place = np.arange(length, dtype=np.float32)
        distance = np.minimum(place if near else np.inf, length - 1 - place if far else np.inf)
        ramp = np.clip(np.broadcast_to(distance, (length,)) / max(1.0, width), 0, 1)
        ramps.append(ramp * ramp * (3 - 2 * ramp))
    return np.asarray(ramps[0][:, None, None] * ramps[1][None, :, None], np.float32)
