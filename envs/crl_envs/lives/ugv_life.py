"""A unicycle that never stops: waypoints without an end, and a body that changes unannounced, again and again."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from crl_envs import task as contract
from crl_envs.lives.endless import EndlessWay
from crl_envs.lives.regimes import CommandRegime, draw_regimes
from crl_envs.lives.stream import RegimeStream
from crl_envs.missions import MissionError
from crl_envs.missions.rewards import ground_reward
from crl_envs.vehicles.ugv_mission import SPEED, START_STD, TURN_RATE, vehicle_task
from crl_envs.vehicles.ugv_unicycle import CONTROL_PERIOD, RADIUS, clip_command, step_unicycle, wrap

Array = NDArray[np.float32]
HALF = 15.0
"""Half the side of the square that holds all waypoints (m)."""
LOST = 50.0
"""A robot that is so far beside its leg (m) is lost: that is a crash, and it is put back."""
STEPS = 1_000_000
"""Steps until an episode is truncated, for loops that need a number; the life goes on with the next reset."""


class UGVLifeEnv(gymnasium.Env[Array, Array]):
    """Follow waypoints for ever with a unicycle that is in one of many regimes; observation and action as in missions.

    Action and observation are those of :class:`crl_envs.vehicles.ugv_unicycle.UnicycleEnv`, so that a model of its
    nominal body can begin a life; the share of waypoints reached is 0. The reward is the same, too. A regime
    (:mod:`crl_envs.lives.regimes`) lasts 60 to 120 steps, is not announced, and comes back. ``reset(seed=...)`` begins
    a life; ``reset()`` after a crash goes on with it, from the waypoint before. A robot is lost, which is a crash, more
    than 50 m beside its leg.

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

    Raises:
        MissionError: A number is impossible.
    """

    metadata: dict[str, Any] = {"render_modes": []}  # noqa: RUF012  Gymnasium's way

    def __init__(
        self,
        regimes: int = 12,
        others: int = 4,
        regime_seed: int | None = None,
        lengths: tuple[int, int] = (60, 120),
        fresh: float = 0.5,
        episode_steps: int = STEPS,
    ) -> None:
        if not 0 <= others < regimes:
            raise MissionError(
                f"{others} of {regimes} regimes that are not affine are impossible",
                "give 0 <= others < regimes: one regime is the nominal body",
            )
        self._longest = episode_steps
        self._others, self._regime_seed = others, regime_seed
        self.stream = RegimeStream(regimes, lengths, fresh)
        self.way = EndlessWay(HALF, RADIUS)
        self.task = vehicle_task("ugv_life", CONTROL_PERIOD, episode_steps, has_success=False)
        self.observation_space = contract.observation_space(self.task["observation"])
        self.action_space = contract.action_space(self.task["action"])
        self._box = np.array([SPEED, TURN_RATE])
        self.full_change = CONTROL_PERIOD * np.array([SPEED, SPEED, TURN_RATE])
        self._state = np.zeros(3)
        self._alive = False

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Array, dict[str, Any]]:
        """Begin a life, or go on with it after a crash if no seed is given."""
        super().reset(seed=seed, options=options)
        if seed is not None or not self._alive:
            self._begin()
        else:
            ahead = np.subtract(self.way.goal, self.way.before)
            self._state = np.array([*self.way.before, math.atan2(ahead[1], ahead[0])])
        self._observation = self._observe()
        return self._observation.copy(), self._info(0.0, np.zeros(2))

    def _begin(self) -> None:
        # Sources of their own: which regime comes when does not depend on what the robot does.
        self._changes, self._places, drawn = self.np_random.spawn(3)
        if self._regime_seed is not None:
            drawn = np.random.default_rng(self._regime_seed)
        self.regimes = draw_regimes(self.stream.count, self._others, drawn)
        self.stream.begin(self._changes)
        self.way.begin(self._places)
        self._state = self.np_random.normal(0.0, START_STD, size=3)
        self._alive, self._steps, self._crashes = True, 0, 0

    def step(self, action: Array) -> tuple[Array, float, bool, bool, dict[str, Any]]:
        """Drive for one control period in the regime in force."""
        command = np.asarray(action, dtype=np.float64)
        if command.shape != (2,):
            raise ValueError(f"action has shape {command.shape}, this environment takes (2,)")
        if not np.isfinite(command).all():
            raise ValueError(f"action is not finite: {action}; an agent must send finite actions")
        before, regime = self._observation, self.regimes[self.stream.regime]
        effect = self.next_effect()(clip_command(command))
        self._state = step_unicycle(self._state, effect, rng=self.np_random, noise=regime.noise)
        beside = self.way.advance((self._state[0], self._state[1]), self._places)
        info_regime = self.stream.regime
        self.stream.advance(self._changes)
        self._steps += 1
        self._observation = self._observe()
        reward = float(self.reward(before, command, self._observation))
        info = {**self._info(beside, effect), "regime": info_regime, "regime_name": self.regimes[info_regime].name}
        lost = beside > LOST
        if lost:
            self._crashes += 1
            info.update(crash="lost", crashes=self._crashes)
        return self._observation.copy(), reward, lost, not lost and self._steps % self._longest == 0, info

    def next_effect(self) -> Callable[[Any], Any]:
        """The nominal commands that commands [..., 2] amount to in the next step; any array library. For oracles."""
        regime, box = self.regimes[self.stream.regime], self._box

        def effect(command: Any) -> Any:
            half = box if isinstance(command, np.ndarray) else command.new_tensor(box)
            return regime.effect(command / half) * half

        return effect

    def _observe(self) -> Array:
        x, y, heading = self._state.tolist()
        return np.array([x, y, wrap(heading), *self.way.observe((x, y))], dtype=np.float32)

    def _info(self, beside: float, effect: Any) -> dict[str, Any]:
        return {
            "regime": self.stream.regime,
            "regime_name": self.regimes[self.stream.regime].name,
            "visits": self.stream.visits,
            "cross_track": beside,
            "reached": self.way.reached,
            "crashes": self._crashes,
            "effect": np.asarray(effect, dtype=np.float64),
            "position": self._state[:2].copy(),
        }

    def reward(self, observation: Any, action: Any, next_observation: Any) -> Any:
        """Way towards the waypoint in steps at full speed, less 0.1 per metre beside the leg; [..., S] -> [...]."""
        return ground_reward(observation, next_observation, goal=3, full=SPEED * CONTROL_PERIOD)

    def get_episode_state(self) -> dict[str, Any]:
        """Everything that decides how the life goes on, so that it continues to the bit."""
        return {
            "pose": self._state.copy(),
            "observation": self._observation.copy(),
            "steps": self._steps,
            "crashes": self._crashes,
            "regimes": [{**vars(regime), "matrix": [list(row) for row in regime.matrix]} for regime in self.regimes],
            "stream": self.stream.get_state(),
            "way": self.way.get_state(),
            "random": [rng.bit_generator.state for rng in (self.np_random, self._changes, self._places)],
        }

    def set_episode_state(self, state: dict[str, Any]) -> None:
        """Restore what :meth:`get_episode_state` returned."""
        self._state = np.array(state["pose"], dtype=np.float64)
        self._observation = np.array(state["observation"], dtype=np.float32)
        self._steps, self._crashes = int(state["steps"]), int(state["crashes"])
        self.regimes = [
            CommandRegime(**{**plain, "matrix": tuple(map(tuple, plain["matrix"]))}) for plain in state["regimes"]
        ]
        self.stream.set_state(state["stream"])
        self.way.set_state(state["way"])
        self._changes, self._places = np.random.default_rng(), np.random.default_rng()
        for rng, kept in zip((self.np_random, self._changes, self._places), state["random"], strict=True):
            rng.bit_generator.state = kept
        self._alive = True
