"""Pictures of any usual format to upright RGB pixels; `decode_picture` runs in the decoder's process."""

import io
import logging
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pillow_heif
from PIL import ExifTags, Image, ImageCms

from moditalker.media.results import Results
from moditalker.utils.errors import InputError

if TYPE_CHECKING:
    import numpy as np

logger = logging.getLogger(__name__)

MIN_SIDE = 64
MAX_PIXELS = 120_000_000  # the largest phone pictures have 108 million

# Formats that Pillow and its plug-ins decode by themselves; EPS, for one, would start another program on the file.
_FORMATS = ("JPEG", "MPO", "PNG", "WEBP", "AVIF", "HEIF", "GIF", "BMP", "TIFF")


def load_plugins() -> None:
    """Have Pillow import all its formats, and HEIC: a tenth of a second that no child need spend again."""
    pillow_heif.register_heif_opener()
    Image.init()


@dataclass(frozen=True)
class Cut:
    """A part of an upright picture, and how it is turned then.

    Attributes:
        turns: quarter turns anticlockwise, as of ``np.rot90``.
        box: left, top, right, bottom in the turned picture, as shares of its width and height.
    """

    turns: int
    box: tuple[float, float, float, float]

    def __call__(self, rgb: Image.Image) -> Image.Image:
        """Cut out of a whole picture."""
        left, top, right, bottom = self.box
        for _ in range(self.turns):
            left, top, right, bottom = 1 - bottom, left, 1 - top, right
        width, height = rgb.size
        part = rgb.crop((round(left * width), round(top * height), round(right * width), round(bottom * height)))
        turns = {1: Image.Transpose.ROTATE_90, 2: Image.Transpose.ROTATE_180, 3: Image.Transpose.ROTATE_270}
        return part.transpose(turns[self.turns]) if self.turns else part


def decode_picture(
    results: Results, path: str, name: str, max_side: int, cut: tuple[int, tuple[float, float, float, float]] | None
) -> None:
    """Send one picture: ``height`` and ``width``, RGB; before it the sentences that it gave rise to, as ``warning``.

    Args:
        path: absolute.
        name: of the file, for messages.
        max_side, cut: see `upright_rgb`; ``cut`` are the values of a ``Cut``.

    Raises:
        InputError: it is no picture, or none of a size that can be used.
        Exception: whatever Pillow's decoders raise on a damaged file.
    """
    # The size is looked at before anything is decoded; Pillow's own limit is another one.
    Image.MAX_IMAGE_PIXELS = None
    logging.getLogger().addHandler(_Forward(results))
    try:
        image = Image.open(path, formats=[name for name in _FORMATS if name in Image.OPEN])
    except Image.UnidentifiedImageError as error:
        raise InputError(f"{name} is not a picture that can be read: save it as JPEG, PNG or WebP.") from error
    with image:
        rgb = upright_rgb(image, name, max_side, None if cut is None else Cut(*cut))
    results.send(rgb.tobytes(), height=rgb.height, width=rgb.width)


def upright_rgb(image: Image.Image, name: str, max_side: int, cut: Cut | None = None) -> Image.Image:
    """Turn a picture upright, convert it to sRGB on white and bound its size.

    Args:
        image: as Pillow has opened it, not loaded yet where it comes from a file.
        name: stands for it in messages.
        max_side: the longest side of the result in pixels.
        cut: the part that is taken, before the size is bounded; None takes the whole.

    Returns:
        Mode RGB, both sides even and at least `MIN_SIDE`.

    Raises:
        InputError: it has more than `MAX_PIXELS` pixels, or a side is smaller than `MIN_SIDE`.
    """
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise InputError(f"{name} has more than {MAX_PIXELS // 1_000_000} million pixels: save it smaller.")
    if min(width, height) < MIN_SIDE:
        raise InputError(
            f"{name} has {width}x{height} pixels: choose a portrait with at least {MIN_SIDE} pixels on each side."
        )
    profile = image.info.get("icc_profile")
    image.load()
    orientation = _orientation(image, name)
    rgb = _on_white(image, profile, name)
    if orientation is not None:
        rgb = rgb.transpose(orientation)
    return _bounded(rgb if cut is None else cut(rgb), name, max_side)


def _orientation(image: Image.Image, name: str) -> Image.Transpose | None:
    """The operation that turns a loaded picture upright, from EXIF tag 0x0112 (Pillow itself applies TIFF's)."""
    try:
        tag = image.getexif().get(ExifTags.Base.Orientation, 1)
    except (OSError, SyntaxError, ValueError, EOFError, IndexError, struct.error) as error:
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


def _deep_grey(image: Image.Image) -> "np.ndarray":
    """A grey picture of 16 or 32 bits (full scale 65535) or of floats (full scale 1 or 255) as uint8 (H, W)."""
    # Here, as such pictures are rare and decoding the others needs no numpy.
    import numpy as np

    values = np.nan_to_num(np.asarray(image, dtype=np.float32))
    if image.mode != "F":
        full_scale = 65535.0
    else:
        full_scale = 1.0 if values.max() <= 1.0 else 255.0
    return np.rint(np.clip(values / full_scale, 0.0, 1.0) * 255.0).astype(np.uint8)


def _bounded(image: Image.Image, name: str, max_side: int) -> Image.Image:
    """An RGB picture scaled down to `max_side` if it is larger, its sides made even."""
    width, height = image.size
    scale = min(1.0, max_side / max(width, height))
    even = (2 * int(width * scale / 2 + 1e-6), 2 * int(height * scale / 2 + 1e-6))
    if min(even) < MIN_SIDE:
        raise InputError(
            f"{name} has {width}x{height} pixels, too narrow once its longest side is {max_side}: crop it to the head."
        )
    if scale < 1.0:
        return image.resize(even, Image.Resampling.LANCZOS, reducing_gap=3.0)
    return image.crop((0, 0, *even))


class _Forward(logging.Handler):
    """Sends warnings to the process that asked for the picture."""

    def __init__(self, results: Results) -> None:
        super().__init__(logging.WARNING)
        self._results = results

    def emit(self, record: logging.LogRecord) -> None:
        if record.name.startswith("moditalker"):
            self._results.send(warning=record.getMessage())
