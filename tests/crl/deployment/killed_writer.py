"""Writes weights into shared memory until it is killed. Run by test_shared_weights.py in a process of its own.

Arguments: descriptor, number of weights, and at which of its writes to the memory it dies (0: at none). Version n has
the weights n, n, n, ...
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

import numpy as np

from crl.deployment.shared_weights import SharedWeights


class Dying:
    """A memory map that kills its process in the middle of a write: half of the bytes are written."""

    def __init__(self, memory: Any, count: int) -> None:
        self._memory, self._left = memory, count

    def __getattr__(self, name: str) -> Any:
        return getattr(self._memory, name)

    def __getitem__(self, at: Any) -> Any:
        return self._memory[at]

    def __setitem__(self, at: slice, data: bytes) -> None:
        self._left -= 1
        if self._left == 0:
            half = len(data) // 2
            self._memory[at.start : at.start + half] = data[:half]
            os.kill(os.getpid(), signal.SIGKILL)
        self._memory[at] = data


def main() -> None:
    descriptor, size, count = (int(word) for word in sys.argv[1:4])
    shared = SharedWeights(descriptor, size)
    versions = [1, 2, 3] if count else range(1, 10**9)
    original: Any = shared._memory
    reader = SharedWeights(descriptor, size)
    for version in versions:
        if count and version == 3:
            shared._memory = Dying(original, count)  # type: ignore[assignment]
            shared._version = reader._version  # type: ignore[method-assign]
        weights = np.full(size, version, dtype=np.float32)
        shared.publish(weights, mission=version % 7, steps=version, loss=0.5 * version)


if __name__ == "__main__":
    main()
