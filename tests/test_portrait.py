"""Portraits of every kind come out as upright RGB."""

import struct
import zlib
from pathlib import Path

import numpy as np
import pillow_heif
import pytest
from PIL import Image, ImageCms

from moditalker.face.picture import load_portrait
from moditalker.utils.errors import InputError

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)
SKIN = (220, 160, 130)


def quarters(width: int = 120, height: int = 160) -> Image.Image:
    """Red, green over blue, white."""
    image = Image.new("RGB", (width, height), RED)
    image.paste(GREEN, (width // 2, 0, width, height // 2))
    image.paste(BLUE, (0, height // 2, width // 2, height))
    image.paste(WHITE, (width // 2, height // 2, width, height))
    return image


def corners(pixels: np.ndarray) -> list[tuple[int, ...]]:
    """Colours in the middle of the four quarters, rounded to 0 or 255: top left, top right, bottom left, right."""
    height, width = pixels.shape[:2]
    points = [(height // 4, width // 4), (height // 4, 3 * width // 4),
              (3 * height // 4, width // 4), (3 * height // 4, 3 * width // 4)]  # fmt: skip
    return [tuple(255 if value > 127 else 0 for value in pixels[point]) for point in points]


def assert_colour(pixels: np.ndarray, colour: tuple[int, int, int], tolerance: int = 3) -> None:
    difference = np.abs(pixels.astype(int) - np.array(colour)).max()
    assert difference <= tolerance, f"{pixels[0, 0]} and not {colour}"


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "gif", "bmp", "tiff"])
def test_every_format(tmp_path: Path, suffix: str) -> None:
    quarters().save(tmp_path / f"face.{suffix}")
    pixels = load_portrait(str(tmp_path / f"face.{suffix}"))
    assert pixels.shape == (160, 120, 3)
    assert pixels.dtype == np.uint8
    assert corners(pixels) == [RED, GREEN, BLUE, WHITE]


# How a camera stores an upright picture for each value of the EXIF orientation tag.
STORED = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tiff"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_rotated_picture_comes_out_upright(tmp_path: Path, suffix: str, orientation: int) -> None:
    image = quarters()
    operation = STORED[orientation]
    stored = image if operation is None else image.transpose(operation)
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored.save(tmp_path / f"face.{suffix}", exif=exif)
    pixels = load_portrait(tmp_path / f"face.{suffix}")
    assert pixels.shape == (160, 120, 3)
    assert corners(pixels) == [RED, GREEN, BLUE, WHITE]


def test_broken_exif_does_not_stop_a_good_picture(tmp_path: Path) -> None:
    quarters().save(tmp_path / "face.jpg", exif=b"Exif\x00\x00garbage that is no TIFF header")
    assert corners(load_portrait(tmp_path / "face.jpg")) == [RED, GREEN, BLUE, WHITE]


def test_transparency_is_shown_on_white(tmp_path: Path) -> None:
    clear = Image.new("RGBA", (80, 80), (255, 0, 0, 0))
    assert_colour(load_portrait(clear), WHITE, 0)
    assert_colour(load_portrait(Image.new("RGBA", (80, 80), (255, 0, 0, 128))), (255, 127, 127))
    assert_colour(load_portrait(Image.new("LA", (80, 80), (0, 0))), WHITE, 0)
    palette = Image.new("P", (80, 80), 0)
    palette.putpalette([255, 0, 0, 0, 0, 255])
    palette.save(tmp_path / "face.png", transparency=0)
    assert_colour(load_portrait(tmp_path / "face.png"), WHITE, 0)


def test_grey_and_palette_and_bilevel() -> None:
    assert_colour(load_portrait(Image.new("L", (80, 80), 90)), (90, 90, 90), 0)
    assert_colour(load_portrait(Image.new("1", (80, 80), 1)), WHITE, 0)
    assert corners(load_portrait(quarters().convert("P", palette=Image.Palette.ADAPTIVE))) == [RED, GREEN, BLUE, WHITE]


def test_cmyk_colours(tmp_path: Path) -> None:
    """Without a profile: each ink removes its complement."""
    for ink, colour in {
        (0, 255, 255, 0): RED,
        (255, 255, 0, 0): BLUE,
        (0, 0, 0, 0): WHITE,
        (0, 0, 0, 255): (0, 0, 0),
        (35, 95, 125, 0): SKIN,
    }.items():
        Image.new("CMYK", (80, 80), ink).save(tmp_path / "print.jpg", quality=95)
        assert_colour(load_portrait(tmp_path / "print.jpg"), colour)


def test_colour_profile_is_applied_and_a_wrong_one_survived(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    Image.new("RGB", (80, 80), SKIN).save(tmp_path / "same.png", icc_profile=srgb)
    assert_colour(load_portrait(tmp_path / "same.png"), SKIN)
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    Image.new("RGB", (80, 80), SKIN).save(tmp_path / "other.png", icc_profile=lab)
    assert_colour(load_portrait(tmp_path / "other.png"), SKIN)
    assert "the colour profile cannot be used" in caplog.text


def test_sixteen_bits_keep_their_brightness(tmp_path: Path) -> None:
    Image.fromarray(np.full((80, 80), 100 * 257, np.uint16)).save(tmp_path / "deep.png")
    assert_colour(load_portrait(tmp_path / "deep.png"), (100, 100, 100), 0)
    Image.fromarray(np.full((80, 80), 100 * 257, np.uint16)).save(tmp_path / "deep.tiff")
    assert_colour(load_portrait(tmp_path / "deep.tiff"), (100, 100, 100), 0)


@pytest.mark.parametrize("suffix", ["gif", "webp", "png"])
def test_first_frame_of_an_animation(tmp_path: Path, suffix: str) -> None:
    frames = [Image.new("RGB", (80, 80), colour) for colour in (RED, GREEN, BLUE)]
    frames[0].save(tmp_path / f"moving.{suffix}", save_all=True, append_images=frames[1:], lossless=True)
    assert_colour(load_portrait(tmp_path / f"moving.{suffix}"), RED)


@pytest.mark.parametrize(
    ("size", "expected"),
    [((3000, 2000), (682, 1024)), ((2000, 3001), (1024, 682)), ((101, 77), (76, 100)), ((1024, 1024), (1024, 1024))],
)
def test_sides_are_even_and_bounded(size: tuple[int, int], expected: tuple[int, int]) -> None:
    assert load_portrait(quarters(*size)).shape == (*expected, 3)


def test_max_side(tmp_path: Path) -> None:
    assert load_portrait(quarters(400, 300), max_side=256).shape == (192, 256, 3)
    assert corners(load_portrait(quarters(400, 300), max_side=256)) == [RED, GREEN, BLUE, WHITE]
    with pytest.raises(ValueError, match="max_side must be at least 64, got 10"):
        load_portrait(quarters(), max_side=10)


def test_small_pictures_keep_their_pixels() -> None:
    image = np.random.default_rng(0).integers(0, 256, (90, 70, 3), dtype=np.uint8)
    np.testing.assert_array_equal(load_portrait(image), image)


def test_arrays() -> None:
    assert_colour(load_portrait(np.full((80, 80), 90, np.uint8)), (90, 90, 90), 0)
    assert_colour(load_portrait(np.full((80, 80, 1), 90, np.uint8)), (90, 90, 90), 0)
    assert_colour(load_portrait(np.full((80, 80, 3), 0.5, np.float32)), (128, 128, 128), 0)
    assert_colour(load_portrait(np.zeros((80, 80, 4), np.uint8)), WHITE, 0)
    assert_colour(load_portrait(np.full((80, 80, 3), 65535, np.uint16)), WHITE, 0)
    with pytest.raises(InputError, match=r"shape \(80, 80, 2\)"):
        load_portrait(np.zeros((80, 80, 2), np.uint8))
    with pytest.raises(InputError, match=r"scale them to \[0, 1\]"):
        load_portrait(np.full((80, 80, 3), 200.0))
    with pytest.raises(InputError, match="type int64"):
        load_portrait(np.zeros((80, 80, 3), np.int64))


def test_the_callers_picture_is_not_changed() -> None:
    image = quarters(100, 100).convert("RGBA")
    before = image.tobytes()
    load_portrait(image, max_side=64)
    assert image.mode == "RGBA"
    assert image.tobytes() == before


def test_missing_directory_and_foreign_files(tmp_path: Path) -> None:
    (tmp_path / "letter.jpg").write_text("Dear sir")
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "figure.eps").write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 100 100\n")
    for name, message in {
        "none.png": "does not exist: check the path",
        "": "is a directory: give the path of one picture",
        "letter.jpg": r"letter\.jpg is not a picture that can be read: save it as JPEG, PNG or WebP",
        "empty.png": "save it as JPEG, PNG or WebP",
        "figure.eps": "save it as JPEG, PNG or WebP",
    }.items():
        with pytest.raises(InputError, match=message):
            load_portrait(tmp_path / name)


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tiff", "gif"])
def test_truncated_file(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"face.{suffix}"
    pixels = np.random.default_rng(0).integers(0, 256, (200, 200, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(InputError, match=r"save it (again )?as JPEG, PNG or WebP"):
        load_portrait(path)


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("side", [12_000, 60_000])
def test_decompression_bomb(tmp_path: Path, side: int) -> None:
    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000)))
    (tmp_path / "bomb.png").write_bytes(png + chunk(b"IEND", b""))
    with pytest.raises(InputError, match=r"bomb\.png has more than 120 million pixels: save it smaller"):
        load_portrait(tmp_path / "bomb.png")


def test_a_photograph_of_48_million_pixels_is_scaled_down(tmp_path: Path) -> None:
    quarters(8000, 6000).save(tmp_path / "phone.jpg", quality=50)
    pixels = load_portrait(tmp_path / "phone.jpg")
    assert pixels.shape == (768, 1024, 3)
    assert corners(pixels) == [RED, GREEN, BLUE, WHITE]


@pytest.mark.parametrize("suffix", ["heic", "avif"])
def test_what_telephones_take(tmp_path: Path, suffix: str) -> None:
    """Read upright, and the damaged one with a sentence. A HEIC file keeps its turn in the container."""
    pillow_heif.register_heif_opener()
    path = tmp_path / f"phone.{suffix}"
    if suffix == "heic":
        quarters().save(path, quality=90)
    else:
        exif = Image.Exif()
        exif[0x0112] = 6
        quarters().transpose(Image.Transpose.ROTATE_90).save(path, exif=exif, quality=90)
    pixels = load_portrait(path)
    assert pixels.shape == (160, 120, 3)
    assert corners(pixels) == [RED, GREEN, BLUE, WHITE]
    content = path.read_bytes()
    for length in (len(content) // 4, len(content) // 2, len(content) - 100):
        path.write_bytes(content[:length])
        with pytest.raises(InputError, match=rf"phone\.{suffix} is (damaged|not a picture that can be read): save it"):
            load_portrait(path)


def test_too_small_or_too_narrow() -> None:
    with pytest.raises(InputError, match="has 63x200 pixels: choose a portrait with at least 64 pixels on each side"):
        load_portrait(quarters(63, 200))
    with pytest.raises(InputError, match="too narrow once its longest side is 1024: crop it"):
        load_portrait(quarters(4000, 100))
