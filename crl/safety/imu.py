"""What an inertial measurement unit adds to the wall: the tilt between two observations, and its own failures."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from crl.safety.situation import Situation
from crl.safety.strangers import UnusableError, attempt, real
from crl.safety.watchdog import stale

UNREADABLE = "an IMU message that can't be read"


@dataclass(frozen=True)
class Inertial:
    """One message of an IMU. Nothing in it is trusted before :class:`ImuWatch` believed it.

    Attributes:
        received: When it arrived, on the steady clock of this computer (s).
        source: When it was measured, on the clock that stamps the observations too (s).
        tilt: Angle between the body's z and the vertical (rad); ``None``: it tells no attitude.
        rates: About the body's axes (rad/s), three; ``None``: it tells none.
    """

    received: Any
    source: Any
    tilt: Any
    rates: Any


class ImuWatch:
    """Says why a body whose IMU was heard must stop.

    An IMU that was never heard is none: nothing is asked of it. Once it was heard, its messages must go on. A message
    that *can't be used* (not finite, no unit quaternion, wrong frame) stops the body until the next good one. A message
    that is *no news* (measured no later than the last one, or under way much longer or shorter than the observations)
    is put aside: it refreshes nothing, so that the body stops when nothing better comes.

    Args:
        timeout: Longest silence, and largest difference between the delays of observation and IMU (s).
        tilt: Greatest tilt (rad).
    """

    def __init__(self, timeout: float, tilt: float) -> None:
        self._timeout, self._tilt = timeout, tilt
        self.forget()

    def forget(self) -> None:
        """There is no IMU, until one is heard."""
        self.heard: float | None = None
        """When something came that was news, good or bad, on the steady clock (s)."""
        self.wrong: str | None = None
        """Why the newest message can't be used."""
        self._newest: Inertial | None = None

    def restart(self) -> None:
        """The source's clock was set: the next message may have any time. What was wrong stays wrong."""
        self._newest = None

    def hear(self, message: Any, seen: Situation | None, now: float) -> str | None:
        """Take an :class:`Inertial`, or say why it is refused.

        Args:
            message: Anything; what can't be read at all is best given as ``None``.
            seen: The newest observation that was believed.
            now: The steady time (s).
        """
        try:
            message = attempt(_plain, message)
            if message is None:
                raise UnusableError(UNREADABLE)
        except UnusableError as error:
            self.wrong, self.heard = str(error), now
            return self.wrong
        if self.heard is None:
            # From now on its silence counts, even if this one turns out to be no news.
            self.heard = message.received
        if not message.received <= now:
            return "an IMU message from the future"
        if self._newest is not None and message.source <= self._newest.source:
            return "an IMU message that is a copy or out of order"
        if seen is not None:
            ahead = (message.source - seen.source) - (message.received - seen.received)
            if abs(ahead) > self._timeout:
                return "an IMU message whose clock is not the odometry's, or that came late"
        self.wrong, self.heard, self._newest = None, message.received, message
        return None

    def silent(self, now: float) -> bool:
        """Whether an IMU that was heard is not heard any more, at the steady time ``now`` (s)."""
        return self.heard is not None and stale(self.heard, now, self._timeout)

    def trouble(self, now: float) -> str | None:
        """Why the body must stop at the steady time ``now`` (s)."""
        if self.wrong is not None:
            return self.wrong
        if self.silent(now):
            return "an IMU that fell silent"
        tilt = None if self._newest is None else self._newest.tilt
        return "a tilt beyond the limit" if tilt is not None and abs(tilt) > self._tilt else None


def _plain(message: Any) -> Inertial:
    """A message with all its numbers as plain finite floats; may raise what the message raises.

    Raises:
        UnusableError: Why it can't be used.
    """
    if not isinstance(message, Inertial):
        raise UnusableError(UNREADABLE)
    rates = () if message.rates is None else message.rates
    if not isinstance(rates, tuple | list) or len(rates) not in (0, 3):
        raise UnusableError("an IMU message whose rates are not three numbers")
    if message.tilt is None and not rates:
        raise UnusableError("an IMU message without attitude and rates")
    # A list, no generator: that would end quietly at a StopIteration.
    return Inertial(
        received=_finite(message.received),
        source=_finite(message.source),
        tilt=None if message.tilt is None else _finite(message.tilt),
        rates=tuple([_finite(rate) for rate in rates]) or None,
    )


def _finite(number: Any) -> float:
    value = real(number)
    if value is None or not math.isfinite(value):
        raise UnusableError("an IMU message that is not finite")
    return value
