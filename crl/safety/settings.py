"""Everything that the wall is told about a robot, as plain data."""

from __future__ import annotations

import math
from dataclasses import dataclass

from crl.matching import nearest
from crl.safety.fence import ELEMENTS, Approach, Body, Fence
from crl.safety.limits import Limits, SafetyError


@dataclass(frozen=True)
class Landing:
    """What a flying body does when it has been stopped for long: sink, never fall.

    Attributes:
        after: Seconds of uninterrupted stop.
        speed: Of the descent (m/s), positive.
    """

    after: float
    speed: float


@dataclass(frozen=True)
class WallSettings:
    """See :class:`~crl.safety.wall.SafetyWall`.

    Attributes:
        body: ``ground`` or ``air``; decides the elements of the command.
        limits: Of the command.
        period: Seconds between two commands.
        observation_timeout: Age of an observation from which the robot stops (s).
        decision_timeout: Age of a decision from which the robot stops (s).
        fence: Where the body may be; infinite by default.
        tilt: Greatest angle between the body's z and the vertical (rad), at most pi.
        jump: Jump of the measured position that is still believed (m).
        heartbeat: Longest silence of the e-stop button (s); ``None``: it may be silent.
        landing: ``None``: the body keeps holding.

    Raises:
        SafetyError: Names the entry and what is impossible about it.
    """

    body: Body
    limits: Limits
    period: float
    observation_timeout: float = 0.2
    decision_timeout: float = 0.2
    fence: Fence = Fence()  # noqa: RUF009  frozen
    tilt: float = math.pi
    jump: float = 0.5
    heartbeat: float | None = None
    landing: Landing | None = None

    def __post_init__(self) -> None:
        if self.body not in ELEMENTS:
            raise SafetyError(f"there is no body {self.body!r}{nearest(str(self.body), ELEMENTS)}")
        if self.limits.names != ELEMENTS[self.body]:
            raise SafetyError(
                f"the action of a body of kind {self.body!r} is {', '.join(self.limits.names)}",
                f"it must be {', '.join(ELEMENTS[self.body])}, in this order",
            )
        for name, value in (
            ("period", self.period),
            ("observation time-out", self.observation_timeout),
            ("decision time-out", self.decision_timeout),
            ("tilt limit", self.tilt),
            ("jump", self.jump),
            ("e-stop heartbeat", 1.0 if self.heartbeat is None else self.heartbeat),
        ):
            if not (math.isfinite(value) and value > 0):
                raise SafetyError(f"the {name} is {value}", "give a positive number")
        if self.decision_timeout < self.period:
            raise SafetyError(
                f"the decision time-out is {self.decision_timeout:g} s, the period of commands {self.period:g} s",
                "a time-out must be at least one period",
            )
        self._check_stop()
        if self.landing is not None:
            self._check_landing(self.landing)

    def _check_stop(self) -> None:
        """What is sent when nothing else can be trusted must not move the body; a landing does not turn it either."""
        limits = self.limits
        for name, unit, low, high, safe in zip(
            limits.names, limits.units, limits.low, limits.high, limits.safe, strict=True
        ):
            if not low <= 0 <= high:
                raise SafetyError(
                    f"{name} cannot be 0: it goes from {low:g} to {high:g} {unit}",
                    "a body that can't stand still can't be stopped or kept behind a fence: let 0 be inside the limits",
                )
            if safe != 0:
                raise SafetyError(
                    f"the safe action of {name} is {safe:g} {unit}, which moves the body",
                    "set it to 0: it is what an e-stop sends",
                )

    def _check_landing(self, landing: Landing) -> None:
        if self.body != "air":
            raise SafetyError(f"a body of kind {self.body!r} is to land", "leave landing out")
        if not (math.isfinite(landing.after) and landing.after >= 0):
            raise SafetyError(f"landing begins after {landing.after} s", "give a number that is not negative")
        if not 0 < landing.speed <= -self.limits.low[2]:
            raise SafetyError(
                f"the landing speed is {landing.speed} m/s, vz goes down to {self.limits.low[2]:g} m/s",
                "give a positive speed inside the limits",
            )

    @property
    def top_speed(self) -> float:
        """Fastest commanded translation (m/s)."""
        return math.hypot(*(max(-low, high) for low, high in self._ranges()))

    def approach(self, soft: bool) -> Approach:
        """How the body brakes before a wall.

        Hard: with the full acceleration, to the wall itself. Soft: with half of it, to the margin, and as much earlier
        as the jerk limit needs to build it up; so that the hard rule has little to do.
        """
        across = range(len(self.limits.names) - 1)[:2] if self.body == "air" else range(1)
        horizontal = min(self.limits.acceleration[i] for i in across)
        vertical = self.limits.acceleration[2] if self.body == "air" else 1.0
        delay = self.observation_timeout + self.period
        if not soft:
            return Approach(delay, horizontal, vertical)
        moving = range(len(self.limits.names) - 1)
        lag = max(self.limits.acceleration[i] / self.limits.jerk[i] for i in moving)
        return Approach(delay + lag, horizontal / 2, vertical / 2, self.fence.margin)

    def _ranges(self) -> list[tuple[float, float]]:
        return list(zip(self.limits.low, self.limits.high, strict=True))[:-1]
