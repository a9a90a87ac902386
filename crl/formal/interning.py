"""A hash table of 64-bit keys that numbers them in the order of arrival, a whole array at a time.

Open addressing with linear probing; every round of probing is a handful of numpy calls on all keys that still look for
their slot. It takes memory for the keys that came, however large the space they come from.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from crl.formal.interface import Bools, Ints

_EMPTY = np.int64(-1)
_MIX = np.uint64(0x9E3779B97F4A7C15)
"""2^64 over the golden ratio (Knuth, The Art of Computer Programming, 6.4): spreads regular keys."""


class Interner:
    """Numbers distinct non-negative keys 0, 1, 2, ..."""

    def __init__(self) -> None:
        self.count = 0
        self._allocate(10)

    def add(self, keys: Ints) -> tuple[Ints, Bools]:
        """The numbers of distinct keys, int64 [n], and which of them were new, bool [n]."""
        self._make_room(len(keys))
        slot = self._place(keys)
        fresh = self._number[slot] < 0
        new = int(fresh.sum())
        self._number[slot[fresh]] = np.arange(self.count, self.count + new)
        self.count += new
        return self._number[slot], fresh

    def _allocate(self, bits: int) -> None:
        self._bits = bits
        self._key = np.full(1 << bits, _EMPTY)
        self._number = np.full(1 << bits, -1, dtype=np.int64)

    def _make_room(self, coming: int) -> None:
        """Keep the table at most half full."""
        bits = self._bits
        while 2 * (self.count + coming) > 1 << bits:
            bits += 1
        if bits == self._bits:
            return
        used = self._key != _EMPTY
        keys, numbers = self._key[used], self._number[used]
        self._allocate(bits)
        self._number[self._place(keys)] = numbers

    def _place(self, keys: Ints) -> Ints:
        """The slot of every key, int64 [n]; keys without one get it."""
        last = (1 << self._bits) - 1
        slot = self._hash(keys)
        pending = np.arange(len(keys))
        while len(pending):
            key, at = keys[pending], slot[pending]
            free = self._key[at] == _EMPTY
            self._key[at[free]] = key[free]  # of several keys for one free slot the last wins
            pending = pending[self._key[at] != key]
            slot[pending] = (slot[pending] + 1) & last
        return slot

    def _hash(self, keys: Ints) -> NDArray[np.int64]:
        return ((keys.astype(np.uint64) * _MIX) >> np.uint64(64 - self._bits)).astype(np.int64)
