"""The body's ensemble: its loss is a sum over members and rows, it learns what it is shown, and it comes back."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from crl.config import DynamicsConfig
from crl.dynamics.body import Body
from crl.dynamics.model import DynamicsModel
from crl.dynamics.rows import Rows
from crl.dynamics.task_model import TaskModel
from crl.restoring import UnfitStateError
from crl.types import ActionSpec, ObservationField, ObservationSpec
from tests.crl.states import differences
from tests.crl.task_models import task_model, trained

FIELDS = (
    ObservationField("x", "m", scale_floor=0.01, role="position"),
    ObservationField("y", "m", scale_floor=0.01, role="position"),
    ObservationField("yaw", "rad", "angle", scale_floor=0.01, role="heading"),
    ObservationField("speed", "m/s", scale_floor=0.01, role="velocity"),
    ObservationField("before", "m/s", role="command"),
    ObservationField("before_w", "rad/s", role="command"),
    ObservationField("goal_x", "m", role="goal"),
    ObservationField("goal_y", "m", role="goal"),
)
ACTION = ActionSpec(("v", "w"), ("m/s", "rad/s"), (-1.0, -1.0), (1.0, 1.0))
BODY = Body(ObservationSpec(FIELDS), ACTION)
TRUE = torch.tensor([[0.1, 0.0, 0.0, -0.3], [0.02, 0.0, 0.0, 0.1], [0.0, 0.01, 0.05, 0.0], [0.05, 0.0, 0.2, 0.3]])
"""A linear body: inputs (speed, before, before_w) and the first action element ... times this are its changes."""


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def rows(count: int, seed: int = 0, noise: float = 0.0) -> Rows:
    """Rows of the linear body."""
    source = generator(seed)
    inputs, action = torch.randn(count, 3, generator=source), 2 * torch.rand(count, 2, generator=source) - 1
    read = torch.cat([inputs[:, :2], action], dim=-1)
    change = read @ TRUE.T + noise * torch.randn(count, 4, generator=source)
    return Rows(inputs, action, change)


def prepared(seed: int = 0) -> TaskModel:
    return task_model(BODY, ObservationSpec(FIELDS), ACTION, rows(500, 9), seed=seed)


def member(made: TaskModel, weights: Tensor, e: int, inputs: Tensor, action: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Mean and raw log-variance of one member at one row, in plain numpy."""
    x = (
        (
            (torch.cat([inputs, action]) - torch.cat([made.normalisers.features.mean, made.normalisers.actions.mean]))
            / torch.cat([made.normalisers.features.std, made.normalisers.actions.std])
        )
        .double()
        .numpy()
    )
    layers = [
        (matrix[e].double().numpy(), bias[e, 0].double().numpy()) for matrix, bias in made.network.unpack(weights)
    ]
    for matrix, bias in layers[:-1]:
        x = x @ matrix + bias
        x = x / (1 + np.exp(-x))
    out = x @ layers[-1][0] + layers[-1][1]
    return out[:4], out[4:]


def test_the_loss_is_a_loop_over_members_and_rows() -> None:
    made, data = prepared(), rows(7, 3)
    assert made.model.bounds is not None
    low, high = made.model.bounds.double().numpy()
    total = 0.0
    for e in range(3):
        for i in range(7):
            mean, raw = member(made, made.weights, e, data.inputs[i], data.action[i])
            above = high - np.log1p(np.exp(high - raw))
            variance = low + np.log1p(np.exp(above - low))
            target = (data.change[i] / made.scale).double().numpy()
            total += 0.5 * float(((target - mean) ** 2 * np.exp(-variance) + variance + np.log(2 * np.pi)).mean())
    assert float(made.loss(made.weights, data)) == pytest.approx(total / 21, rel=1e-4)


def test_predictions_are_the_mean_of_the_members_in_the_observations_units() -> None:
    made = prepared()
    observation = torch.randn(5, 8, generator=generator(2))
    action = torch.rand(5, 2, generator=generator(3))
    for i, found in enumerate(made.predict(observation, action)):
        means = [member(made, made.weights, e, BODY.encode(observation[i]), action[i])[0] for e in range(3)]
        expected = np.mean(means, axis=0) * made.scale.numpy()
        np.testing.assert_allclose(found.numpy(), expected, rtol=1e-4, atol=1e-5)


def test_it_learns_a_linear_body_and_the_size_of_its_noise() -> None:
    made = prepared()
    data, fresh = rows(2000, noise=0.02), rows(500, 7)
    after = trained(made, data, 1200, lr=5e-3)
    assert float(after.loss(after.weights, data)) < float(made.loss(made.weights, data)) - 1
    read = torch.cat(
        [fresh.inputs - made.normalisers.features.mean, fresh.action - made.normalisers.actions.mean], dim=-1
    )
    read = read / torch.cat([made.normalisers.features.std, made.normalisers.actions.std])
    mean, log_variance = after.model.outputs(after.weights, read.unsqueeze(0))
    assert log_variance is not None
    error = mean.mean(dim=0) * made.scale - fresh.change
    assert float(error.square().mean().sqrt()) < 0.3 * float(fresh.change.square().mean().sqrt())
    assert float(error.square().mean().sqrt()) < 0.03
    noise = (0.5 * log_variance).exp().mean(dim=(0, 1)) * made.scale
    assert bool(((noise > 0.01) & (noise < 0.06)).all()), noise


def test_state_is_restored_to_the_bit() -> None:
    first = trained(prepared(), rows(200), 10)
    state = first.state_dict()
    fresh = DynamicsModel(first.model.config, ObservationSpec(FIELDS), ACTION, features=BODY)
    second = TaskModel.from_state(fresh, state)
    assert differences(first.state_dict(), second.state_dict()) == []
    observation, action = torch.randn(4, 8), torch.rand(4, 2)
    assert torch.equal(first.predict(observation, action), second.predict(observation, action))


def test_a_state_of_another_size_is_refused() -> None:
    state = prepared().state_dict()
    wider = DynamicsConfig(hidden=[16, 12], ensemble=3, out_var=True)
    with pytest.raises(UnfitStateError, match="weights"):
        TaskModel.from_state(DynamicsModel(wider, ObservationSpec(FIELDS), ACTION, features=BODY), state)


def test_a_memory_tells_what_no_observation_shows() -> None:
    """Motors that follow late: the change depends on a hidden state, which the change before gives away."""
    source = generator(3)
    action = 2 * torch.rand(3000, 2, generator=source) - 1
    hidden, changes = torch.zeros(2), []
    for command in action:
        hidden = 0.5 * hidden + 0.5 * command
        changes.append(torch.cat([hidden, 0 * hidden]))
    change = torch.stack(changes)
    observation = torch.zeros(3000, len(FIELDS))
    left = {}
    for memory in (False, True):
        seen = torch.cat([observation[1:], change[:-1]], dim=-1) if memory else observation[1:]
        body = Body(ObservationSpec(FIELDS), ACTION, memory=memory)
        data = Rows(body.encode(seen), action[1:], change[1:])
        made = task_model(body, ObservationSpec(FIELDS), ACTION, data, hidden=(24, 24), ensemble=2)
        made = trained(made, data, 600, lr=2e-3, batch=128)
        error = made.predict(seen, action[1:]) - change[1:]
        left[memory] = float(error[:, :2].std() / change[:, :2].std())
    assert left[True] < 0.05
    assert left[False] > 0.3
