"""Load a portrait of any usual picture format as upright RGB pixels."""

import io
import logging
import struct
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, ImageCms

from moditalker.utils.errors import InputError

logger = logging.getLogger(__name__)

MIN_SIDE = 64
MAX_PIXELS = 120_000_000  # the largest phone pictures have 108 million

# Formats that Pillow decodes by itself; EPS, for one, would start another program on the file.
_FORMATS = ("JPEG", "MPO", "PNG", "WEBP", "AVIF", "GIF", "BMP", "TIFF")
# What Pillow's decoders raise on a damaged file, besides DecompressionBombError.
_DAMAGE = (OSError, SyntaxError, ValueError, EOFError, IndexError, struct.error)


def load_portrait(source: str | Path | Image.Image | np.ndarray, max_side: int = 1024) -> np.ndarray:
    """Decode a picture, turn it upright, convert it to sRGB on white and bound its size.

    EXIF rotation is applied; an embedded colour profile (CMYK, wide gamut) is converted to sRGB; the first frame of
    an animation is taken. Pictures are scaled down (Lanczos), never up; an odd side loses one line of pixels.

    Args:
        source: path of a JPEG, PNG, WebP, AVIF, GIF, BMP or TIFF file; a Pillow picture; or an array (H, W),
            (H, W, 1), (H, W, 3) or (H, W, 4) of uint8, uint16 (0 to 65535) or floats in [0, 1].
        max_side: the longest side of the result in pixels, at least `MIN_SIDE`.

    Returns:
        uint8 (H, W, 3) RGB, H and W even, neither below `MIN_SIDE` nor above `max_side`.

    Raises:
        InputError: the picture is missing, a directory, not readable, damaged, has more than `MAX_PIXELS` pixels, or
            a side is smaller than `MIN_SIDE` pixels.
        ValueError: `max_side` is smaller than `MIN_SIDE`.
    """
    if max_side < MIN_SIDE:
        raise ValueError(f"max_side must be at least {MIN_SIDE}, got {max_side}")
    if isinstance(source, np.ndarray):
        return _prepare(Image.fromarray(_as_uint8(source)), "The picture", max_side)
    if isinstance(source, Image.Image):
        return _prepare(source, "The picture", max_side)
    path = Path(source)
    if path.is_dir():
        raise InputError(f"{path} is a directory: give the path of one picture in it.")
    if not path.exists():
        raise InputError(f"{path} does not exist: check the path of the portrait.")
    Image.init()
    try:
        image = Image.open(path, formats=[name for name in _FORMATS if name in Image.OPEN])
    except PermissionError as error:
        raise InputError(f"{path} may not be read: change its permissions or choose another picture.") from error
    except Image.UnidentifiedImageError as error:
        raise InputError(f"{path.name} is not a picture that can be read: save it as JPEG, PNG or WebP.") from error
    except Image.DecompressionBombError as error:
        raise _too_large(path.name) from error
    except _DAMAGE as error:
        raise _damaged(path.name, error) from error
    with image:
        return _prepare(image, path.name, max_side)


def _prepare(image: Image.Image, name: str, max_side: int) -> np.ndarray:
    """`load_portrait` for a picture that Pillow has opened; `name` stands for it in messages."""
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise _too_large(name)
    if min(width, height) < MIN_SIDE:
        raise InputError(
            f"{name} has {width}x{height} pixels: choose a portrait with at least {MIN_SIDE} pixels on each side."
        )
    profile = image.info.get("icc_profile")
    try:
        image.load()
        orientation = _orientation(image, name)
        rgb = _on_white(image, profile, name)
    except _DAMAGE as error:
        raise _damaged(name, error) from error
    if orientation is not None:
        rgb = rgb.transpose(orientation)
    return _bounded(rgb, name, max_side)


def _orientation(image: Image.Image, name: str) -> Image.Transpose | None:
    """The operation that turns a loaded picture upright, from EXIF tag 0x0112 (Pillow itself applies TIFF's)."""
    try:
        tag = image.getexif().get(ExifTags.Base.Orientation, 1)
    except _DAMAGE as error:
        logger.warning("%s: the EXIF data cannot be read (%s), a rotation in it is not applied", name, error)
        return None
    return {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_270,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_90,
    }.get(tag)


def _on_white(image: Image.Image, profile: bytes | None, name: str) -> Image.Image:
    """The picture in mode RGB and sRGB, what is transparent in it blended with white."""
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        return Image.fromarray(_deep_grey(image)).convert("RGB")
    if not image.has_transparency_data:
        return _to_srgb(image.convert("RGB") if image.mode == "P" else image, profile, name)
    grey = image.mode in ("LA", "L")
    rgba = image.convert("RGBA")
    white = Image.new("RGB", image.size, (255, 255, 255))
    white.paste(_to_srgb(rgba.convert("L" if grey else "RGB"), profile, name), mask=rgba.getchannel("A"))
    return white


def _to_srgb(image: Image.Image, profile: bytes | None, name: str) -> Image.Image:
    """An opaque picture in mode RGB, through its ICC profile if it has one that fits."""
    if profile:
        try:
            embedded = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            converted = ImageCms.profileToProfile(image, embedded, ImageCms.createProfile("sRGB"), outputMode="RGB")
        except (ImageCms.PyCMSError, OSError) as error:
            logger.warning("%s: the colour profile cannot be used (%s), colours may be off", name, error)
        else:
            if converted is not None:
                return converted
    return image.convert("RGB")


def _deep_grey(image: Image.Image) -> np.ndarray:
    """A grey picture of 16 or 32 bits (full scale 65535) or of floats (full scale 1 or 255) as uint8 (H, W)."""
    values = np.nan_to_num(np.asarray(image, dtype=np.float32))
    if image.mode != "F":
        full_scale = 65535.0
    else:
        full_scale = 1.0 if values.max() <= 1.0 else 255.0
    return np.rint(np.clip(values / full_scale, 0.0, 1.0) * 255.0).astype(np.uint8)


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


def _bounded(image: Image.Image, name: str, max_side: int) -> np.ndarray:
    """uint8 (H, W, 3) of an RGB picture: scaled down to `max_side` if larger, sides made even."""
    width, height = image.size
    scale = min(1.0, max_side / max(width, height))
    even = (2 * int(width * scale / 2 + 1e-6), 2 * int(height * scale / 2 + 1e-6))
    if min(even) < MIN_SIDE:
        raise InputError(
            f"{name} has {width}x{height} pixels, too narrow once its longest side is {max_side}: crop it to the head."
        )
    if scale < 1.0:
        image = image.resize(even, Image.Resampling.LANCZOS, reducing_gap=3.0)
    else:
        image = image.crop((0, 0, *even))
    return np.array(image)


def _too_large(name: str) -> InputError:
    return InputError(f"{name} has more than {MAX_PIXELS // 1_000_000} million pixels: save it smaller.")


def _damaged(name: str, error: Exception) -> InputError:
    return InputError(f"{name} is damaged ({error}): save it again as JPEG, PNG or WebP.")
