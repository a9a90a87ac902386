"""Drawing with Pillow for replays: colours, text and smooth lines on a canvas of twice the size."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache, lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

SCALE = 2
"""Everything is drawn this much larger and then made smaller: Pillow's lines have no smooth edges of their own."""
BACKGROUND = (20, 23, 28)
FIELD = (32, 37, 45)
GRID = (62, 70, 82)
FAINT = (140, 150, 162)
TEXT = (232, 235, 240)
# Okabe and Ito's colours, which the colour-blind can tell apart.
REAL = (240, 240, 240)
PLAN = (230, 159, 0)
OTHER = (150, 112, 40)
PLANNED = (86, 180, 233)
REFINED = (0, 158, 115)
SENT = (150, 158, 168)
ERROR = (213, 94, 0)
GOOD = (0, 158, 115)
Colour = tuple[int, int, int]
Box = tuple[float, float, float, float]


@cache
def font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Pillow's own font, so much larger as everything is drawn."""
    return ImageFont.load_default(size * SCALE)


@lru_cache(maxsize=2048)
def _letters(text: str, size: int, anchor: str) -> tuple[Image.Image, int, int]:
    """A line of text in its final size as a mask, and where its corner lies from its anchor; most lines come again."""
    left, top, right, bottom = font(size).getbbox(text, anchor=anchor)
    left, top = math.floor(left / SCALE), math.floor(top / SCALE)
    width, height = (max(1, math.ceil(end / SCALE) - begin) for begin, end in ((left, right), (top, bottom)))
    mask = Image.new("L", (width * SCALE, height * SCALE))
    ImageDraw.Draw(mask).text((-left * SCALE, -top * SCALE), text, font=font(size), fill=255, anchor=anchor)
    return mask.reduce(SCALE), left, top


class Canvas:
    """A picture to draw on, in its final pixels.

    Args:
        width: In pixels.
        height: In pixels.
    """

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self._image = Image.new("RGB", (width * SCALE, height * SCALE), BACKGROUND)
        self._draw = ImageDraw.Draw(self._image)
        self._texts: list[tuple[float, float, str, int, Colour, str]] = []

    def text(self, x: float, y: float, text: str, size: int = 12, colour: Colour = TEXT, anchor: str = "la") -> None:
        """Write a line above all that is drawn; ``anchor`` as Pillow has it (``la``: left and above)."""
        self._texts.append((x, y, text, size, colour, anchor))

    @property
    def words(self) -> list[str]:
        """All lines of text so far."""
        return [text for _, _, text, *_ in self._texts]

    def fitted(self, x: float, y: float, text: str, width: float, size: int = 12, colour: Colour = TEXT) -> None:
        """Write a line that is cut off where it would be longer than ``width``."""
        kept = text
        while kept and self.length(text, size) > width:
            kept = kept[:-1]
            text = f"{kept.rstrip()}..."
        self.text(x, y, text, size, colour)

    @staticmethod
    def length(text: str, size: int = 12) -> float:
        """Width of a line of text in pixels."""
        return float(font(size).getlength(text)) / SCALE

    def box(self, box: Box, fill: Colour | None = None, outline: Colour | None = None) -> None:
        """A rectangle (left, top, right, bottom)."""
        left, top, right, bottom = (value * SCALE for value in box)
        self._draw.rectangle((left, top, max(left, right), max(top, bottom)), fill=fill, outline=outline, width=SCALE)

    def line(self, points: Sequence[tuple[float, float]], colour: Colour, width: float = 1.5) -> None:
        """A line through points; parts beside a point that is not finite are left out."""
        part: list[tuple[float, float]] = []
        for point in [*points, (np.nan, np.nan)]:
            if np.isfinite(point).all():
                part.append((point[0] * SCALE, point[1] * SCALE))
                continue
            if len(part) > 1:
                self._draw.line(part, fill=colour, width=max(1, round(width * SCALE)), joint="curve")
            part = []

    def dot(self, x: float, y: float, radius: float, fill: Colour | None, outline: Colour | None = None) -> None:
        """A disc."""
        left, top, right, bottom = (SCALE * v for v in (x - radius, y - radius, x + radius, y + radius))
        self._draw.ellipse((left, top, right, bottom), fill=fill, outline=outline, width=SCALE)

    def polygon(self, points: Sequence[tuple[float, float]], fill: Colour) -> None:
        """A filled polygon."""
        self._draw.polygon([(x * SCALE, y * SCALE) for x, y in points], fill=fill)

    def picture(self) -> NDArray[np.uint8]:
        """The finished picture, uint8 [height, width, 3]."""
        small = self._image.reduce(SCALE)
        for x, y, text, size, colour, anchor in self._texts:
            if text:
                mask, left, top = _letters(text, size, anchor)
                small.paste(colour, (round(x) + left, round(y) + top), mask)
        return np.asarray(small, dtype=np.uint8)
