"""SVG as text: elements, numbers, axes. Small enough to read in a page's source, crisp on any screen and on paper."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from html import escape

WIDE, NARROW = 920.0, 340.0
"""Widths of charts for pages and for phones (px): letters on a phone must not be drawn at a third of their size."""


def number(value: float) -> str:
    """A coordinate: a tenth of a pixel is enough."""
    text = f"{value:.1f}"
    return text[:-2] if text.endswith(".0") else text


def tag(name: str, *children: str, **attributes: str | float | None) -> str:
    """An element; ``_`` in attribute names stands for ``-``, and a last one is dropped (``class_``)."""
    given = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(value) if isinstance(value, str) else number(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    return f"<{name}{given}>{''.join(children)}</{name}>" if children else f"<{name}{given}/>"


def text(content: str, x: float, y: float, **attributes: str | float | None) -> str:
    """Text at a place."""
    return tag("text", escape(content), x=x, y=y, **attributes)


def line(x1: float, y1: float, x2: float, y2: float, class_: str) -> str:
    """A straight line."""
    return tag("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=class_)


def path(points: Sequence[tuple[float, float]], *, closed: bool = False) -> str:
    """The ``d`` of a polyline; a point that is not finite breaks it."""
    parts, pen = [], "M"
    for x, y in points:
        if not (math.isfinite(x) and math.isfinite(y)):
            pen = "M"
            continue
        parts.append(f"{pen}{number(x)} {number(y)}")
        pen = "L"
    return "".join(parts) + ("Z" if closed and parts else "")


def chart(width: float, height: float, label: str, *children: str, class_: str = "chart") -> str:
    """A drawing that scales with the page and can be focused: arrow keys then move through its marks."""
    return tag(
        "svg",
        *children,
        viewBox=f"0 0 {number(width)} {number(height)}",
        width=width,
        height=height,
        role="img",
        tabindex="0",
        aria_label=label,
        class_=class_,
    )


def for_both(draw: Callable[[bool], str]) -> str:
    """A chart drawn for wide pages and, called with true, for phones; the page's style shows one of them."""
    return draw(False) + draw(True)


def sized(narrow: bool) -> str:
    """The class of a chart that is one of :func:`for_both`."""
    return f"chart {'narrow' if narrow else 'wide'}"


def upright(title: str, x: float, y: float) -> str:
    """Title of an axis that goes up, read from below."""
    return text(title, x, y, text_anchor="middle", class_="axis", transform=f"rotate(-90 {number(x)} {number(y)})")


def wrapped(title: str, length: int) -> list[str]:
    """A title in lines of a greatest length, in characters."""
    lines = [""]
    for word in title.split():
        if lines[-1] and len(lines[-1]) + 1 + len(word) > length:
            lines.append(word)
        else:
            lines[-1] = f"{lines[-1]} {word}".strip()
    return lines


def ticks(low: float, high: float, count: int = 5) -> list[float]:
    """Round numbers between two, about as many as asked for."""
    if not (math.isfinite(low) and math.isfinite(high)) or high <= low:
        return [low]
    rough = (high - low) / max(count, 1)
    size = 10.0 ** math.floor(math.log10(rough))
    step = next(size * factor for factor in (1, 2, 2.5, 5, 10) if size * factor >= rough * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [step * place for place in range(first, math.floor(high / step + 1e-9) + 1)]


def short(value: float) -> str:
    """A number in few characters: ``0.25``, ``12k``, ``3.5M``."""
    if value < 0:
        return f"−{short(-value)}"
    size = abs(value)
    for limit, unit in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if size >= limit:
            return f"{value / (1e3 if unit == 'k' else limit):.3g}{unit}"
    if size >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}" if size >= 1e-9 else "0"


def labels(values: Sequence[float]) -> list[str]:
    """Short texts of an axis's numbers, with as many digits as tell them apart."""
    texts = [short(value) for value in values]
    for digits in range(1, 9):
        if len(set(texts)) == len(texts):
            break
        texts = [f"{value:,.{digits}f}".replace("-", "−") for value in values]
    return texts


def shorten(name: str, length: int) -> str:
    """A name that fits, with its end cut off."""
    return name if len(name) <= length else f"{name[: length - 1]}…"
