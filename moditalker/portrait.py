"""A portrait as the pipeline holds it: tracked and encoded once, driven many times."""

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from PIL import Image

from moditalker.face.geometry import FaceFrame, aligning_matrix
from moditalker.face.picture import load_portrait
from moditalker.face.tracker import make_tracker
from moditalker.mtov.block_sampling import EncodedFace
from moditalker.render.background import Backdrop, find_backdrop
from moditalker.render.compositor import Composer
from moditalker.render.warp import MOVING_RADII, face_centre

PortraitSource = str | Path | Image.Image | np.ndarray

_FACE_CROP = 4.2
"""Side of the crop ``face`` in inter-ocular distances."""
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


def find_face(source: PortraitSource, crop: str, tracker: str) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Read a picture and find the face in it.

    Args:
        source: file, PIL picture, or (H, W, 3) uint8.
        crop: ``full`` keeps the picture, ``face`` cuts a square around the head.
        tracker: name of the face tracker.
    Returns:
        The picture (H, W, 3) uint8, the landmarks (68, 3) in its pixels, and warnings for the user.
    Raises:
        InputError: not a picture, or no usable face in it.
        ValueError: another ``crop``.
    """
    if crop not in ("full", "face"):
        raise ValueError(f"crop must be 'full' or 'face', got {crop!r}")
    picture = load_portrait(source)
    landmarks, warnings = make_tracker(tracker).detect(picture)
    if crop == "face":
        picture, landmarks = crop_to_face(picture, landmarks)
    return picture, landmarks, tuple(warnings)


def moving_radii(frame: FaceFrame) -> np.ndarray:
    """(2,) how far from the face's centre pixels are moved: a fifth more than the warp's reach, pixels."""
    return 1.2 * frame.unit * np.array(MOVING_RADII)


def composer_of(portrait: Portrait, still_behind: bool = False) -> Composer:
    """What draws frames of a portrait.

    Args:
        still_behind: keep what is behind the person where it is, as far as it can be told from the person.
    """
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
    frame = FaceFrame(landmarks)
    centre = face_centre(frame)
    side = min(round(_FACE_CROP * frame.unit), *picture.shape[:2])
    x = int(np.clip(round(centre[0] - side / 2), 0, picture.shape[1] - side))
    y = int(np.clip(round(centre[1] - side / 2), 0, picture.shape[0] - side))
    size = int(np.clip(side, *sides)) // 2 * 2
    scale = size / side
    cut = Image.fromarray(picture[y : y + side, x : x + side]).resize((size, size), Image.Resampling.LANCZOS)
    moved = (landmarks - np.array([x, y, 0], np.float32)) * scale
    return np.asarray(cut), moved.astype(np.float32)
