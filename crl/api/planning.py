"""``crl.plan``: one plan on a model of one's own."""

from __future__ import annotations

from typing import Any

import gymnasium
import torch
from numpy.typing import NDArray
from torch import Tensor

from crl.api.given import Step, function, numbers, shape_of, stepped, whole
from crl.api.overrides import overrides
from crl.api.spaces import action_spec
from crl.config.asking.composing import compose
from crl.planning.planner import make_planner
from crl.types import Array, Reward

MOST_SEED = 2**31 - 1


def plan(
    model: Step,
    reward: Reward,
    observation: NDArray[Any],
    *,
    action_space: gymnasium.spaces.Box,
    planner: str = "icem",
    seed: int = 0,
    **settings: Any,
) -> Array:
    """Plan actions on a model.

    Args:
        model: One step for many states at once: next observations [K, S] for observations [K, S] and actions [K, A],
            all float32 tensors.
        reward: Rewards [...] for observations [..., S], actions [..., A] and next observations [..., S].
        observation: Where to begin, [S].
        action_space: Finite range of the actions.
        planner: ``icem``, ``cem``, ``mppi``, ``random_shooting``, or ``package.module:Name``.
        seed: Seed of the samples, from 0 to 2**31 - 1.
        settings: The planner's settings, such as ``samples=128, horizon=20``.

    Returns:
        The best action sequence found, [H, A].

    Raises:
        SettingsError: A setting is unknown or out of range.
        PlanningFailed: No sampled sequence has a finite return.
        ValueError: The action space is not a finite box with one dimension, the observation or the seed is no such
            thing, or the model or the reward is no function or returns something of another shape.
    """
    spec = action_spec(action_space)
    config = compose(overrides({"planner": planner, **{f"planner.{key}": value for key, value in settings.items()}}))
    made = make_planner(config.planner, spec)
    start = torch.from_numpy(numbers("an observation", observation))
    if start.ndim != 1 or not len(start):
        raise ValueError(f"an observation has one dimension, not the shape {tuple(start.shape)}")
    function("reward", reward)
    samples = torch.Generator().manual_seed(whole("seed", seed, most=MOST_SEED))
    with torch.inference_mode():
        found = made.plan(_unrolled(stepped(model)), _judged(reward), start, samples)
    result: Array = found.actions.numpy().copy()
    return result


def _judged(reward: Reward) -> Reward:
    """The reward, refused where it is of another shape than the steps that it judges."""

    def judge(observation: Any, action: Any, after: Any) -> Any:
        paid, steps = reward(observation, action, after), after.shape[:-1]
        if not isinstance(paid, Tensor) or paid.shape != steps or paid.is_complex():
            raise ValueError(f"reward must return a real tensor of shape {tuple(steps)}, not {shape_of(paid)}")
        return paid

    return judge


def _unrolled(model: Step) -> Step:
    """Trajectories [K, H + 1, S] from one observation [S] under actions [K, H, A]."""

    def rollout(observation: Tensor, actions: Tensor) -> Tensor:
        states = [observation.expand(len(actions), -1)]
        for step in range(actions.shape[1]):
            states.append(model(states[-1], actions[:, step]))
        return torch.stack(states, dim=1)

    return rollout
