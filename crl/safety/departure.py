"""Departure: a robot that has gone away from its goal for longer than a stated time has lost its way, and stops.

What the robot believes of its body plays no part here. A correction may be wrong, or right and not enough; either way
the distance to the goal tells. Patience with a robot that makes no way (``missions.patience``) is longer, because one
that turns slowly on the spot does no harm.
"""

from __future__ import annotations

import math

import numpy as np

from crl.types import Array, ObservationSpec

MOVED = 0.01
"""A goal that has moved on the map by more than this (m) is another one: rounding moves it by less."""
NEARER = 0.05
"""A goal is nearer than it was when this much (m) is gained."""
FAR = 1.0
"""Growth (m) that counts: less is the way round a corner, or a robot that stands."""
BACK = 0.5
"""Share of the growth after whose return the robot is on its way back."""


class Departure:
    """Says when the distance to the goal has grown for too long.

    The distance grows from its least value to its newest greatest. It may fall in between, as on a circle that drifts
    away, but not by half of what it has grown. Growth of less than 1 m counts as none.

    Args:
        observation: Fields of the observation; those of the roles ``position`` and ``goal`` are read. Without them, no
            departure is seen.
        seconds: Time (s) for which the distance may grow, above 0.
        period: Control period (s).

    Attributes:
        reason: Why the robot must stop; ``None`` before it must. It stays until :meth:`begin`.
    """

    def __init__(self, observation: ObservationSpec, seconds: float, period: float) -> None:
        at = list(zip(observation.fields, observation.offsets(), strict=True))
        self._position = [where for field, where in at if field.role == "position"]
        goals = [where for field, where in at if field.role == "goal"]
        self._goal = goals[: len(self._position)]
        self._seconds, self._period = seconds, period
        self.begin()

    def begin(self) -> None:
        """A new mission."""
        self.reason: str | None = None
        self._step = 0
        self._target: Array | None = None
        self._approach(math.inf)

    def _approach(self, distance: float) -> None:
        self._near = self._far = distance
        self._since = self._step

    def sees(self, observation: Array) -> str | None:
        """Take note of an observation [S], once per control period; :attr:`reason`. One not finite tells nothing."""
        self._step += 1
        if not self._goal or self.reason is not None:
            return self.reason
        here, ahead = observation[self._position], observation[self._goal]
        if not (np.isfinite(here).all() and np.isfinite(ahead).all()):
            return None
        distance, target = float(np.linalg.norm(ahead)), here + ahead
        other = self._target is None or float(np.linalg.norm(target - self._target)) > MOVED
        if other or distance < self._near - NEARER or distance < self._far - BACK * (self._far - self._near) - NEARER:
            self._target = target
            self._approach(distance)
        elif distance > self._far:
            self._far = distance
            grown, lasted = self._far - self._near, (self._step - self._since) * self._period
            if grown > FAR and lasted > self._seconds:
                self.reason = f"the distance to the goal has grown for {lasted:.0f} s, by {grown:.1f} m"
        return self.reason
