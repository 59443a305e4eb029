"""Load a portrait of any usual picture format as upright RGB pixels."""

import logging
import struct
from dataclasses import astuple
from pathlib import Path

import numpy as np
from PIL import Image

from moditalker.media.decoder import DecodingError, decode
from moditalker.media.source import existing_file
from moditalker.media.stills import MIN_SIDE, Cut, upright_rgb
from moditalker.utils.errors import InputError

logger = logging.getLogger(__name__)

MAX_SIDE = 1024
"""Longest side of a portrait unless a caller says otherwise, pixels; of a video that shows the whole picture, too."""

# A picture of 120 million pixels takes two seconds.
_CPU_SECONDS = 30
# What Pillow raises when a picture that was opened elsewhere is loaded now. InputError is a ValueError, too.
_DAMAGE = (OSError, SyntaxError, EOFError, IndexError, struct.error)


def load_portrait(
    source: str | Path | Image.Image | np.ndarray, max_side: int = MAX_SIDE, cut: Cut | None = None
) -> np.ndarray:
    """Decode a picture, turn it upright, convert it to sRGB on white and bound its size.

    EXIF rotation is applied; an embedded colour profile (CMYK, wide gamut) is converted to sRGB; the first frame of
    an animation is taken. Pictures are scaled down (Lanczos), never up; an odd side loses one line of pixels. Files
    are decoded in a process of their own.

    Args:
        source: path of a JPEG, PNG, WebP, AVIF, HEIC, GIF, BMP or TIFF file; a Pillow picture; or an array (H, W),
            (H, W, 1), (H, W, 3) or (H, W, 4) of uint8, uint16 (0 to 65535) or floats in [0, 1].
        max_side: the longest side of the result in pixels, at least `MIN_SIDE`.
        cut: the part of the upright picture that is taken, at the picture's own resolution; None takes the whole.

    Returns:
        uint8 (H, W, 3) RGB, H and W even, neither below `MIN_SIDE` nor above `max_side`.

    Raises:
        InputError: the picture is missing, not a regular file, not readable, damaged, has more than
            `moditalker.media.stills.MAX_PIXELS` pixels, or a side is smaller than `MIN_SIDE` pixels.
        ValueError: `max_side` is smaller than `MIN_SIDE`.
    """
    if max_side < MIN_SIDE:
        raise ValueError(f"max_side must be at least {MIN_SIDE}, got {max_side}")
    if isinstance(source, np.ndarray):
        source = Image.fromarray(_as_uint8(source))
    if isinstance(source, Image.Image):
        try:
            return np.array(upright_rgb(source, "The picture", max_side, cut))
        except _DAMAGE as error:
            raise InputError("The picture is damaged: save it again as JPEG, PNG or WebP.") from error
    path = existing_file(source, "picture")
    try:
        how = {"max_side": max_side, "cut": None if cut is None else astuple(cut)}
        [(part, pixels)] = decode("picture", _CPU_SECONDS, path=str(path), name=path.name, **how)
    except DecodingError as error:
        logger.debug("%s: %s", path, error)
        raise InputError(f"{path.name} is damaged: save it again as JPEG, PNG or WebP.") from error
    return pixels.reshape(part["height"], part["width"], 3)


def _as_uint8(array: np.ndarray) -> np.ndarray:
    """An array that `load_portrait` accepts as uint8 (H, W), (H, W, 3) or (H, W, 4); InputError for any other."""
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.size == 0 or not (array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (3, 4))):
        raise InputError(f"The picture has shape {array.shape}: give (H, W), (H, W, 1), (H, W, 3) or (H, W, 4).")
    if array.dtype == np.uint8:
        return np.ascontiguousarray(array)
    if array.dtype == np.uint16:
        return np.rint(array / 257.0).astype(np.uint8)
    if not np.issubdtype(array.dtype, np.floating):
        raise InputError(f"The picture has type {array.dtype}: give uint8, uint16, or floats in [0, 1].")
    # Written so that NaN fails too.
    if not (array.min() >= 0.0 and array.max() <= 1.0):
        raise InputError(f"The picture's floats lie in [{array.min():g}, {array.max():g}]: scale them to [0, 1].")
    return np.rint(array * 255.0).astype(np.uint8)
