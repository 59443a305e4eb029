"""A small mark in a corner of every frame that says what a viewer is looking at."""

import numpy as np
from PIL import Image, ImageDraw, ImageFont

TEXT = "AI-generated"
_HEIGHT = 0.045
"""Height of the mark as a share of the picture's shorter side."""
_SMALLEST, _LARGEST = 14, 40
_PLATE = 150
"""Opacity of the dark plate behind the letters, 0 to 255: readable on any background."""


class Watermark:
    """Draws the mark into the lower right corner; it is drawn once and blended into every frame.

    Args:
        size: (width, height) of the frames in pixels.
    """

    def __init__(self, size: tuple[int, int]) -> None:
        width, height = size
        plate = _plate(int(np.clip(round(_HEIGHT * min(size)), _SMALLEST, _LARGEST)))
        # A picture of the smallest size allowed is narrower than the letters.
        if plate.width > width:
            plate = plate.resize((width, max(1, plate.height * width // plate.width)), Image.Resampling.LANCZOS)
        margin = min(plate.height // 2, (width - plate.width) // 2)
        x, y = width - plate.width - margin, height - plate.height - margin
        self.area = (slice(y, y + plate.height), slice(x, x + plate.width))
        """Rows and columns of a frame that the mark covers."""
        pixels = np.asarray(plate, np.float32)
        self._opacity = pixels[..., 3:] / 255
        self._colour = pixels[..., :3] * self._opacity

    def __call__(self, frames: np.ndarray) -> np.ndarray:
        """A marked copy of (n, H, W, 3) uint8."""
        marked = frames.copy()
        rows, columns = self.area
        corner = frames[:, rows, columns]
        marked[:, rows, columns] = np.rint(corner * (1 - self._opacity) + self._colour).astype(np.uint8)
        return marked


def _plate(height: int) -> Image.Image:
    """White letters on a dark plate with round ends, RGBA, `height` pixels high."""
    font = ImageFont.load_default(size=0.62 * height)
    left, top, right, bottom = font.getbbox(TEXT)
    width = round(right - left + height)
    plate = Image.new("RGBA", (width, height), (0, 0, 0, 0))
    draw = ImageDraw.Draw(plate)
    draw.rounded_rectangle((0, 0, width - 1, height - 1), radius=height / 2, fill=(0, 0, 0, _PLATE))
    origin = ((width - (right - left)) / 2 - left, (height - (bottom - top)) / 2 - top)
    draw.text(origin, TEXT, font=font, fill=(255, 255, 255, 255))
    return plate
