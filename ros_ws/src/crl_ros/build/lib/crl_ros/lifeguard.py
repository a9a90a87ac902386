"""Stops the robot when the thread that drives it hangs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class Lifeguard:
    """A thread that calls ``rescue`` when :meth:`pat` was not called for ``limit`` seconds, and again while it is not.

    The safety wall judges decisions, but only when the thread of the control loop asks it for a command. If that thread
    hangs in a decision, somebody else must send the stop.

    Args:
        limit: Longest silence (s).
        rescue: Called in this thread.
    """

    def __init__(self, limit: float, rescue: Callable[[], None]) -> None:
        self._limit, self._rescue = limit, rescue
        self._patted = time.monotonic()
        self._end = threading.Event()
        self.rescues = 0
        """Silences so far."""
        self._thread = threading.Thread(target=self._watch, name="lifeguard", daemon=True)
        self._thread.start()

    def pat(self) -> None:
        """The control loop is alive."""
        self._patted = time.monotonic()

    def close(self) -> None:
        """End the thread."""
        self._end.set()
        self._thread.join()

    def _watch(self) -> None:
        silent = False
        wait = self._limit
        while not self._end.wait(wait):
            left = self._patted + self._limit - time.monotonic()
            if left > 0:
                silent, wait = False, left
                continue
            self.rescues += not silent
            silent, wait = True, self._limit / 4
            self._rescue()
