"""Puts pictures, maps and panels together: one run, or two beside each other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from crl.reporting.replay.drawing.fields import map_axes
from crl.reporting.replay.drawing.ink import Canvas
from crl.reporting.replay.drawing.map import Map
from crl.reporting.replay.drawing.panel import Panel
from crl.reporting.replay.film.pictures import Picture, decompress, no_pictures, padded, scaled
from crl.reporting.replay.recorded_episode import RecordedEpisode

HEIGHT = 480
PANEL = 480
COLUMN = 640
BELOW = 416
INSET = 200


def frames(episodes: Sequence[RecordedEpisode], overlay: bool) -> Iterator[Picture]:
    """Pictures of a film, all of one size.

    Args:
        episodes: One episode, or several to be seen beside each other; what ends first stands still at its end.
        overlay: Draw what was imagined, chosen and missed; otherwise only the pictures.

    Raises:
        RenderingError: There is nothing to be shown: no overlay, no pictures and no map.
    """
    beside = len(episodes) > 1
    makers = [
        _Frame(recorded, overlay, [other for other in episodes if other is not recorded]) for recorded in episodes
    ]
    longest = max(episodes, key=lambda recorded: len(recorded.moments))
    for index in longest.shown():
        parts = [maker.picture(min(index, len(maker.episode.moments))) for maker in makers]
        tallest = max(part.shape[0] for part in parts)
        columns = [padded(part, tallest, part.shape[1]) for part in parts]
        joined = np.concatenate(columns, axis=1) if beside else columns[0]
        yield joined


class _Frame:
    """Frames of one recorded episode."""

    def __init__(self, recorded: RecordedEpisode, overlay: bool, others: Sequence[RecordedEpisode]) -> None:
        self.episode, self._overlay, self._beside = recorded, overlay, bool(others)
        beside = self._beside
        self._has_pictures = recorded.moments[0].jpeg is not None
        mapped = map_axes(recorded) is not None
        if not (overlay or self._has_pictures or mapped):
            raise no_pictures(recorded.spec.name)
        self._map: Map | None = None
        if overlay:
            alike = [other for other in others if _fields(other) == _fields(recorded)]
            self._panel = Panel(recorded, COLUMN if beside else PANEL, BELOW if beside else HEIGHT, alike)
        if mapped and not self._has_pictures:
            self._map = Map(recorded, COLUMN if beside else HEIGHT + 160, HEIGHT)
        elif mapped and overlay:
            self._map = Map(recorded, INSET, INSET)

    def picture(self, index: int) -> Picture:
        """The frame at step ``index``; the number of steps is the final state."""
        parts = [] if (scene := self._scene(index)) is None else [scene]
        if not self._overlay:
            return _titled(parts[0], self.episode) if self._beside else parts[0]
        parts.append(self._panel.draw(index).picture())
        if self._beside:
            width = max(part.shape[1] for part in parts)
            return np.concatenate([padded(part, part.shape[0], width) for part in parts], axis=0)
        height = max(part.shape[0] for part in parts)
        return np.concatenate([padded(part, height, part.shape[1]) for part in parts], axis=1)

    def _scene(self, index: int) -> Picture | None:
        """The simulator's picture with the map in its corner, or the map; ``None`` where there is neither."""
        if not self._has_pictures:
            return None if self._map is None else self._map.draw(index).picture()
        moments, every = self.episode.moments, self.episode.every
        latest = moments[min(index, len(moments) - 1) // every * every].jpeg
        jpeg = latest if index < len(moments) or self.episode.last_jpeg is None else self.episode.last_jpeg
        assert jpeg is not None
        picture = decompress(jpeg)
        if self._overlay or self._beside:
            picture = _fitted(picture, COLUMN if self._beside else None, None if self._beside else HEIGHT)
        if self._map is not None and self._overlay:
            inset = self._map.draw(index).picture()
            picture = picture.copy()
            high, wide = min(INSET, picture.shape[0] - 16), min(INSET, picture.shape[1] - 16)
            picture[8 : 8 + high, picture.shape[1] - 8 - wide : picture.shape[1] - 8] = inset[:high, :wide]
        return picture


def _fields(recorded: RecordedEpisode) -> list[tuple[str, str]]:
    return [(field.name, field.unit) for field in recorded.spec.observation.fields]


def _fitted(picture: Picture, width: int | None, height: int | None) -> Picture:
    """A picture of the given width or height, its shape kept; a narrow or low one stays inside of the other side."""
    factor = width / picture.shape[1] if width is not None else (height or HEIGHT) / picture.shape[0]
    if width is not None:
        factor = min(factor, HEIGHT / picture.shape[0])
    return scaled(picture, factor)


def _titled(picture: Picture, recorded: RecordedEpisode) -> Picture:
    canvas = Canvas(picture.shape[1], 32)
    canvas.fitted(8, 8, f"{recorded.title}  {recorded.spec.name}", picture.shape[1] - 16, 13)
    return np.concatenate([canvas.picture(), picture], axis=0)
