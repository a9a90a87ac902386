"""A unicycle that never stops: waypoints without an end, and a body that changes unannounced, again and again."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crl_envs.lives.commanded import CommandedLifeEnv
from crl_envs.lives.endless import EndlessWay
from crl_envs.lives.life import STEPS
from crl_envs.lives.regimes.commands import CommandRegime, draw_regimes
from crl_envs.missions.rewards import ground_reward
from crl_envs.vehicles.ugv_mission import SPEED, START_STD, TURN_RATE, vehicle_task
from crl_envs.vehicles.ugv_unicycle import CONTROL_PERIOD, RADIUS, clip_command, step_unicycle, wrap

HALF = 15.0
"""Half the side of the square that holds all waypoints (m)."""
LOST = 50.0
"""A robot that is so far beside its leg (m) is lost: that is a crash, and it is put back."""


class UGVLifeEnv(CommandedLifeEnv[CommandRegime]):
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
        regimes: Number of regimes, the nominal one among them.
        others: How many of them are not affine in the command.
        regime_seed: Seed of the regimes themselves; ``None``: they are drawn with the life.
        lengths: Least and greatest number of steps of a visit.
        episode_steps: Steps until an episode is truncated; the life goes on with the next reset.
        fresh: Probability that a visit is one of a regime not yet met, while there are any.
        drift: Share of the regimes that drift from one to another in every visit.
        combine: Share of the regimes that combine two others.

    Raises:
        MissionError: A number is impossible.
    """

    def __init__(
        self,
        regimes: int = 12,
        others: int = 4,
        regime_seed: int | None = None,
        lengths: tuple[int, int] = (60, 120),
        fresh: float = 0.5,
        episode_steps: int = STEPS,
        drift: float = 0.0,
        combine: float = 0.0,
    ) -> None:
        super().__init__(
            vehicle_task("ugv_life", CONTROL_PERIOD, episode_steps, has_success=False),
            EndlessWay(HALF, RADIUS),
            regimes=regimes,
            others=others,
            regime_seed=regime_seed,
            lengths=lengths,
            fresh=fresh,
            drift=drift,
            combine=combine,
        )
        self._half = np.array([SPEED, TURN_RATE])  # the space's ends are of single precision
        self.full_change = CONTROL_PERIOD * np.array([SPEED, SPEED, TURN_RATE])
        self._state = np.zeros(3)

    def _draw(self, rng: np.random.Generator) -> list[CommandRegime]:
        return draw_regimes(self.stream.count, self._others, rng)

    def _plain(self, regime: CommandRegime) -> dict[str, Any]:
        return {**vars(regime), "matrix": [list(row) for row in regime.matrix]}

    def _regime(self, plain: dict[str, Any]) -> CommandRegime:
        return CommandRegime(**{**plain, "matrix": tuple(map(tuple, plain["matrix"]))})

    def _set_up(self, *, first: bool) -> None:
        if first:
            self.way.begin(self._places)
            self._state = self.np_random.normal(0.0, START_STD, size=3)
        else:
            ahead = np.subtract(self.way.goal, self.way.before)
            self._state = np.array([*self.way.before, math.atan2(ahead[1], ahead[0])])
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
