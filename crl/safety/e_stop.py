"""The emergency stop: once pressed, it stays pressed until somebody resets it."""

from __future__ import annotations

from typing import Any

from crl.safety.watchdog import stale


class EStop:
    """A latched emergency stop.

    Args:
        heartbeat: Longest silence of the button (s), from which it counts as pressed; ``None``: it may be silent.
    """

    def __init__(self, heartbeat: float | None = None) -> None:
        self._heartbeat = heartbeat
        self._heard: float | None = None
        self._down = False
        self.latched = False

    def press(self) -> None:
        """Stop. May be called from any thread."""
        self.latched = True

    def hear(self, pressed: Any, now: float) -> None:
        """A message of the button at the steady time ``now`` (s): anything but a plain ``False`` presses it."""
        self._heard = now
        self._down = pressed is not False
        if self._down:
            self.press()

    def trouble(self, now: float) -> str | None:
        """Why nothing may move, if that is so. The silence of a button that was heard before latches."""
        if not self.latched and self._heartbeat is not None:
            if self._heard is None:
                return "an e-stop button that was not heard yet"
            if stale(self._heard, now, self._heartbeat):
                self.press()
        return "an e-stop" if self.latched else None

    def reset(self, now: float) -> str | None:
        """Release the latch at the steady time ``now`` (s), or say why not; only a person should cause this."""
        if self._down:
            return "the e-stop button is still pressed"
        if self._heartbeat is not None and (self._heard is None or stale(self._heard, now, self._heartbeat)):
            return "the e-stop button is not heard"
        self.latched = False
        return None
