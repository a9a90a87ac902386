"""Simulated bodies in real time: the environments of :mod:`crl_envs`, driven as if they were robots."""

from __future__ import annotations

import math
from typing import Any

import gymnasium
import numpy as np

from crl.safety.wall import SafeCommand
from crl_robots import geometry
from crl_robots.drivers.pacing import Pacer
from crl_robots.errors import RobotError
from crl_robots.robot import Reading, checked
from crl_robots.spec import RobotSpec


class SimRobot:
    """A simulated body that goes on whether or not it is commanded.

    Time: the body takes one step per decision period of its description, at due times of the steady clock. There is no
    thread: steps that have fallen due are made at the next call of :meth:`read` or :meth:`command`, one after another,
    with the command that was in force at their due time; so a late caller finds the body where it would have been. More
    than one second behind, the rest is given up (:class:`~crl_robots.drivers.pacing.Pacer`). As a real robot does, the
    body takes the safe action once ``timeouts.receiver`` has passed without a command.

    In lockstep, for tests, there is no real time: every :meth:`read` is one step, and the clock shows the body's time.

    The odometry frame is the map's: positions are those of the waypoint file.

    Args:
        spec: The robot.
        time_scale: Seconds of the body per real second.
        lockstep: One step per reading, as fast as it goes.
        seed: Of the start.
        options: Further options of the environment's class, such as ``waypoints`` and ``fault``.

    Raises:
        RobotError: The robot has no simulated body, or an option is impossible.
    """

    def __init__(
        self, spec: RobotSpec, time_scale: float = 1.0, lockstep: bool = False, seed: int = 0, **options: Any
    ) -> None:
        if spec.simulation is None:
            raise RobotError(f"{spec.name} has no simulated body", "give its description an entry simulation")
        if not 0 < time_scale < math.inf:
            raise RobotError(f"time_scale is {time_scale}", "give a positive number")
        self.spec = spec
        self.info: dict[str, Any] = {}
        """What the environment says about its own mission; ground truth, for tests and diagnostics."""
        self._scale, self._lockstep, self._seed = time_scale, lockstep, seed
        self._options = {**spec.simulation.options, **options}
        self._env: gymnasium.Env[Any, Any] | None = None
        self._pacer: Pacer | None = None
        self._safe = np.array(spec.limits.safe, dtype=np.float32)
        self._action, self._commanded = self._safe, 0.0
        self._sequence = 0
        self._time = 0.0
        self._unread: Reading | None = None
        self._before: tuple[Any, float] | None = None

    def connect(self) -> None:
        """Put the body at the start of its mission, at rest."""
        import crl_envs  # noqa: F401  registers the environments

        if self._env is not None:
            raise RobotError(f"{self.spec.name} is connected already", "close it first")
        assert self.spec.simulation is not None
        try:
            env = gymnasium.make(self.spec.simulation.env, disable_env_checker=True, **self._options)
        except (ValueError, TypeError, gymnasium.error.Error, ImportError) as error:
            raise RobotError(f"the simulated body of {self.spec.name} can't be made: {error}") from error
        period = float(env.unwrapped.task["control_period"])  # type: ignore[attr-defined]
        if not math.isclose(period, self.spec.control_period, rel_tol=1e-6):
            env.close()
            raise RobotError(
                f"{self.spec.name} decides every {self.spec.control_period:g} s, its simulated body every {period:g} s",
                "give both the same rate",
            )
        # The outer wrappers only watch the order of calls; after its mission the body goes on.
        self._env = env.unwrapped
        _, self.info = self._env.reset(seed=self._seed)
        self._time, self._sequence, self._before = 0.0, 0, None
        self._action, self._commanded = self._safe, 0.0
        self._pacer = None if self._lockstep else Pacer(period, self._scale)
        self._unread = self._measure(0.0)

    def clock(self) -> float:
        """Seconds of the body since :meth:`connect`."""
        return self._time if self._pacer is None else self._pacer.now()

    def read(self, timeout: float = 0.0) -> Reading | None:
        """The newest reading; see :class:`~crl_robots.robot.Robot`. In lockstep one step is made for it."""
        self._body()
        if self._unread is None:
            if self._pacer is None:
                self._step(self._time + self.spec.control_period)
            else:
                for due in self._pacer.wait(timeout):
                    self._step(due)
        reading, self._unread = self._unread, None
        return reading

    def command(self, command: SafeCommand) -> None:
        """Take over a command from now on."""
        self._send(np.array(checked(self.spec, command), dtype=np.float32))

    def stop(self) -> None:
        """Take over the safe action from now on."""
        if self._env is not None:
            self._send(self._safe)

    def close(self) -> None:
        """Leave the simulator."""
        if self._env is not None:
            self._env.close()
            self._env = None

    @property
    def waypoints(self) -> np.ndarray[Any, np.dtype[np.float64]]:
        """The body's own mission in the odometry frame (m), [N, 2] or [N, 3]."""
        body = self._body()
        return np.asarray(body.progress.mission.points + body.origin)

    @property
    def missed(self) -> int:
        """Periods that passed without anybody looking; they were simulated all the same, or given up."""
        return 0 if self._pacer is None else self._pacer.made_up + self._pacer.given_up

    # ------------------------------------------------------------------ the body
    def _body(self) -> Any:
        if self._env is None:
            raise RobotError(f"{self.spec.name} is not connected", "call connect() first")
        return self._env

    def _send(self, action: np.ndarray[Any, np.dtype[np.float32]]) -> None:
        self._body()
        if self._pacer is not None:
            for due in self._pacer.due():
                self._step(due)
        self._action, self._commanded = action, self.clock()

    def _step(self, due: float) -> None:
        """One step of the body, which ends at ``due`` (s)."""
        silent = due - self.spec.control_period - self._commanded > self.spec.timeouts.receiver
        _, _, _, _, self.info = self._body().step(self._safe if silent else self._action)
        self._time = due
        self._unread = self._measure(due)

    def _measure(self, source: float) -> Reading:
        said = self._body().odometry()
        position, orientation = said["position"], geometry.unit(said["orientation"])
        velocity, rates = said["velocity"], said["rates"]
        angle = geometry.heading(orientation)
        if velocity is None:
            velocity = rates = (0.0, 0.0, 0.0)
            if self._before is not None:
                period, (there, then) = self.spec.control_period, self._before
                way = [(here - before) / period for here, before in zip(position, there, strict=True)]
                velocity, rates = geometry.to_body(orientation, way), (0.0, 0.0, geometry.wrap(angle - then) / period)
        self._before = (position, angle)
        self._sequence += 1
        return Reading(
            sequence=self._sequence,
            received=self.clock() if self._pacer is not None else source,
            source=source,
            position=position,
            orientation=orientation,
            velocity=velocity,
            rates=rates,
        )
