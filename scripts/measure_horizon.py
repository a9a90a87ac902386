"""How long must plans be to keep the Control Suite's pole up? Plans on the exact equations; nothing is learned.

Needs the extra ``dmc``.

usage: python scripts/measure_horizon.py [--horizons 30 60 100] [--seed 1] [--steps 1000]
"""

from __future__ import annotations

import argparse
import math
from typing import Any

import gymnasium
import torch
from torch import Tensor

from crl.config import PlannerConfig
from crl.planning.icem import ICEM
from crl.types import ActionSpec
from crl_envs.control_suite import register

ID = "dm_control/cartpole-balance-v0"
PERIOD, GRAVITY, FORCE = 0.01, 9.81, 10.0
"""Seconds between actions, m/s2, and newtons of a full action."""


class Pole:
    """The equations of a cart with a pole, by semi-implicit Euler steps.

    Args:
        body: MuJoCo's model of it.
    """

    def __init__(self, body: Any) -> None:
        cart, pole = float(body.body_mass[1]), float(body.body_mass[2])
        arm, inertia = float(body.body_ipos[2][2]), float(body.body_inertia[2][1])
        self.mass, self.lever, self.turning = cart + pole, pole * arm, inertia + pole * arm**2

    def __call__(self, observation: Tensor, actions: Tensor) -> Tensor:
        """Trajectories [K, H + 1, 5] from (x, cos, sin, speed, angular speed) under actions [K, H, 1]."""
        x, cosine, sine, speed, turn = observation.expand(len(actions), -1).unbind(-1)
        angle, states = torch.atan2(sine, cosine), [observation.expand(len(actions), -1)]
        for force in FORCE * actions[..., 0].T:
            cosine, sine = angle.cos(), angle.sin()
            push, fall = force + self.lever * sine * turn**2, self.lever * GRAVITY * sine
            coupling = self.lever * cosine
            both = self.mass * self.turning - coupling**2
            speed = speed + PERIOD * (self.turning * push - coupling * fall) / both
            turn = turn + PERIOD * (self.mass * fall - coupling * push) / both
            x, angle = x + PERIOD * speed, angle + PERIOD * turn
            states.append(torch.stack([x, angle.cos(), angle.sin(), speed, turn], dim=-1))
        return torch.stack(states, dim=1)


def reward(_: Tensor, action: Tensor, after: Tensor) -> Tensor:
    """The reward of dm_control's ``cartpole.Balance``, [...]."""

    def near(value: Tensor, margin: float) -> Tensor:
        return torch.exp(math.log(0.1) * (value / margin).square())

    upright, centred = (1 + after[..., 1]) / 2, (1 + near(after[..., 0], 2.0)) / 2
    calm = (4 + (1 - action[..., 0].square()).clamp_min(0)) / 5
    return upright * centred * calm * (1 + near(after[..., 4], 5.0)) / 2


def played(env: gymnasium.Env[Any, Any], pole: Pole, horizon: int, seed: int, steps: int) -> tuple[float, float]:
    """The return of an episode, and the largest difference between the reward here and there."""
    planner = ICEM(PlannerConfig(samples=128, horizon=horizon), ActionSpec(("slide",), ("1",), (-1.0,), (1.0,)))
    generator, total, apart = torch.Generator().manual_seed(seed), 0.0, 0.0
    seen, _ = env.reset(seed=seed)
    for _ in range(steps):
        action = planner.plan(pole, reward, torch.tensor(seen, dtype=torch.float32), generator).actions[0]
        seen, earned, *_ = env.step(action.double().numpy())
        expected = reward(action, action, torch.tensor(seen, dtype=torch.float32))
        total, apart = total + float(earned), max(apart, abs(float(expected) - float(earned)))
    return total, apart


def main() -> None:
    """Play an episode for every horizon."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--horizons", nargs="+", type=int, default=[30, 60, 100])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--steps", type=int, default=1000)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    register()
    env = gymnasium.wrappers.FlattenObservation(gymnasium.make(ID))
    pole = Pole(env.unwrapped._env.physics.model.ptr)
    for horizon in chosen.horizons:
        total, apart = played(env, pole, horizon, chosen.seed, chosen.steps)
        print(f"horizon {horizon}: return {total:.1f}; rewards differ by at most {apart:.1e}", flush=True)


if __name__ == "__main__":
    main()
