"""What an unsafe command is, written without the code under test.

The checker sees what goes into a wall (clock, messages, decisions, e-stop) and what comes out, and keeps its own books.
"""

from __future__ import annotations

import math
from typing import Any

from crl.safety.settings import WallSettings
from crl.safety.situation import Situation
from crl.safety.wall import SafeCommand

STANDSTILL = 10
SHORTEST = 1e-3
ROUNDING = 1e-6


def plain(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and -1e300 < value < 1e300


def usable(message: Any) -> bool:
    if not isinstance(message, Situation) or not isinstance(message.position, tuple) or len(message.position) != 3:
        return False
    parts = (message.sequence, message.received, message.source, *message.position, message.heading, message.tilt)
    return all(plain(part) for part in parts)


class Checker:
    """Complains about any command that nothing it has seen can justify."""

    def __init__(self, settings: WallSettings) -> None:
        self.settings = settings
        self.limits = settings.limits
        self.messages: list[Situation] = []
        self.decisions: list[tuple[float, Any]] = []
        self.pressed = False
        self.heard: float | None = None
        self.last: tuple[float, list[float], list[float]] | None = None
        self.still = 0
        self.clock = math.nan
        self.stopped: float | None = None

    # ---------------------------------------------------------------- what goes in
    def saw(self, message: Any) -> None:
        if usable(message):
            self.messages.append(message)

    def decided(self, action: Any, now: float) -> None:
        self.decisions.append((now, action))

    def button(self, pressed: Any, now: float) -> None:
        self.pressed = self.pressed or pressed is not False
        self.heard = now

    def reset(self) -> None:
        self.pressed = False
        self.messages.clear()
        self.decisions.clear()

    # ---------------------------------------------------------------- what comes out
    def check(self, command: SafeCommand, now: float) -> None:
        value = [float(part) for part in command.action]
        assert command.action.dtype.name == "float64"
        assert len(value) == self.limits.size
        for part, low, high in zip(value, self.limits.low, self.limits.high, strict=True):
            assert math.isfinite(part)
            assert low <= part <= high
        must = self.must_stop(now)
        now = self.clock  # the last one that was a number
        if must is not None:
            assert command.stopped, f"{must}, but {value} was sent"
        if command.stopped:
            assert command.reason
            self.check_stop(value, now)
            self.last = (now, value, [0.0] * len(value))
            return
        self.stopped = None
        self.check_fence(value)
        self.check_changes(value, now)

    def must_stop(self, now: float) -> str | None:
        """Why nothing but a stop would be right, by conditions that are necessary for moving."""
        settings = self.settings
        if not math.isfinite(now):
            return "the clock is no number"
        before, self.clock = self.clock, now
        self.still = self.still + 1 if now == before else 0
        if now < before or self.still >= STANDSTILL:
            return "the clock is wrong"
        if self.pressed:
            return "the e-stop is pressed"
        if settings.heartbeat is not None and (self.heard is None or not 0 <= now - self.heard <= settings.heartbeat):
            self.pressed = True
            return "the e-stop button is silent"
        if self.last is not None and not 0 <= now - before <= settings.decision_timeout:
            return "the wall slept"
        fresh = [m for m in self.messages if 0 <= now - m.received <= settings.observation_timeout]
        if not fresh:
            return "no message is fresh"
        if all(abs(m.tilt) > settings.tilt for m in fresh):
            return "every fresh message says that it tips over"
        late = [action for made, action in self.decisions if 0 <= now - made <= settings.decision_timeout]
        if not late:
            return "no decision is fresh"
        return None

    def check_stop(self, value: list[float], now: float) -> None:
        """A stop is the safe action, or a descent after a long one: never a fall."""
        if value == list(self.limits.safe):
            if self.stopped is None or not self.stopped <= now:
                self.stopped = now
            return
        landing = self.settings.landing
        assert landing is not None
        assert self.stopped is not None
        assert now - self.stopped >= landing.after
        assert value == [0.0, 0.0, -landing.speed, 0.0]

    def check_changes(self, value: list[float], now: float) -> None:
        if self.last is None:
            assert value == list(self.limits.safe)
            self.last = (now, value, [0.0] * len(value))
            return
        when, before, slopes = self.last
        elapsed = now - when
        if elapsed < SHORTEST:
            assert value == before
            return
        new = [(a - b) / elapsed for a, b in zip(value, before, strict=True)]
        for slope, old, most, jerk in zip(new, slopes, self.limits.acceleration, self.limits.jerk, strict=True):
            assert abs(slope) <= most + ROUNDING
            assert abs(slope - old) <= jerk * elapsed + ROUNDING
        self.last = (now, value, new)

    def check_fence(self, value: list[float]) -> None:
        """By one of the fresh messages the body stops before every wall, wherever it turns meanwhile."""
        settings = self.settings
        fresh = [m for m in self.messages if 0 <= self.clock - m.received <= settings.observation_timeout]
        assert any(self.stops_inside(value, message) for message in fresh), f"{value} leads through the fence"

    def stops_inside(self, value: list[float], message: Situation) -> bool:
        settings, limits = self.settings, self.limits
        delay = settings.observation_timeout + settings.period
        if settings.body == "ground":
            ahead, left, up, turn = value[0], 0.0, 0.0, value[1]
            horizontal, vertical = limits.acceleration[0], 1.0
        else:
            ahead, left, up, turn = value
            horizontal, vertical = min(limits.acceleration[:2]), limits.acceleration[2]
        for step in range(33):
            heading = message.heading + turn * delay * step / 32
            velocity = (
                ahead * math.cos(heading) - left * math.sin(heading),
                ahead * math.sin(heading) + left * math.cos(heading),
                up,
            )
            for axis, part in enumerate(velocity):
                brakes = vertical if axis == 2 else horizontal
                wall = settings.fence.high[axis] if part > 0 else settings.fence.low[axis]
                room = max((wall - message.position[axis]) * (1 if part > 0 else -1), 0.0)
                if abs(part) * delay + part * part / (2 * brakes) > room + ROUNDING:
                    return False
        return True
