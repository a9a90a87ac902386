"""The wall between a decision and a robot: every command passes it, and nothing goes round it."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crl.safety.command_filter import Command, CommandFilter
from crl.safety.e_stop import EStop
from crl.safety.fence import hold_back
from crl.safety.imu import ImuWatch
from crl.safety.rate_limit import RateLimiter
from crl.safety.settings import WallSettings
from crl.safety.strangers import attempt, real
from crl.safety.stream import Stream
from crl.safety.watchdog import SteadyClock, stale

SHORTEST = 1e-3
"""A command asked for sooner after the last change (s) repeats it: differences over less mean nothing to a motor."""


@dataclass(frozen=True)
class SafeCommand:
    """What may be sent to the robot.

    Attributes:
        action: float64 [A].
        time: When it was made, on the steady clock (s).
        stopped: Whether it is the safe action (or the landing) because something is wrong.
        reason: Why it is not what the agent asked for; ``None`` if it is.
    """

    action: NDArray[np.float64]
    time: float
    stopped: bool = False
    reason: str | None = None


class SafetyWall:
    """Makes the command that is sent, at a fixed rate, of the newest decision and the newest observation.

    Call :meth:`observe` with every message about the robot (and, for robots that have an IMU beside the odometry,
    :meth:`hear_imu`), :meth:`propose` with every decision, and :meth:`command`
    once per command period; send what it returns and nothing else. What it does, in this order; the first rule that
    says stop wins over everything after it:

    1. the clock gives no time, went back, or stands still: stop;
    2. e-stop pressed or its button silent: stop, until :meth:`reset`;
    3. nobody asked for a command for longer than the decision time-out: stop once, go on from there;
    4. no observation that can be believed, or one older than its time-out (what is put down to the drift of clocks
       aside, at most one more time-out): stop;
    5. the body is tilted beyond the limit, by the observation or by the newest message of an IMU; or an IMU that was
       heard falls silent or sends what can't be used: stop;
    6. no decision, or one older than its time-out: stop;
    7. the decision is no array of finite numbers of the right shape: stop;
    8. each element is brought inside its limits;
    9. the velocity towards the walls of the fence is held back, softly;
    10. velocity, acceleration and jerk are limited over the real elapsed time;
    11. what is left would not stop in front of a wall of the fence: stop.

    *Stop* is always the same: the safe action, at once. It passes the limits on acceleration and jerk, because a body
    brakes harder by its own means than by a gentle sequence of commands, and because nothing that has failed may delay
    it. A body that flies and has been stopped for ``landing.after`` seconds, after it moved under this wall, is sent
    the descent instead of the safe action. After a stop the limits begin anew, from what was sent, at rest.

    Args:
        settings: What the robot may do.
        clock: The steady clock (s).
    """

    def __init__(self, settings: WallSettings, clock: Callable[[], Any] = time.monotonic) -> None:
        self._settings = settings
        self._clock = SteadyClock(clock)
        self._filter = CommandFilter(settings.limits.action_spec(), settings.limits.safe)
        self._limiter = RateLimiter(settings.limits)
        self._stream = Stream(settings.observation_timeout, settings.top_speed, settings.jump)
        self._soft, self._hard = settings.approach(soft=True), settings.approach(soft=False)
        self._decision: Command | None = None
        self._made = 0.0
        self._asked: float | None = None
        self._changed: float | None = None
        self._stopped: float | None = None
        self._moved = False
        self.e_stop = EStop(settings.heartbeat)
        self.imu = ImuWatch(settings.observation_timeout, settings.tilt)
        self.reasons: Counter[str] = Counter()
        """How often each reason was given, of commands and of refused messages."""

    def observe(self, message: Any) -> str | None:
        """Take a :class:`~crl.safety.situation.Situation`, or say why it is refused: an agent should not use it."""
        refused = self._stream.offer(message, self._clock.read())
        self._count(refused)
        return refused

    def hear_imu(self, message: Any) -> str | None:
        """Take an :class:`~crl.safety.imu.Inertial`, or say why it is refused: an agent should not use it."""
        refused = self.imu.hear(message, self._stream.latest, self._clock.read())
        self._count(refused)
        return refused

    def propose(self, action: Any, made: Any = None) -> str | None:
        """Take a decision [A] of any origin, or say why it is refused.

        Args:
            action: What the agent wants.
            made: When it was decided, on the steady clock (s); now by default. Older than the last one: refused.
        """
        now = self._clock.read()
        when = now if made is None else attempt(real, made)
        refused = None
        if when is None:
            refused = "a decision whose time is not a number"
        elif not when <= now:
            refused = "a decision from the future"
        elif self._decision is not None and when < self._made <= now:
            refused = "a decision older than the last one"
        else:
            self._decision, self._made = self._filter(action), when
        self._count(refused)
        return refused

    def hear_e_stop(self, pressed: Any) -> None:
        """Take a message of the e-stop button: anything but a plain ``False`` presses it, and it stays pressed."""
        self.e_stop.hear(pressed, self._clock.read())

    def reset(self) -> str | None:
        """Release the e-stop and begin a new stream of observations, or say why not. Only a person should cause this.

        Nothing that was decided or observed before counts any more; an IMU counts again when it is heard again.
        """
        refused = self.e_stop.reset(self._clock.read())
        if refused is None:
            self.begin_anew()
            self._stream.restart()
            self.imu.forget()
        return refused

    def begin_anew(self) -> None:
        """Begin a new stream of observations; the e-stop stays as it is. For sources whose clock was set ahead.

        Nothing that was decided or observed before counts any more, but how long the fastest message took is
        remembered: only a person may say that a delay is none.
        """
        self._decision = None
        self._stream.follow()
        self.imu.restart()

    @property
    def measured(self) -> float:
        """When the newest observation was measured, on the steady clock (s); ``-inf`` without one."""
        return self._stream.measured

    @property
    def drift(self) -> float:
        """How much of the observations' delay is put down to a slow clock of their source since :meth:`reset` (s).

        It grows to ``observation_timeout`` and no further. It counts as delay for the fence.
        """
        return self._stream.drift

    def command(self) -> SafeCommand:
        """The command to send now."""
        trouble = self._clock.tick()
        now = self._clock.now
        asked, self._asked = self._asked, now
        stop = trouble or self.e_stop.trouble(now) or self._stop(now, asked)
        if stop is not None:
            return self._safe(now, stop)
        made = self._move(now)
        # The button may have been pressed by another thread meanwhile.
        return made if not self.e_stop.latched else self._safe(now, "an e-stop")

    def stop(self, reason: str) -> SafeCommand:
        """The safe action for a reason of the caller's (deactivation, shutdown); needs no clock and no observation."""
        self._decision = None
        return self._safe(self._clock.now, reason)

    # ------------------------------------------------------------------ rules 3 to 7
    def _stop(self, now: float, asked: float | None) -> str | None:
        settings, seen = self._settings, self._stream.latest
        if asked is not None and stale(asked, now, settings.decision_timeout):
            return "no command was asked for in time"
        if seen is None:
            return "no observation yet"
        if stale(seen.received, now, settings.observation_timeout) or stale(
            self._stream.measured, now, settings.observation_timeout
        ):
            return "a stale observation"
        if abs(seen.tilt) > settings.tilt:
            return "a tilt beyond the limit"
        wrong = self.imu.trouble(now)
        if wrong is not None:
            return wrong
        if self._decision is None:
            return "no decision yet"
        if stale(self._made, now, settings.decision_timeout):
            return "a stale decision"
        return self._decision.reason if self._decision.replaced else None

    # ------------------------------------------------------------------ rules 8 to 11
    def _move(self, now: float) -> SafeCommand:
        seen, decision, settings = self._stream.latest, self._decision, self._settings
        assert seen is not None  # rules 4 and 6
        assert decision is not None
        limits, place = settings.limits, (seen.position, seen.heading, settings.fence)
        soft, hard = (replace(way, delay=way.delay + self.drift) for way in (self._soft, self._hard))
        # Again in double precision: the nearest float32 to a limit may lie outside it.
        inside = np.clip(decision.action.astype(np.float64), limits.low, limits.high).tolist()
        wanted = hold_back(settings.body, inside, *place, soft)
        reason = decision.reason if wanted == inside else "a fence ahead"
        self._changed = now if self._changed is None else self._changed
        elapsed = now - self._changed
        if elapsed >= SHORTEST:
            made = self._limiter.step(wanted, elapsed)
            self._changed = now
        else:
            made = self._limiter.value
        if hold_back(settings.body, made, *place, hard) != made:
            return self._safe(now, "a fence too near")
        if made != wanted:
            reason = reason or "a change faster than the limits"
        self._count(reason)
        self._stopped, self._moved = None, True
        return SafeCommand(np.array(made), now, reason=reason)

    def _safe(self, now: float, reason: str) -> SafeCommand:
        limits, landing = self._settings.limits, self._settings.landing
        self._changed = now if math.isfinite(now) else None
        self._count(reason)
        # Not "if None": after a jump back of the clock the stop began now.
        self._stopped = now if self._stopped is None or not self._stopped <= now else self._stopped
        action = list(limits.safe)
        if landing is not None and self._moved and now - self._stopped >= landing.after:
            action[:] = [0.0, 0.0, -landing.speed, 0.0]
        self._limiter.restart(action)
        return SafeCommand(np.array(action), now, True, reason)

    def _count(self, reason: str | None) -> None:
        if reason is not None:
            self.reasons[reason] += 1
