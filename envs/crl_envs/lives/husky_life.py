"""A husky that never stops: waypoints without an end, and a body that changes unannounced, again and again."""

from __future__ import annotations

from typing import Any, Unpack

import numpy as np
from numpy.typing import NDArray

from crl_envs.lives.commanded import Drawn
from crl_envs.lives.endless import EndlessWay
from crl_envs.lives.ground import HALF, LOST, GroundLifeEnv
from crl_envs.lives.life import STEPS
from crl_envs.lives.regimes.commands import CommandRegime
from crl_envs.missions.rewards import ground_reward
from crl_envs.vehicles.husky import RADIUS, motion_fields
from crl_envs.vehicles.husky_body import CONTROL_PERIOD, HuskyBody
from crl_envs.vehicles.ugv_mission import SPEED, TURN_RATE, vehicle_task

REST = 5000
"""After so many steps the husky is put back to rest at its waypoint. It is no crash."""
USUAL = np.array([0.1 * SPEED, 0.04, 0.1 * TURN_RATE, 0.5 * SPEED, 0.2, 0.5 * TURN_RATE])
"""Change of a control step that a usual command makes, in the order of the model's changes: displacement (m), turn
(rad), velocities (m/s) and turn rate (rad/s). Sideways it is twice the deviation in nominal drives: a turning robot
skids, in jerks that no model foretells."""


class HuskyLifeEnv(GroundLifeEnv):
    """Follow waypoints for ever with a husky that is in one of many regimes, those of a unicycle's life.

    Body, action, observation and reward are those of :class:`crl_envs.vehicles.husky.HuskyEnv`; the share of waypoints
    reached is 0. A regime (:mod:`crl_envs.lives.regimes.commands`) lasts 60 to 120 steps, is not announced, and comes
    back; its noise on the pose counts for nothing here. A robot that rolls over, or is more than 50 m beside its leg,
    has crashed; it is put back to the waypoint before. So it is after every 5,000 steps, without a crash: PyBullet
    can't be restored exactly, so that a state holds the commands since, and plays them again (2 ms a step).

    For evaluators only, ``info`` says ``regime`` (number), ``regime_name``, ``visits`` (of regimes so far),
    ``cross_track`` (m), ``reached``, ``crashes`` and ``effect``: the nominal command that the executed one amounted to.

    Args:
        episode_steps: Steps until an episode is truncated; the life goes on with the next reset.
        drawn: What is drawn (:class:`crl_envs.lives.commanded.Drawn`).

    Raises:
        MissionError: A number is impossible.
    """

    def __init__(self, episode_steps: int = STEPS, **drawn: Unpack[Drawn]) -> None:
        super().__init__(
            vehicle_task("husky_life", CONTROL_PERIOD, min(episode_steps, REST), motion_fields(), has_success=False),
            EndlessWay(HALF, RADIUS),
            **drawn,
        )
        self.full_change = USUAL
        self._husky = HuskyBody()
        self._start = [0.0, 0.0, 0.0]
        self._commands: list[list[float]] = []
        self._last = [0.0, 0.0]

    def _set_up(self, *, first: bool) -> None:
        self._start = self._placed(first=first).tolist()
        self._place()
        self._last = [0.0, 0.0]
        self._beside, self._effect = 0.0, np.zeros(2)

    def _place(self) -> None:
        self._husky.place(self._start)
        self._commands = []

    def _move(self, action: NDArray[np.float64], regime: CommandRegime) -> str | None:
        self._last = action.tolist()
        self._effect = np.asarray(self.next_effect()(action), dtype=np.float64)
        self._drive(self._effect.tolist())
        x, y, _ = self._husky.pose()
        self._beside = self.way.advance((x, y), self._places)
        return "lost" if self._beside > LOST else self._husky.trouble()

    def _drive(self, command: list[float]) -> None:
        self._commands.append(command)
        self._husky.drive(command)

    def _observe(self) -> NDArray[np.float32]:
        x, y, heading = self._husky.pose()
        seen = [x, y, heading, *self._husky.velocity(), *self._last, *self.way.observe((x, y))]
        return np.array(seen, dtype=np.float32)

    def _tell(self) -> dict[str, Any]:
        return {**super()._tell(), "position": np.array(self._husky.pose()[:2])}

    def reward(self, observation: Any, action: Any, next_observation: Any) -> Any:
        """Way towards the waypoint in steps at full speed, less 0.1 per metre beside the leg; [..., S] -> [...]."""
        return ground_reward(observation, next_observation, goal=8, full=SPEED * CONTROL_PERIOD)

    def close(self) -> None:
        """Leave the simulator."""
        self._husky.close()

    def _body_state(self) -> dict[str, Any]:
        return {
            **super()._body_state(),
            "start": list(self._start),
            "commands": np.array(self._commands, dtype=np.float64).reshape(-1, 2),
            "last": list(self._last),
        }

    def _set_body_state(self, state: dict[str, Any]) -> None:
        super()._set_body_state(state)
        self._start = [float(value) for value in state["start"]]
        self._place()
        for command in state["commands"].tolist():
            self._drive(command)
        self._last = [float(value) for value in state["last"]]
