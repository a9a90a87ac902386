"""A fingertip that pushes a block from goal to goal for ever, while block and table change unannounced."""

from __future__ import annotations

import math
from typing import Any

import mujoco
import numpy as np
from array_api_compat import array_namespace
from numpy.typing import NDArray

from crl_envs import physics_state
from crl_envs import task as contract
from crl_envs.lives.life import STEPS, LifeEnv
from crl_envs.lives.regimes.blocks import NOMINAL, BlockBody, BlockRegime, draw_blocks
from crl_envs.pusher import (
    GAP,
    SIDE,
    SPEED,
    SUBSTEPS,
    TIME_STEP,
    TIP_RADIUS,
    moving_fields,
    pusher_model,
    pushing,
)

FAR = 1e5
"""The fingertip may go this far (m): the table has no end."""
AHEAD, ASIDE = (0.10, 0.20), 0.03
"""How far ahead of the block its next goal is (m), and how far beside it at most."""
PATIENCE = (25, 40)
"""Least and greatest number of steps until the next goal. The heaviest block needs about 25 for the longest way."""
ESCAPED, TURNED = 0.12, 0.8
"""A block that is so far beside its goal (m), so far beyond it, or turned so far (rad) is lost."""
LOSS = 4.0
"""What a lost block costs: as much as so many steps at the goal."""


class PusherLifeEnv(LifeEnv[BlockRegime]):
    """Push a block ahead from goal to goal for ever, in one of many regimes (:mod:`crl_envs.lives.regimes.blocks`).

    Body, control (10 Hz) and action (float32 [2]: velocity wanted of the fingertip) are those of
    :class:`crl_envs.pusher.PusherEnv`, on a table without an end. The observation (float32 [12]): position of the block
    (m), way to its goal (m), its turn (rad), the fingertip from the block's middle (m), and the velocities of block and
    fingertip, all in axes of the table. Neither densities nor friction are part of it.

    A goal lies 0.1 to 0.2 m ahead of the block in x, up to 0.03 m beside it. After 25 to 40 steps another one takes its
    place, whether the block is there or not: a robot that is there sooner has the reward for longer. (A goal that was
    replaced once it was reached took the reward away, and to stop short of it paid more.) The reward of a step is
    the mean over the block's corners of ``1 - tanh(10 d)``, d their distances from those of the goal (m), less
    ``0.05 |action|``. A block more than 12 cm beside or beyond its goal, or turned by more than 0.8 rad, is lost: that
    costs 4, it is a crash, and it is put back straight, the fingertip behind it. Where it was lost beyond its goal, it
    gets another one ahead.

    Args:
        regimes: Number of regimes, the nominal one among them.
        regime_seed: Seed of the regimes themselves; ``None``: they are drawn with the life.
        lengths: Least and greatest number of steps of a visit.
        fresh: Probability that a visit is one of a regime not yet met, while there are any.
        episode_steps: Steps until an episode is truncated; the life goes on with the next reset.

    Raises:
        MissionError: A number is impossible.
    """

    def __init__(
        self,
        regimes: int = 8,
        regime_seed: int | None = None,
        lengths: tuple[int, int] = (150, 300),
        fresh: float = 0.5,
        episode_steps: int = STEPS,
    ) -> None:
        task = describe(episode_steps)
        super().__init__(task, regimes=regimes, regime_seed=regime_seed, lengths=lengths, fresh=fresh)
        self._model = pusher_model(NOMINAL.left, NOMINAL.right, ((-FAR, FAR), (-FAR, FAR)))
        self._model.opt.disableflags |= int(mujoco.mjtDisableBit.mjDSBL_AUTORESET)
        self._data = mujoco.MjData(self._model)
        self._body = BlockBody(self._model)
        # A block that is pushed at full speed moves by 2 cm a step, and meets it within one.
        speed, step = SPEED, SPEED * TIME_STEP * SUBSTEPS
        self.full_change = np.array([step, step, 0.2, step, step, speed, speed, 2.0, speed, speed])
        self._goal = np.zeros(2)
        self._wait = PATIENCE[1]

    def _draw(self, rng: np.random.Generator) -> list[BlockRegime]:
        return draw_blocks(self.stream.count, rng)

    def _regime(self, plain: dict[str, Any]) -> BlockRegime:
        return BlockRegime(**plain)

    def _set_up(self, *, first: bool) -> None:
        if not first and self._goal[0] <= self._data.qpos[2]:  # it was lost beyond its goal
            self._next_goal(np.array([self._data.qpos[2], self._goal[1]]))
        place = np.zeros(2) if first else np.array([self._data.qpos[2], self._goal[1]])
        mujoco.mj_resetData(self._model, self._data)
        behind = SIDE / 2 + TIP_RADIUS + self.np_random.uniform(*GAP)
        self._data.qpos[0:2] = place[0] - behind, place[1] + self.np_random.uniform(-0.03, 0.03)
        self._data.qpos[2:5] = place[0], place[1], self.np_random.uniform(-0.05, 0.05)
        mujoco.mj_forward(self._model, self._data)
        if first:
            self._next_goal(place)

    def _next_goal(self, start: NDArray[np.float64]) -> None:
        way = np.array([self._places.uniform(*AHEAD), self._places.uniform(-ASIDE, ASIDE)])
        self._goal = start + way
        self._wait = int(self._places.integers(PATIENCE[0], PATIENCE[1] + 1))

    def _move(self, action: NDArray[np.float64], regime: BlockRegime) -> str | None:
        self._body.become(regime)
        self._data.ctrl[:] = action * SPEED
        mujoco.mj_step(self._model, self._data, nstep=SUBSTEPS)
        gap = self._goal - self._data.qpos[2:4]
        self._wait -= 1
        if abs(self._turn()) > TURNED:
            return "turned"
        if abs(gap[1]) > ESCAPED or gap[0] < -ESCAPED:
            return "lost"
        if self._wait <= 0:  # from the block on: goals that went on without it would be out of sight of the reward
            self._next_goal(self._data.qpos[2:4].copy())
        return None

    def _turn(self) -> float:
        return math.pi - (math.pi - float(self._data.qpos[4])) % (2 * math.pi)

    def _observe(self) -> NDArray[np.float32]:
        tip_x, tip_y, x, y, *_ = self._data.qpos.tolist()
        tip_vx, tip_vy, vx, vy, rate, *_ = self._data.qvel.tolist()
        goal = (self._goal[0] - x, self._goal[1] - y)
        return np.array(
            [x, y, *goal, self._turn(), tip_x - x, tip_y - y, vx, vy, rate, tip_vx, tip_vy], dtype=np.float32
        )

    def _tell(self) -> dict[str, Any]:
        return {"beside": float(np.linalg.norm(self._goal - self._data.qpos[2:4]))}

    def reward(self, observation: Any, action: Any, next_observation: Any) -> Any:
        """Mean over the corners of ``1 - tanh(10 d)``, less ``0.05 |action|``, and less 4 if lost; -> [...]."""
        xp = array_namespace(next_observation, action)
        x, y, turn = -next_observation[..., 2], -next_observation[..., 3], next_observation[..., 4]
        a, b = (SIDE / 2) * (xp.cos(turn) - 1.0), (SIDE / 2) * xp.sin(turn)
        total = 1 - 0.05 * xp.sqrt(action[..., 0] ** 2 + action[..., 1] ** 2)
        for i, j in ((1, 1), (1, -1), (-1, 1), (-1, -1)):
            square = (x + i * a - j * b) ** 2 + (y + i * b + j * a) ** 2
            total = total - 0.25 * xp.tanh(10.0 * xp.sqrt(square))
        lost = (abs(turn) > TURNED) | (abs(y) > ESCAPED) | (x > ESCAPED)
        return xp.where(lost, total - LOSS, total)

    def _body_state(self) -> dict[str, Any]:
        physics = physics_state.saved(self._model, self._data)
        return {"physics": physics, "goal": self._goal.copy(), "wait": self._wait}

    def _set_body_state(self, state: dict[str, Any]) -> None:
        self._body.become(self.regimes[self.stream.regime])
        physics_state.restore(self._model, self._data, state["physics"])
        self._goal, self._wait = np.array(state["goal"], dtype=np.float64), int(state["wait"])


def describe(episode_steps: int) -> contract.Plain:
    """The task as plain data."""
    field = contract.observation_field
    return {
        "name": "pusher_life",
        "control_period": TIME_STEP * SUBSTEPS,
        "episode_steps": episode_steps,
        "observation": [
            field("block_x", "m", scale_floor=0.002, role="position", event=0.001),
            field("block_y", "m", scale_floor=0.002, role="position"),
            field("goal_x", "m", role="goal"),
            field("goal_y", "m", role="goal"),
            *moving_fields(),
        ],
        **pushing(),
        "has_success": False,
    }
