"""The folded rollout of a body against predictions put together one step at a time."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Literal

import numpy as np
import pytest
import torch
from torch import Tensor

from crl.dynamics.body import Body
from crl.dynamics.rows import Rows
from crl.dynamics.task_model import TaskModel
from crl.planning.body_rollout import BodyRollout
from crl.planning.rollout import Rollout
from crl.types import ActionSpec, ObservationField, ObservationSpec
from tests.crl.task_models import task_model

ACTION = ActionSpec(("v", "w"), ("m/s", "rad/s"), (-1.0, -2.0), (1.0, 2.0))


def fields(*wanted: str) -> ObservationSpec:
    """x, y, the first goal and whatever is wanted, in an order that is not that of the roles."""
    made = [ObservationField("goal_x", "m", role="goal"), ObservationField("x", "m", role="position")]
    if "speed" in wanted:
        made.append(ObservationField("speed", "m/s", low=-0.4, high=0.4, role="velocity"))
        made.append(ObservationField("slip", "m/s", role="velocity"))
    if "heading" in wanted:
        made.append(ObservationField("yaw", "rad", "angle", role="heading"))
    if "angle" in wanted:
        made.append(ObservationField("lean", "rad", "angle", role="state"))
    if "command" in wanted:
        made += [ObservationField(f"last_{name}", "1", role="command") for name in ACTION.names]
    made += [ObservationField("y", "m", role="position"), ObservationField("goal_y", "m", role="goal")]
    made.append(ObservationField("reached", "1", role="fixed"))
    return ObservationSpec(tuple(made))


KINDS = {
    "pose alone": ("heading",),
    "no heading": ("speed",),
    "state": ("heading", "speed"),
    "angles": ("heading", "speed", "angle"),
    "command": ("heading", "command"),
    "all": ("heading", "speed", "angle", "command"),
}


def made(kind: str, ensemble: int, hidden: tuple[int, ...] = (10, 8)) -> tuple[Body, TaskModel]:
    """A model with random weights and normalisers that are not the identity."""
    spec = fields(*KINDS[kind])
    body = Body(spec, ACTION)
    source = torch.Generator().manual_seed(1)
    inputs = 0.5 + 1.5 * torch.randn(60, body.features, generator=source)
    action = 0.2 + torch.randn(60, ACTION.size, generator=source)
    change = 0.3 * torch.randn(60, body.changes, generator=source) * torch.linspace(0.5, 2, body.changes)
    model = task_model(body, spec, ACTION, Rows(inputs, action, change), hidden=hidden, ensemble=ensemble)
    model.weights = model.weights + 0.3 * torch.randn(model.weights.shape, generator=source)
    return body, model


def slow(
    body: Body, model: TaskModel, spec: ObservationSpec, observation: Tensor, actions: Tensor, offset: Tensor | None
) -> Tensor:
    """One sequence [H, A] of one sample: predict, add the offset, apply each role's rule with plain numbers."""
    angles = [at for at, field in zip(spec.offsets(), spec.fields, strict=True) if field.kind == "angle"]
    now = observation.clone()
    seen = [now]
    for action in actions:
        change = model.predict(now.unsqueeze(0), action.unsqueeze(0))[0]
        change = change if offset is None else change + offset
        after = now.clone()
        dx, dy = float(change[0]), float(change[1])
        rest = 2
        if body.heading is not None:
            yaw = float(now[body.heading])
            dx, dy = math.cos(yaw) * dx - math.sin(yaw) * dy, math.sin(yaw) * dx + math.cos(yaw) * dy
            after[body.heading] = math.remainder(yaw + float(change[2]), 2 * math.pi)
            rest = 3
        for at, moved in zip((*body.position, *body.goal), (dx, dy, -dx, -dy), strict=True):
            after[at] += moved
        for i, at in enumerate(body.state):
            value = float(now[at]) + float(change[rest + i])
            value = math.remainder(value, 2 * math.pi) if at in angles else value
            after[at] = min(max(value, float(body.low[i])), float(body.high[i]))
        for i, at in enumerate(body.command):
            after[at] = action[i]
        seen.append(after)
        now = after
    return torch.stack(seen)


def close(first: Tensor, second: Tensor, spec: ObservationSpec) -> None:
    different = (first - second).abs()
    for at, field in zip(spec.offsets(), spec.fields, strict=True):
        if field.kind == "angle":
            different[..., at] = torch.minimum(different[..., at], 2 * math.pi - different[..., at]).abs()
    assert float(different.max()) < 2e-4


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("ensemble", [1, 3])
@pytest.mark.parametrize("offset", [False, True])
def test_it_is_the_model_one_step_at_a_time(kind: str, ensemble: int, offset: bool) -> None:
    body, model = made(kind, ensemble)
    spec = fields(*KINDS[kind])
    source = torch.Generator().manual_seed(4)
    observation = torch.randn(spec.size, generator=source)
    actions = 2 * torch.rand(5, 6, 2, generator=source) - 1
    rollout = BodyRollout(body, model)
    if offset:
        rollout.offset = 0.2 * torch.randn(body.changes, generator=source)
    found = rollout(observation, actions)
    assert found.shape == (5, 7, spec.size)
    expected = torch.stack([slow(body, model, spec, observation, one, rollout.offset) for one in actions])
    close(found, expected, spec)
    if offset:
        rollout.offset = None
        assert float((rollout(observation, actions) - found).abs().max()) > 1e-2


def test_actions_are_unrolled_as_what_the_body_is_able_to_do() -> None:
    """With the command before each, too; where it began stays as it is observed."""
    for kind in KINDS:
        body, model = made(kind, 2)
        rollout, source = BodyRollout(body, model), torch.Generator().manual_seed(5)
        observation = torch.randn(body.size, generator=source)
        actions = torch.randn(4, 6, 2, generator=source)
        expected = rollout(observation, 0.5 * actions.clamp(-1, 1))
        assert not torch.equal(rollout(observation, actions), expected)
        rollout.reach = lambda wanted: 0.5 * wanted.clamp(-1, 1)
        assert torch.equal(rollout(observation, actions), expected)


@pytest.mark.parametrize("kernel", ["auto", "torch"])
@pytest.mark.parametrize("kind", ["pose alone", "all"])
@pytest.mark.parametrize("ensemble", [1, 2])
def test_a_context_is_held_over_all_steps(kind: str, ensemble: int, kernel: Literal["auto", "torch"]) -> None:
    spec = fields(*KINDS[kind])
    body, plain = Body(spec, ACTION, context=3), Body(spec, ACTION)
    source = torch.Generator().manual_seed(3)
    given = torch.randn(50, body.features, generator=source), torch.randn(50, 2, generator=source)
    rows = Rows(*given, torch.randn(50, body.changes, generator=source))
    model = task_model(body, spec, ACTION, rows, hidden=(9, 8), ensemble=ensemble)
    model.model.config.kernel = kernel
    observation, actions = torch.randn(spec.size, generator=source), torch.rand(4, 5, 2, generator=source)
    context = torch.tensor([0.5, -1.0, 2.0])
    found = BodyRollout(plain, model, None, context)(observation, actions)

    class Told(TaskModel):
        def predict(self, observation: Tensor, action: Tensor) -> Tensor:
            return super().predict(torch.cat([observation, context.expand(len(observation), -1)], dim=-1), action)

    known = Told(model.model, model.weights, model.normalisers)
    close(found, torch.stack([slow(plain, known, spec, observation, one, None) for one in actions]), spec)
    assert float((BodyRollout(plain, model, None, 0 * context)(observation, actions) - found).abs().max()) > 1e-2


@pytest.mark.parametrize("hidden", [(9,), (9, 8, 7)])
def test_any_number_of_layers(hidden: tuple[int, ...]) -> None:
    body, model = made("all", 2, hidden)
    spec = fields(*KINDS["all"])
    observation, actions = torch.randn(spec.size, generator=torch.Generator().manual_seed(2)), torch.rand(3, 4, 2)
    close(
        BodyRollout(body, model)(observation, actions),
        torch.stack([slow(body, model, spec, observation, one, None) for one in actions]),
        spec,
    )


def test_other_weights_than_the_models_own_may_be_unrolled() -> None:
    body, model = made("state", 2)
    spec = fields(*KINDS["state"])
    observation, actions = torch.randn(spec.size), torch.rand(3, 4, 2)
    weights = (model.weights + 0.1).requires_grad_(True)
    found = BodyRollout(body, model, weights)(observation, actions)
    assert not found.requires_grad
    own = BodyRollout(body, model)(observation, actions)
    assert float((found - own).abs().max()) > 1e-3
    model.weights = weights.detach()
    np.testing.assert_array_equal(BodyRollout(body, model)(observation, actions).numpy(), found.numpy())


@pytest.mark.parametrize("kind", KINDS)
def test_the_general_rollout_of_a_body_is_the_same(kind: str) -> None:
    body, model = made(kind, 2)
    spec = fields(*KINDS[kind])
    observation = torch.randn(spec.size, generator=torch.Generator().manual_seed(6))
    actions = 2 * torch.rand(5, 6, 2, generator=torch.Generator().manual_seed(7)) - 1
    general = Rollout(model.model, model.weights, model.normalisers)
    close(general(observation, actions), BodyRollout(body, model)(observation, actions), spec)


@pytest.mark.parametrize("kernel", ["auto", "torch"])
@pytest.mark.parametrize("ensemble", [1, 2])
def test_a_remembered_change_is_fed_back_and_actions_are_held(ensemble: int, kernel: str) -> None:
    spec = fields(*KINDS["all"])
    body = Body(spec, ACTION, memory=True)
    source = torch.Generator().manual_seed(3)
    rows = Rows(
        torch.randn(60, body.features, generator=source),
        torch.randn(60, ACTION.size, generator=source),
        0.3 * torch.randn(60, body.changes, generator=source),
    )
    model = task_model(body, spec, ACTION, rows, hidden=(10, 8), ensemble=ensemble)
    model.weights = model.weights + 0.3 * torch.randn(model.weights.shape, generator=source)
    model.model.config = replace(model.model.config, kernel=kernel)
    rollout = BodyRollout(body, model)
    rollout.before, rollout.hold = 0.2 * torch.randn(body.changes, generator=source), 2
    observation = 0.3 * torch.randn(spec.size, generator=source)
    actions = torch.rand(1, 3, ACTION.size, generator=source) - 0.5
    now, before, wanted = observation, rollout.before, [observation]
    for action in actions[0]:
        for _ in range(2):
            read = torch.cat([now, before]).unsqueeze(0)
            before = model.predict(read, action.unsqueeze(0))[0]
            now = body.apply(now, before, action)
        wanted.append(now)
    assert rollout(observation, actions)[0] == pytest.approx(torch.stack(wanted), abs=1e-5)
