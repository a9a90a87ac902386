"""Puts pictures, maps and panels together: one run, or two beside each other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from PIL import Image

from crl.reporting import replay_ink as ink
from crl.reporting.replay_fields import map_axes
from crl.reporting.replay_ink import Canvas
from crl.reporting.replay_map import Map
from crl.reporting.replay_panel import Panel
from crl.reporting.replay_take import Picture, Take, decompress

HEIGHT = 480
PANEL = 480
COLUMN = 640
BELOW = 416
INSET = 200


def frames(takes: Sequence[Take], overlay: bool) -> Iterator[Picture]:
    """Pictures of a film, all of one size with sides that are multiples of 16.

    Args:
        takes: One episode, or several to be seen beside each other; what ends first stands still at its end.
        overlay: Draw what was imagined, chosen and missed; otherwise only the pictures.
    """
    beside = len(takes) > 1
    makers = [_Frame(take, overlay, [other for other in takes if other is not take]) for take in takes]
    count = max(len(take.moments) for take in takes)
    for index in range(count + 1):
        parts = [maker.picture(min(index, len(maker.take.moments))) for maker in makers]
        tallest = max(part.shape[0] for part in parts)
        columns = [_padded(part, tallest, part.shape[1]) for part in parts]
        joined = np.concatenate(columns, axis=1) if beside else columns[0]
        yield _padded(joined, _up(joined.shape[0]), _up(joined.shape[1]))


class _Frame:
    """Frames of one take."""

    def __init__(self, take: Take, overlay: bool, others: Sequence[Take]) -> None:
        self.take, self._overlay, self._beside = take, overlay, bool(others)
        beside = self._beside
        self._has_pictures = take.moments[0].jpeg is not None
        mapped = map_axes(take) is not None
        self._map: Map | None = None
        if overlay:
            alike = [other for other in others if _fields(other) == _fields(take)]
            self._panel = Panel(take, COLUMN if beside else PANEL, BELOW if beside else HEIGHT, alike)
        if mapped and not self._has_pictures:
            self._map = Map(take, COLUMN if beside else HEIGHT + 160, HEIGHT)
        elif mapped and overlay:
            self._map = Map(take, INSET, INSET)

    def picture(self, index: int) -> Picture:
        """The frame at step ``index``; the number of steps is the final state."""
        scene = self._scene(index)
        if not self._overlay:
            return _titled(scene, self.take) if self._beside else scene
        panel = self._panel.draw(index).picture()
        if self._beside:
            width = max(scene.shape[1], panel.shape[1])
            parts = [_padded(part, part.shape[0], width) for part in (scene, panel)]
            return np.concatenate(parts, axis=0)
        height = max(scene.shape[0], panel.shape[0])
        parts = [_padded(part, height, part.shape[1]) for part in (scene, panel)]
        return np.concatenate(parts, axis=1)

    def _scene(self, index: int) -> Picture:
        """The simulator's picture with the map in its corner, or the map, or a note where there is neither."""
        if not self._has_pictures:
            if self._map is not None:
                return self._map.draw(index).picture()
            return _nothing(self.take, COLUMN if self._beside else HEIGHT // 2)
        moments = self.take.moments
        jpeg = moments[index].jpeg if index < len(moments) else self.take.last_jpeg or moments[-1].jpeg
        assert jpeg is not None
        picture = decompress(jpeg)
        if self._overlay or self._beside:
            picture = _scaled(picture, COLUMN if self._beside else None, None if self._beside else HEIGHT)
        if self._map is not None and self._overlay:
            inset = self._map.draw(index).picture()
            picture = picture.copy()
            high, wide = min(INSET, picture.shape[0] - 16), min(INSET, picture.shape[1] - 16)
            picture[8 : 8 + high, picture.shape[1] - 8 - wide : picture.shape[1] - 8] = inset[:high, :wide]
        return picture


def _fields(take: Take) -> list[tuple[str, str]]:
    return [(field.name, field.unit) for field in take.spec.observation.fields]


def _scaled(picture: Picture, width: int | None, height: int | None) -> Picture:
    """A picture of the given width or height, its shape kept; a narrow or low one stays inside of the other side."""
    factor = width / picture.shape[1] if width is not None else (height or HEIGHT) / picture.shape[0]
    if width is not None:
        factor = min(factor, HEIGHT / picture.shape[0])
    size = max(1, round(picture.shape[1] * factor)), max(1, round(picture.shape[0] * factor))
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BICUBIC), dtype=np.uint8)


def _titled(picture: Picture, take: Take) -> Picture:
    canvas = Canvas(picture.shape[1], 32)
    canvas.fitted(8, 8, f"{take.title}  {take.spec.name}", picture.shape[1] - 16, 13)
    return np.concatenate([canvas.picture(), picture], axis=0)


def _nothing(take: Take, width: int) -> Picture:
    canvas = Canvas(width, HEIGHT)
    canvas.fitted(16, HEIGHT / 2 - 8, "no picture of the simulator", width - 32, 13, ink.FAINT)
    canvas.fitted(16, HEIGHT / 2 + 10, take.spec.name, width - 32, 12, ink.FAINT)
    return canvas.picture()


def _padded(picture: Picture, height: int, width: int) -> Picture:
    """A picture in the middle of a larger one."""
    if picture.shape[:2] == (height, width):
        return picture
    whole = np.empty((height, width, 3), np.uint8)
    whole[:] = ink.BACKGROUND
    top, left = (height - picture.shape[0]) // 2, (width - picture.shape[1]) // 2
    whole[top : top + picture.shape[0], left : left + picture.shape[1]] = picture
    return whole


def _up(pixels: int) -> int:
    return -(-pixels // 16) * 16
