"""Begins a stream of odometry anew when the clock of its source has stepped ahead and runs evenly again.

The safety wall refuses messages whose source's clock jumped ahead, for good: it can't know what else has changed. The
same happens when the very first message came late, as it does when a robot starts on a busy computer. The robot stands
meanwhile. Once the new stream has been even for a while, and shows the robot where it stood, it is believed; how late
a message is counts from the fastest of those meanwhile, and from those before if they were faster.
Streams that are late, went back, or show the robot elsewhere stay refused until a person resets the wall.
"""

from __future__ import annotations

import math

from crl_robots import Reading, RobotSpec

AHEAD = "jumped ahead"
"""Part of the wall's reason for which this is."""
EVEN = 2.0
"""Seconds for which the new stream must have been even: far more than the time-out, so that the robot stands."""


class Resync:
    """Looks at what the wall made of each reading.

    Args:
        spec: The robot.
    """

    def __init__(self, spec: RobotSpec) -> None:
        self._late, self._jump = spec.timeouts.observation, spec.jump
        self._believed: Reading | None = None
        self._first: Reading | None = None
        self._last: Reading | None = None
        self._fastest: Reading | None = None

    def look(self, reading: Reading, refused: str | None) -> Reading | None:
        """The reading that was under way for the shortest time, if the stream may begin anew with it."""
        if refused is None:
            self._believed, self._first, self._last = reading, None, None
            return None
        if AHEAD not in refused:
            self._first = self._last = None
            return None
        if not self._follows(reading):
            self._first = self._fastest = reading
        self._last = reading
        assert self._first is not None
        assert self._fastest is not None
        self._fastest = min(self._fastest, reading, key=_taken)
        if reading.received - self._first.received < EVEN:
            return None
        stood = self._believed is None or math.dist(reading.position, self._believed.position) <= self._jump
        return self._fastest if stood else None

    def _follows(self, reading: Reading) -> bool:
        if self._last is None:
            return False
        measured, after = reading.source - self._last.source, reading.received - self._last.received
        even = measured > 0 and abs(measured - after) <= self._late and after <= 2 * self._late
        return even and math.dist(reading.position, self._last.position) <= self._jump


def _taken(reading: Reading) -> float:
    """How long it was under way (s), but for what the clocks differ."""
    return reading.received - reading.source
