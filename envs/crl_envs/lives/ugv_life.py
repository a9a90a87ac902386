"""A unicycle that never stops: waypoints without an end, and a body that changes unannounced, again and again."""

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
from crl_envs.vehicles.ugv_mission import SPEED, TURN_RATE, vehicle_task
from crl_envs.vehicles.ugv_unicycle import CONTROL_PERIOD, RADIUS, clip_command, step_unicycle, wrap


class UGVLifeEnv(GroundLifeEnv):
    """Follow waypoints for ever with a unicycle that is in one of many regimes; observation and action as in missions.

    Action and observation are those of :class:`crl_envs.vehicles.ugv_unicycle.UnicycleEnv`, so that a model of its
    nominal body can begin a life; the share of waypoints reached is 0. The reward is the same, too. A regime
    (:mod:`crl_envs.lives.regimes.commands`) lasts 60 to 120 steps, is not announced, and comes back.
    ``reset(seed=...)`` begins a life; ``reset()`` after a crash goes on with it, from the waypoint before. A robot is
    lost, which is a crash, more than 50 m beside its leg.

    For evaluators only, ``info`` says ``regime`` (number), ``regime_name``, ``visits`` (of regimes so far),
    ``cross_track`` (m), ``reached``, ``crashes`` and ``effect``: the nominal command that the executed one amounted to;
    ``full_change`` is the greatest nominal change of a step (m, m, rad).

    Args:
        episode_steps: Steps until an episode is truncated; the life goes on with the next reset.
        drawn: What is drawn (:class:`crl_envs.lives.commanded.Drawn`).

    Raises:
        MissionError: A number is impossible.
    """

    def __init__(self, episode_steps: int = STEPS, **drawn: Unpack[Drawn]) -> None:
        super().__init__(
            vehicle_task("ugv_life", CONTROL_PERIOD, episode_steps, has_success=False),
            EndlessWay(HALF, RADIUS),
            **drawn,
        )
        self.full_change = CONTROL_PERIOD * np.array([SPEED, SPEED, TURN_RATE])
        self._state = np.zeros(3)

    def _set_up(self, *, first: bool) -> None:
        self._state = self._placed(first=first)
        self._beside, self._effect = 0.0, np.zeros(2)

    def _move(self, action: NDArray[np.float64], regime: CommandRegime) -> str | None:
        self._effect = np.asarray(self.next_effect()(clip_command(action)), dtype=np.float64)
        self._state = step_unicycle(self._state, self._effect, rng=self.np_random, noise=regime.noise)
        self._beside = self.way.advance((self._state[0], self._state[1]), self._places)
        return "lost" if self._beside > LOST else None

    def _observe(self) -> NDArray[np.float32]:
        x, y, heading = self._state.tolist()
        return np.array([x, y, wrap(heading), *self.way.observe((x, y))], dtype=np.float32)

    def _tell(self) -> dict[str, Any]:
        return {**super()._tell(), "position": self._state[:2].copy()}

    def reward(self, observation: Any, action: Any, next_observation: Any) -> Any:
        """Way towards the waypoint in steps at full speed, less 0.1 per metre beside the leg; [..., S] -> [...]."""
        return ground_reward(observation, next_observation, goal=3, full=SPEED * CONTROL_PERIOD)

    def _body_state(self) -> dict[str, Any]:
        return {**super()._body_state(), "pose": self._state.copy()}

    def _set_body_state(self, state: dict[str, Any]) -> None:
        super()._set_body_state(state)
        self._state = np.array(state["pose"], dtype=np.float64)
