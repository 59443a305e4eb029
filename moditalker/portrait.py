"""A portrait as the pipeline holds it: tracked and encoded once, driven many times."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from PIL import Image

from moditalker.face.finding import FoundFace, find_face_in
from moditalker.face.geometry import FaceFrame, aligning_matrix
from moditalker.face.irises import Irises, irises_of
from moditalker.face.layout import OUTER_LIPS
from moditalker.face.picture import MAX_SIDE, Cut, load_portrait
from moditalker.face.tracker import FaceTracker, MediaPipeTracker
from moditalker.mtov.block_sampling import EncodedFace
from moditalker.render.background import Backdrop, find_backdrop
from moditalker.render.compositor import Composer
from moditalker.render.gaze import usable_irises, with_gaze
from moditalker.render.warp import MOVING_RADII, face_centre

PortraitSource = str | Path | Image.Image | np.ndarray

_FACE_CROP = 4.2
"""Side of the crop ``face`` in inter-ocular distances."""
_MOUTH_REACH = 0.9
"""How far around the mouth is drawn where nothing else is, inter-ocular distances."""
_CROP_PIXELS, _HEAD_PIXELS = (256, 768), (192, 256)
"""Smallest and largest side of the crop ``face``, and of ``head_of``."""


@dataclass(frozen=True)
class Portrait:
    """A portrait, tracked and encoded once; it can be driven many times.

    Attributes:
        picture: (H, W, 3) uint8.
        frame: its face-centric frame; ``frame.landmarks`` is (68, 3) in pixels.
        face: what MToV keeps of it.
        warnings: for the user.
    """

    picture: np.ndarray
    frame: FaceFrame
    face: EncodedFace
    warnings: tuple[str, ...] = ()

    @cached_property
    def backdrop(self) -> Backdrop | None:
        """What stands still behind the person; None where it cannot be told."""
        centre, reach = face_centre(self.frame), moving_radii(self.frame)
        return find_backdrop(self.picture, self.frame.landmarks, centre - reach, centre + reach)

    @cached_property
    def irises(self) -> Irises | None:
        """Where its irises are; None where none are found: shut eyes, glasses that mirror, drawn faces."""
        mesh = MediaPipeTracker().settled_mesh(self.picture, self.frame.landmarks)
        irises = None if mesh is None else irises_of(mesh)
        return irises if irises is not None and usable_irises(irises, self.frame.landmarks) else None


def looking(
    chunks: Iterator[np.ndarray], portrait: Portrait, landmarks: np.ndarray, gaze: np.ndarray
) -> Iterator[np.ndarray]:
    """Frames with eyes that look elsewhere than the portrait's; the same ones where no irises are found.

    Args:
        chunks: (n, H, W, 3) uint8 of the portrait, in order.
        landmarks: (T, 68, 3) that they were drawn to, pixels.
        gaze: (T, 2) radians, see ``Motion``.
    """
    irises = portrait.irises if gaze.any() else None
    if irises is None:
        return chunks
    return with_gaze(chunks, irises, portrait.frame.landmarks, zip(landmarks, gaze, strict=False))


def find_face(source: PortraitSource, crop: str, tracker: FaceTracker, number: int | None = None) -> FoundFace:
    """Read a picture, turn it upright, and find the face in it that is to speak.

    Args:
        source: file, PIL picture, or (H, W, 3) uint8.
        crop: ``full`` keeps the picture, its longest side at most 1024 pixels; ``face`` cuts a square around the head
            out of the picture as it came, at its own resolution, and brings its side to 256 to 768 pixels.
        tracker: finds the face.
        number: of the face, counted from the left and from 1; None takes the largest.
    Raises:
        InputError: not a picture, or no usable face in it.
        ValueError: another ``crop``.
    """
    if crop not in ("full", "face"):
        raise ValueError(f"crop must be 'full' or 'face', got {crop!r}")
    found = find_face_in(load_portrait(source), tracker, number)
    if crop == "full":
        return found
    if max(found.picture.shape) < MAX_SIDE:
        picture, landmarks = crop_to_face(found.picture, found.landmarks)
        return replace(found, picture=picture, landmarks=landmarks)
    # The picture was scaled down: the head is cut out of the one before.
    x, y, side = _head_square(found.picture, found.landmarks)
    height, width = found.picture.shape[:2]
    box = (x / width, y / height, (x + side) / width, (y + side) / height)
    original = load_portrait(source, max_side=_CROP_PIXELS[1], cut=Cut(found.turns, box))
    moved = (found.landmarks - np.array([x, y, 0], np.float32)) * (max(original.shape[:2]) / side)
    picture, landmarks = _brought_to(original, moved, _CROP_PIXELS)
    return replace(found, picture=picture, landmarks=landmarks)


def moving_radii(frame: FaceFrame) -> np.ndarray:
    """(2,) how far from the face's centre pixels are moved: a fifth more than the warp's reach, pixels."""
    return 1.2 * frame.unit * np.array(MOVING_RADII)


def composer_of(portrait: Portrait, still_behind: bool = False, mouth_only: bool = False) -> Composer:
    """What draws frames of a portrait.

    Args:
        still_behind: keep what is behind the person where it is, as far as it can be told from the person.
        mouth_only: warp nothing but the neighbourhood of the mouth; all else stays as the portrait has it.
    """
    if mouth_only:
        reach = portrait.frame.unit * _MOUTH_REACH
        return Composer(portrait.picture, portrait.frame.landmarks[OUTER_LIPS, :2].mean(0), (reach, reach))
    width, height = moving_radii(portrait.frame)
    backdrop = portrait.backdrop if still_behind else None
    return Composer(portrait.picture, face_centre(portrait.frame), (width, height), backdrop)


def head_of(portrait: Portrait) -> Portrait:
    """The head alone, hardly larger than MToV sees it, so that drawing takes as long whatever the picture's size."""
    picture, landmarks = crop_to_face(portrait.picture, portrait.frame.landmarks, _HEAD_PIXELS)
    face = replace(portrait.face, landmarks=landmarks, matrix=aligning_matrix(landmarks))
    return Portrait(picture, FaceFrame(landmarks), face)


def crop_to_face(
    picture: np.ndarray, landmarks: np.ndarray, sides: tuple[int, int] = _CROP_PIXELS
) -> tuple[np.ndarray, np.ndarray]:
    """Cut a square around the head and bring its side between two bounds.

    Args:
        picture: (H, W, 3) uint8.
        landmarks: (68, 3) pixels.
        sides: smallest and largest side, pixels.
    Returns:
        The crop, and the landmarks in its pixels.
    """
    x, y, side = _head_square(picture, landmarks)
    moved = landmarks - np.array([x, y, 0], np.float32)
    return _brought_to(picture[y : y + side, x : x + side], moved, sides)


def _head_square(picture: np.ndarray, landmarks: np.ndarray) -> tuple[int, int, int]:
    """Left, top and side of the square around the head, (68, 3), inside a picture (H, W, 3); pixels."""
    frame = FaceFrame(landmarks)
    centre = face_centre(frame)
    side = min(round(_FACE_CROP * frame.unit), *picture.shape[:2])
    x = int(np.clip(round(centre[0] - side / 2), 0, picture.shape[1] - side))
    y = int(np.clip(round(centre[1] - side / 2), 0, picture.shape[0] - side))
    return x, y, side


def _brought_to(square: np.ndarray, landmarks: np.ndarray, sides: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """A square picture and the (68, 3) landmarks in it, its side brought between two bounds and made even."""
    side = max(square.shape[:2])
    size = int(np.clip(side, *sides)) // 2 * 2
    resized = Image.fromarray(square).resize((size, size), Image.Resampling.LANCZOS)
    return np.asarray(resized), (landmarks * (size / side)).astype(np.float32)
