"""The loop of a robot that is driven by an agent, without ROS: readings in, decisions, safe commands out.

What ``docs/reference/robots.md`` shows as a loop, in pieces that an executor can call: :meth:`Control.hear` with every
message, :meth:`Control.command` once per command period, and :meth:`Control.decide` whenever there is time for it.
"""

from __future__ import annotations

import math
import time
from collections import Counter, deque
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from crl.safety.wall import SafeCommand, SafetyWall
from crl.types import Decision
from crl_robots import Reading, RobotError, RobotMission, RobotSpec, observe
from crl_robots.imu import ImuReading, refined
from crl_ros.resync import Resync

Array = NDArray[np.float32]
REGULAR = 0.25
"""Share of the control period by which two decisions may be nearer or further and still make a transition."""
RECENT = 400
"""Decisions whose durations are kept."""
KEPT = 256
"""Commands that are remembered; many more than any command can be late."""
FORGET = 0.98
"""What is left of the longest duration after each decision: how long the next one may take."""


class Driver(Protocol):
    """Who decides: :class:`crl.deployment.pilot.Pilot`, or something simpler with the same calls."""

    learner_pid: int | None
    learns: bool
    learning: bool

    def begin(self, waypoints: int) -> None:
        """A mission of so many waypoints begins."""
        ...

    def act(self, observation: Array) -> Decision:
        """Decide."""
        ...

    def observe(self, observation: Array, executed: Array, next_observation: Array) -> None:
        """Take note of what a command did."""
        ...

    def poll(self) -> bool:
        """Learn a little, or take over newer weights, if there is anything of it."""
        ...

    def name_regime(self, regime: int, name: str) -> None:
        """Give a remembered regime a name."""
        ...

    def forget_regime(self, regime: int) -> None:
        """Forget a remembered regime."""
        ...

    def status(self) -> dict[str, Any]:
        """For diagnostics."""
        ...

    def close(self) -> None:
        """Give everything back."""
        ...


class Control:
    """Drives one robot through the safety wall; nothing leaves that is not a :class:`~crl.safety.wall.SafeCommand`.

    Args:
        spec: The robot.
        driver: Who decides.
        clock: The steady clock (s) on which readings are received.
    """

    def __init__(self, spec: RobotSpec, driver: Driver, clock: Callable[[], float] = time.monotonic) -> None:
        self.spec, self.driver, self.clock = spec, driver, clock
        self.wall = SafetyWall(spec.wall_settings(), clock=clock)
        self.mission: RobotMission | None = None
        self.failure: str | None = None
        """Why there is no decision, if the driver or the observation is to blame."""
        self.counts: Counter[str] = Counter()
        """``readings``, ``imu`` messages, ``decisions``, ``transitions``, ``weights`` taken over, ``failures``,
        ``resynchronised``."""
        self.flaws: Counter[str] = Counter()
        """How many readings had which :attr:`~crl_robots.robot.Reading.flaw`."""
        self.milliseconds: deque[float] = deque(maxlen=RECENT)
        """Of recent decisions, with what is learned from the one before."""
        self.longest = 0.0
        """How long (s) the next decision may well take."""
        self._resync = Resync(spec)
        self._sent: deque[tuple[float, Array]] = deque(maxlen=KEPT)
        self._begun = False
        self._unread: Reading | None = None
        self._imu: ImuReading | None = None
        self._heard: float | None = None
        self._spacing = math.inf
        self._decided: tuple[float, Array] | None = None

    # ------------------------------------------------------------------ what comes in
    def plan(self, mission: RobotMission | None) -> None:
        """Take over a mission, from its beginning; ``None``: stand."""
        self.mission, self._begun, self._decided = mission, False, None
        self.failure = None
        if mission is None:
            self.wall.stop("no plan")

    def hear(self, reading: Reading) -> str | None:
        """Take a reading, or say why the wall does not believe it."""
        self.counts["readings"] += 1
        if reading.flaw is not None:
            self.flaws[reading.flaw] += 1
        refused = self.wall.observe(reading.situation())
        fastest = self._resync.look(reading, refused)
        if fastest is not None and not self.wall.e_stop.latched:
            self.wall.begin_anew()
            self._forget()
            self.counts["resynchronised"] += 1
            if fastest is not reading:
                self.wall.observe(fastest.situation())
            refused = self.wall.observe(reading.situation())
        if refused is None:
            self._spacing = math.inf if self._heard is None else reading.source - self._heard
            self._heard = reading.source
            self._unread = reading
        return refused

    def hear_imu(self, imu: ImuReading | None) -> str | None:
        """Take what the IMU said, ``None`` if that can't be read; or say why the wall does not believe it."""
        self.counts["imu"] += 1
        refused = self.wall.hear_imu(None if imu is None else imu.inertial())
        if refused is None:
            self._imu = imu
        return refused

    def reset(self) -> str | None:
        """Release the e-stop, or say why not."""
        refused = self.wall.reset()
        if refused is None:
            self._forget()
        return refused

    def _forget(self) -> None:
        """Nothing that was read or decided before belongs to the new stream."""
        self._unread = self._decided = self._heard = self._imu = None

    # ------------------------------------------------------------------ decisions
    @property
    def done(self) -> bool:
        """Whether the mission is complete."""
        return self.mission is not None and self.mission.done

    @property
    def due(self) -> bool:
        """Whether a decision should be made on the newest reading.

        The nearest reading to one control period after the last decision is used, whatever the rate of the odometry.
        """
        if self._unread is None or self.mission is None or self.done:
            return False
        if self._decided is None:
            return True
        since = self._unread.source - self._decided[0]
        return since < 0 or since + self._spacing / 2 >= self.spec.control_period

    def decide(self) -> bool:
        """Learn from the last step and decide on the next, if that is :attr:`due`; whether it was decided."""
        if not self.due:
            return False
        assert self._unread is not None
        began = time.perf_counter()
        reading, self._unread = self._unread, None
        try:
            made = self._decide(reading, self._in_force())
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:
            # Whatever it is (libraries have panics that are no Exception): without a decision the robot stands.
            self.failure = f"{type(error).__name__}: {error}" if not isinstance(error, RobotError) else str(error)
            self.counts["failures"] += 1
            self._decided = None
            self.wall.stop(self.failure)
            made = False
        spent = time.perf_counter() - began
        self.milliseconds.append(1e3 * spent)
        self.longest = max(spent, FORGET * self.longest)
        return made

    def _in_force(self) -> Array:
        """The command [A] whose effect the newest reading shows: the last that had been sent when it was measured.

        When it was measured on this computer's clock is told by the messages that came fastest; when it was looked at
        says nothing, because a long decision may have come between.
        """
        for when, action in reversed(self._sent):
            if when <= self.wall.measured:
                return action
        return np.array(self.spec.limits.safe, dtype=np.float32)

    def _decide(self, reading: Reading, executed: Array) -> bool:
        mission = self.mission
        assert mission is not None
        if not self._begun:
            mission.begin(reading.position)
            self.driver.begin(int(mission.info()["waypoints"]))
            self._begun = True
        else:
            mission.advance(reading.position)
        observation = observe(self.spec, refined(reading, self._imu), mission, executed.tolist())
        period, before = self.spec.control_period, self._decided
        if before is not None and abs(reading.source - before[0] - period) <= REGULAR * period:
            self.driver.observe(before[1], executed, observation)
            self.counts["transitions"] += 1
        if mission.done:
            self._decided = None
            self.wall.stop("the mission is complete")
            return False
        self.counts["weights"] += self.driver.poll()
        self.wall.propose(self.driver.act(observation).action)
        self._decided = reading.source, observation
        self.counts["decisions"] += 1
        self.failure = None
        return True

    # ------------------------------------------------------------------ what goes out
    def command(self) -> SafeCommand:
        """The command to send now; call it once per command period, and send it."""
        return self._keep(self.wall.command())

    def stop(self, reason: str) -> SafeCommand:
        """The safe action, to be sent at once."""
        self._decided = None
        return self._keep(self.wall.stop(reason))

    def _keep(self, command: SafeCommand) -> SafeCommand:
        self._sent.append((self.clock(), command.action.astype(np.float32)))
        return command
