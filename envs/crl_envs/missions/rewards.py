"""Rewards of whole missions, by kind of body: the environments call them, and so does a robot without a simulator."""

from __future__ import annotations

from typing import Any

from array_api_compat import array_namespace

from crl_envs.missions.progress import progress_reward

CRUISE = 2.0
"""Speed that the reward of flying missions asks for (m/s)."""


def ground_reward(observation: Any, next_observation: Any, *, goal: int, full: float) -> Any:
    """Way towards the waypoint in steps at full speed, less 0.1 per metre beside the leg; [..., S] -> [...].

    Args:
        observation: Before the step; x and y come first.
        next_observation: After it.
        goal: Index of ``goal_x``.
        full: Way of a step at full speed (m).
    """
    return progress_reward(observation, next_observation, dimensions=2, goal=goal, full=full)


def air_reward(observation: Any, next_observation: Any, *, goal: int, period: float, rates: bool = False) -> Any:
    """Way towards the waypoint in steps at cruising speed, less costs of speeding, tilt and way beside the leg.

    Args:
        observation: Before the step [..., S]; x, y, z come first.
        next_observation: After it; elements 4 to 6 are the velocity (m/s).
        goal: Index of ``goal_x``.
        period: Seconds of a step.
        rates: Whether element 9 is the body's z component of gravity; else 7 and 8 are roll and pitch (rad).
    """
    xp = array_namespace(observation, next_observation)
    way = progress_reward(observation, next_observation, dimensions=3, goal=goal, full=CRUISE * period)
    square = sum(next_observation[..., i] ** 2 for i in (4, 5, 6))
    excess = xp.sqrt(square) / CRUISE - 1.0
    excess = xp.where(excess > 0, excess, xp.zeros_like(excess))
    if rates:
        upright = -next_observation[..., 9]
    else:
        upright = xp.cos(next_observation[..., 7]) * xp.cos(next_observation[..., 8])
    return way - 2.0 * excess - 0.2 * (1.0 - upright)


def all_reached(observation: Any) -> Any:
    """Whether all waypoints have been reached, by the share in the last element; [..., S] -> bool [...]."""
    return observation[..., -1] > 1 - 1e-4
