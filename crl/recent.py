"""Keeps the things that were used last, so that what is made for many tasks takes bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

Key = TypeVar("Key")
Thing = TypeVar("Thing")


def _nothing(thing: object) -> None:
    """Let go of a thing that needs no care."""


class Recent(Generic[Key, Thing]):
    """Things by key, the least recently used of which is dropped when there are too many.

    Args:
        most: How many are kept, at least 1.
        drop: Is given each thing that is dropped, by this class or by :meth:`clear`.
    """

    def __init__(self, most: int, drop: Callable[[Thing], None] = _nothing) -> None:
        if most < 1:
            raise ValueError(f"most is {most}: one thing at least is kept")
        self._most = most
        self._drop = drop
        self._kept: dict[Key, Thing] = {}

    def get(self, key: Key, make: Callable[[], Thing]) -> Thing:
        """The thing of a key, made now if it is not kept."""
        thing = self._kept.pop(key) if key in self._kept else make()
        self._kept[key] = thing  # the newest is last
        while len(self._kept) > self._most:
            self._drop(self._kept.pop(next(iter(self._kept))))
        return thing

    def clear(self) -> None:
        """Drop all."""
        while self._kept:
            self._drop(self._kept.popitem()[1])

    def __len__(self) -> int:
        return len(self._kept)

    def __iter__(self) -> Iterator[Key]:
        """The keys, from the least recently used one on."""
        return iter(self._kept)
