"""The checker of planners, on a double integrator that is known exactly."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from crl.checks.failure import CheckFailed, own_randomness_only, require
from crl.config import PlannerConfig
from crl.planning.planner import Plan, Planner, PlanningFailed, make_planner
from crl.types import ActionSpec

_ACTION = ActionSpec(("push", "help"), ("N", "N"), (-6.0, -1.0), (4.0, 3.0))
_START = (0.6, 0.0)
_FORBIDDEN = -0.5
"""First actions below this one are tempting, and break the spoilt model."""


def check_planner(planner: str | Callable[[PlannerConfig, ActionSpec], Planner], *, seed: int = 0) -> None:
    """Check what agents take for granted of a planner.

    The model sees only actions inside their range, in batches [K, H, A]; plans are finite, inside the range and better
    than random actions; the generator alone decides; ``reset`` forgets the warm start; a sequence with a return or a
    state that is not finite is never chosen; if there is no other, :class:`PlanningFailed` says so, and the next
    decision is sound again.

    Args:
        planner: Name of an installed planner, or what makes one from settings and an action range.
        seed: Seed of the trials.

    Raises:
        CheckFailed: A promise is broken.
    """
    where = f"planner {planner!r}" if isinstance(planner, str) else f"planner {getattr(planner, '__name__', planner)}"
    for horizon in (1, 8):
        config = PlannerConfig(samples=128, horizon=horizon, rounds=3, elites=12, keep=3)
        if isinstance(planner, str):
            config.name = planner
        make = functools.partial(make_planner if isinstance(planner, str) else planner, config, _ACTION)
        place = f"{where}, horizon {horizon}"
        with own_randomness_only(place):
            _check_plans(make, horizon, seed, place)
            _check_determinism(make, seed, place)
            _check_broken_models(make, seed, place)


def _check_plans(make: Callable[[], Planner], horizon: int, seed: int, where: str) -> None:
    planner, generator, model = make(), _seeded(seed), _Model(where, horizon)
    for _ in range(3):
        plan = _plan(planner, model, generator)
        require(
            tuple(plan.actions.shape) == (horizon, _ACTION.size),
            f"{where}: a plan has the shape {tuple(plan.actions.shape)}, not {(horizon, _ACTION.size)}",
        )
        require(_inside(plan.actions), f"{where}: a plan leaves the action range", "clip it: Planner.clip")
        require(math.isfinite(plan.value), f"{where}: the value of a plan is {plan.value}")
        require(plan.samples > 0, f"{where}: a plan says that {plan.samples} sequences were tried for it")
    low, high = torch.tensor(_ACTION.low), torch.tensor(_ACTION.high)
    random = low + (high - low) * torch.rand(500, horizon, _ACTION.size, generator=_seeded(seed))
    typical = float(_reward_of(_double_integrator(torch.tensor(_START), random), random).median())
    value = float(_reward_of(_double_integrator(torch.tensor(_START), plan.actions[None]), plan.actions[None]))
    require(
        value > typical,
        f"{where}: its plan has the return {value:.3g}, the median of random actions is {typical:.3g}",
        "returns are maximised; check the sign",
    )


def _check_determinism(make: Callable[[], Planner], seed: int, where: str) -> None:
    def decisions(planner: Planner) -> list[Tensor]:
        generator = _seeded(seed)
        return [_plan(planner, _Model(where), generator).actions for _ in range(3)]

    used = make()
    first, again = decisions(used), decisions(make())
    hint = "draw every random number from the generator that plan() is given"
    require(_equal(first, again), f"{where}: equal generators give different plans", hint)
    used.reset()
    require(
        _equal(decisions(used), first),
        f"{where}: after reset() it decides differently from a new one",
        "forget everything that plan() keeps in reset()",
    )


def _check_broken_models(make: Callable[[], Planner], seed: int, where: str) -> None:
    for bad in (math.nan, math.inf, -math.inf):
        planner, generator = make(), _seeded(seed)
        for blind in (False, True):
            plan = _plan(planner, _Model(where, spoilt=bad), generator, blind=blind)
            require(
                float(plan.actions[0, 0]) >= _FORBIDDEN and math.isfinite(plan.value),
                f"{where}: chose a sequence for which the model predicts {bad}",
                "score with Planner.returns, which gives -inf to whatever is not finite, and drop these",
            )
        try:
            _plan(planner, _Model(where, spoilt=bad, everywhere=True), generator)
        except PlanningFailed:
            pass
        else:
            raise CheckFailed(
                f"{where}: plans though the model predicts {bad} for every sequence: raise PlanningFailed"
            )
        plan = _plan(planner, _Model(where), generator)
        require(math.isfinite(plan.value), f"{where}: does not recover from a model that predicted {bad}")


class _Model:
    """The double integrator; checks what it is asked, and may answer with nonsense."""

    def __init__(
        self, where: str, horizon: int | None = None, *, spoilt: float | None = None, everywhere: bool = False
    ) -> None:
        self.where, self.horizon, self.spoilt, self.everywhere = where, horizon, spoilt, everywhere

    def __call__(self, observation: Tensor, actions: Tensor) -> Tensor:
        """Trajectories [K, H + 1, 2]."""
        require(
            actions.ndim == 3 and (self.horizon is None or tuple(actions.shape[1:]) == (self.horizon, _ACTION.size)),
            f"{self.where}: asks the model about actions of shape {tuple(actions.shape)}, not [K, H, A]",
        )
        require(_inside(actions), f"{self.where}: shows the model actions outside their range", "clip every sample")
        trajectory = _double_integrator(observation, actions)
        if self.spoilt is not None:
            mask = torch.ones(len(actions), dtype=torch.bool) if self.everywhere else actions[:, 0, 0] < _FORBIDDEN
            trajectory[mask, -1] = self.spoilt
        return trajectory


def _double_integrator(observation: Tensor, actions: Tensor) -> Tensor:
    states = [observation.expand(len(actions), 2)]
    for step in range(actions.shape[1]):
        push = actions[:, step] @ torch.tensor([0.1, 0.05])
        x, v = states[-1].unbind(-1)
        states.append(torch.stack([x + 0.1 * v + 0.05 * push, v + push], dim=-1))
    return torch.stack(states, dim=1)


def _reward(observation: Any, action: Any, next_observation: Any) -> Any:
    return -(next_observation**2).sum(-1) - 0.01 * (action**2).sum(-1)


def _blind(observation: Any, action: Any, next_observation: Any) -> Any:
    """Finite whatever the state is: a comparison with NaN is false."""
    return -action[..., 0] - 1.0 * (next_observation[..., 0] > 2)


def _reward_of(trajectory: Tensor, actions: Tensor) -> Tensor:
    total: Tensor = _reward(trajectory[:, :-1], actions, trajectory[:, 1:]).sum(-1)
    return total


def _plan(planner: Planner, model: _Model, generator: torch.Generator, *, blind: bool = False) -> Plan:
    return planner.plan(model, _blind if blind else _reward, torch.tensor(_START), generator)


def _inside(actions: Tensor) -> bool:
    low, high = torch.tensor(_ACTION.low), torch.tensor(_ACTION.high)
    return bool(((actions >= low) & (actions <= high)).all())


def _equal(one: list[Tensor], other: list[Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one, other, strict=True))


def _seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)
