"""A cart that keeps its pole up for ever and drives from goal to goal, while pole and motor change unannounced."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from array_api_compat import array_namespace
from numpy.typing import NDArray

from crl_envs import task as contract
from crl_envs.lives.life import STEPS, LifeEnv
from crl_envs.lives.regimes.poles import CART_MASS, FORCE, NOMINAL, PoleRegime, draw_poles, step_pole

PERIOD = 0.04
"""Control period (s)."""
RAIL = 2.5
"""Half the length of the rail (m): a cart beyond it has crashed."""
FALLEN = 0.8
"""A pole that leans more (rad) has fallen."""
GOALS = 1.2
"""How far from the middle of the rail a goal may be (m)."""
PATIENCE = (40, 80)
"""Least and greatest number of steps until the next goal."""
FALL = 10.0
"""What a fall costs: as much as so many steps at the goal."""
START_STD = 0.02
"""Deviation of every initial angle (rad) and velocity (m/s, rad/s)."""
NOISE = np.array([0.0, 0.0, 1e-3, 2e-3])
"""Deviation of the noise of a step on the velocities (m/s, rad/s)."""
USUAL = 0.4
"""Share of the motor's force whose effect an expectation is measured by: what is usual on the way to a goal."""


class CartPoleLifeEnv(LifeEnv[PoleRegime]):
    """Keep a pole up for ever and drive from goal to goal, in one of many regimes (:mod:`.regimes.poles`).

    Control at 25 Hz. The action (float32 [1]) is the force of the motor as a share of 300 N. The observation (float32
    [5]): position of the cart on its rail of 5 m, way to the goal (m), angle of the pole (rad; 0 is upright, positive
    leans towards +x), and both velocities. Neither pole nor motor is part of it.

    A goal is replaced by another one on the rail after 40 to 80 steps. The reward of a step is ``1 / (1 + d^2)`` less
    ``0.01 action^2``, d the distance of the pole's tip from the place above the goal, in nominal pole lengths of 0.6 m.
    A pole that leans more than 0.8 rad has fallen, and a cart that leaves its rail as well: that costs 10, it is a
    crash, and the pole is set up where the cart is.

    Args:
        regimes: Number of regimes, the nominal one among them.
        regime_seed: Seed of the regimes themselves; ``None``: they are drawn with the life.
        lengths: Least and greatest number of steps of a visit.
        fresh: Probability that a visit is one of a regime not yet met, while there are any.
        episode_steps: Steps until an episode is truncated; the life goes on with the next reset.

    Raises:
        MissionError: A number is impossible.
    """

    has_motion = True

    def __init__(
        self,
        regimes: int = 12,
        regime_seed: int | None = None,
        lengths: tuple[int, int] = (80, 160),
        fresh: float = 0.5,
        episode_steps: int = STEPS,
    ) -> None:
        task = describe(episode_steps)
        super().__init__(task, regimes=regimes, regime_seed=regime_seed, lengths=lengths, fresh=fresh)
        push = USUAL * PERIOD * FORCE / (CART_MASS + NOMINAL.mass / 4)
        turn = 1.5 / NOMINAL.length * push
        self.full_change = np.array([push * PERIOD / 2, turn * PERIOD / 2, push, turn])
        self._state = np.zeros(4)
        self._goal, self._wait = 0.0, 0

    def _draw(self, rng: np.random.Generator) -> list[PoleRegime]:
        return draw_poles(self.stream.count, rng)

    def _regime(self, plain: dict[str, Any]) -> PoleRegime:
        return PoleRegime(**plain)

    def _set_up(self, *, first: bool) -> None:
        place = 0.0 if first else float(np.clip(self._state[0], -GOALS, GOALS))
        self._state = np.array([place, *self.np_random.normal(0.0, START_STD, size=3)])
        if first:
            self._next_goal()

    def _next_goal(self) -> None:
        self._goal = float(self._places.uniform(-GOALS, GOALS))
        self._wait = int(self._places.integers(PATIENCE[0], PATIENCE[1] + 1))

    def _move(self, action: NDArray[np.float64], regime: PoleRegime) -> str | None:
        self._state = step_pole(self._state, action[0], regime, PERIOD) + NOISE * self.np_random.normal(size=4)
        self._wait -= 1
        if self._wait <= 0:
            self._next_goal()
        if abs(self._state[1]) > FALLEN:
            return "fallen"
        return "off the rail" if abs(self._state[0]) > RAIL else None

    def _observe(self) -> NDArray[np.float32]:
        x, angle, velocity, rate = self._state.tolist()
        return np.array([x, self._goal - x, angle, velocity, rate], dtype=np.float32)

    def _tell(self) -> dict[str, Any]:
        return {"beside": abs(self._goal - float(self._state[0]))}

    def next_motion(self) -> Callable[[Any, Any], Any]:
        """Observations [..., 5] after the next actions [..., 1], without noise; any array library. For oracles."""
        regime = self.regimes[self.stream.regime]

        def motion(observation: Any, action: Any) -> Any:
            xp = array_namespace(observation)
            x, gap, rest = observation[..., :1], observation[..., 1:2], observation[..., 2:]
            after = step_pole(xp.concat([x, rest], axis=-1), action[..., 0], regime, PERIOD)
            return xp.concat([after[..., :1], gap + x - after[..., :1], after[..., 1:]], axis=-1)

        return motion

    def reward(self, observation: Any, action: Any, next_observation: Any) -> Any:
        """``1 / (1 + d^2) - 0.01 action^2``, less 10 for a fall; [..., S], [..., A] -> [...]."""
        xp = array_namespace(next_observation)
        x, gap, angle = next_observation[..., 0], next_observation[..., 1], next_observation[..., 2]
        gap = gap / NOMINAL.length
        square = gap * (gap - 2 * xp.sin(angle)) + 2 - 2 * xp.cos(angle)
        reward = 1 / (1 + square) - 0.01 * action[..., 0] ** 2
        fallen = (abs(angle) > FALLEN) | (abs(x) > RAIL)
        return xp.where(fallen, reward - FALL, reward)

    def _body_state(self) -> dict[str, Any]:
        return {"state": self._state.copy(), "goal": self._goal, "wait": self._wait}

    def _set_body_state(self, state: dict[str, Any]) -> None:
        self._state = np.array(state["state"], dtype=np.float64)
        self._goal, self._wait = float(state["goal"]), int(state["wait"])


def describe(episode_steps: int) -> contract.Plain:
    """The task as plain data."""
    field = contract.observation_field
    return {
        "name": "cartpole_life",
        "control_period": PERIOD,
        "episode_steps": episode_steps,
        "observation": [
            field("x", "m", scale_floor=1e-3, role="position"),
            field("goal", "m", role="goal"),
            field("angle", "rad", low=-math.pi, high=math.pi, scale_floor=1e-3),
            field("x_velocity", "m/s", scale_floor=1e-2, role="velocity"),
            field("angle_velocity", "rad/s", scale_floor=1e-2),
        ],
        "action": [contract.action_field("motor", "N", scale=FORCE)],
        "safe_action": [0.0],
        "exploration": contract.exploration_prior(beta=0.5, std=[0.4]),
        "has_success": False,
    }
