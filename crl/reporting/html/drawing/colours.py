"""Colours that colour-blind readers tell apart, for two themes, never the only thing that tells two marks apart.

Methods: Okabe and Ito's hues, darker on white and lighter on black so that marks have a contrast of 3 : 1 at least.
Heat maps: cividis (Nunez, Anderton and Renslow 2018), whose lightness rises evenly. Differences: blue to vermilion by
way of the page's own background, mixed by the browser, so that they fit both themes.
"""

from __future__ import annotations

LIGHT = ("#0072b2", "#c24e00", "#00805c", "#a8417f", "#8a6200", "#3a86b8", "#5c5c5c", "#6a4c93")
DARK = ("#56b4e9", "#ff9150", "#2fc99a", "#e79bc6", "#f0b93a", "#a5d8ff", "#b8b8b8", "#b79ce8")
DASHES = ("", "6 3", "2 3", "8 3 2 3", "12 4")
"""Lines of methods beyond the number of colours differ by their dashes, too."""

_CIVIDIS = (
    (0, 34, 78),
    (18, 53, 112),
    (59, 73, 108),
    (87, 93, 109),
    (112, 113, 115),
    (138, 134, 120),
    (165, 156, 116),
    (195, 179, 105),
    (225, 204, 85),
    (254, 232, 56),
)


def cividis(share: float) -> tuple[str, str]:
    """A heat map's colour for 0 to 1, and that of text on it (contrast of 4.5 : 1 at least)."""
    place = min(max(share, 0.0), 1.0) * (len(_CIVIDIS) - 1)
    below = min(int(place), len(_CIVIDIS) - 2)
    left, right = _CIVIDIS[below], _CIVIDIS[below + 1]
    red, green, blue = (a + (b - a) * (place - below) for a, b in zip(left, right, strict=True))
    fill = f"#{round(red):02x}{round(green):02x}{round(blue):02x}"
    return fill, "#fff" if contrast(fill, "#ffffff") >= contrast(fill, "#000000") else "#000"


def luminance(colour: str) -> float:
    """Relative luminance of ``#rrggbb`` (WCAG 2.2)."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """Contrast ratio of two colours, 1 to 21 (WCAG 2.2)."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def method(place: int) -> str:
    """The CSS colour of a method by its place."""
    return f"var(--m{place % len(LIGHT)})"


def dashes(place: int) -> str | None:
    """The dashes of a method's line."""
    return DASHES[(place // len(LIGHT)) % len(DASHES)] or None


def difference(share: float) -> str:
    """The CSS colour of a difference from -1 (vermilion) over 0 (background) to 1 (blue)."""
    amount = round(70 * min(abs(share), 1.0))
    return f"color-mix(in srgb, var(--{'more' if share > 0 else 'less'}) {amount}%, var(--card))"
