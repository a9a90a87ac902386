"""The body's ensemble: its loss is a sum over members and rows, it learns what it is shown, and it comes back."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from crl.config.missions import BodyConfig
from crl.dynamics.body import Body
from crl.dynamics.body_model import BodyModel, Rows
from crl.types import ActionSpec, ObservationField, ObservationSpec
from tests.crl.states import differences

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


def model(seed: int = 0, **changes: object) -> BodyModel:
    config = BodyConfig(**{"hidden": [12, 12], "ensemble": 3, "batch": 64, **changes})  # type: ignore[arg-type]
    return BodyModel(config, BODY, 2, generator(seed))


def prepared(seed: int = 0, **changes: object) -> BodyModel:
    made = model(seed, **changes)
    made.normalise(rows(500, 9))
    return made


def member(made: BodyModel, weights: Tensor, e: int, inputs: Tensor, action: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Mean and raw log-variance of one member at one row, in plain numpy."""
    x = ((torch.cat([inputs, action]) - made.reads.mean) / made.reads.std).double().numpy()
    layers = [
        (matrix[e].double().numpy(), bias[e, 0].double().numpy()) for matrix, bias in made.network.unpack(weights)
    ]
    for matrix, bias in layers[:-1]:
        x = x @ matrix + bias
        x = x / (1 + np.exp(-x))
    out = x @ layers[-1][0] + layers[-1][1]
    return out[:4], out[4:]


@pytest.mark.parametrize("counted", [False, True])
def test_the_loss_is_a_loop_over_members_and_rows(counted: bool) -> None:
    made, data = prepared(), rows(7, 3)
    counts = torch.randint(0, 2, (3, 7, 1), generator=generator(5)).float() if counted else None
    low, high = made.bounds.double().numpy()
    total, weight = 0.0, 0.0
    for e in range(3):
        for i in range(7):
            mean, raw = member(made, made.weights, e, data.inputs[i], data.action[i])
            above = high - np.log1p(np.exp(high - raw))
            variance = low + np.log1p(np.exp(above - low))
            target = (data.change[i] / made.scale.std).double().numpy()
            share = 1.0 if counts is None else float(counts[e, i])
            total += share * 0.5 * float(((target - mean) ** 2 * np.exp(-variance) + variance).mean())
            weight += share
    assert float(made.loss(made.weights, data, made.bounds, counts)) == pytest.approx(total / weight, rel=1e-4)


def test_predictions_are_the_mean_of_the_members_in_the_observations_units() -> None:
    made = prepared()
    observation = torch.randn(5, 8, generator=generator(2))
    action = torch.rand(5, 2, generator=generator(3))
    for i, found in enumerate(made.predict(observation, action)):
        means = [member(made, made.weights, e, BODY.encode(observation[i]), action[i])[0] for e in range(3)]
        expected = np.mean(means, axis=0) * made.scale.std.numpy()
        np.testing.assert_allclose(found.numpy(), expected, rtol=1e-4, atol=1e-5)


def test_it_learns_a_linear_body_and_the_size_of_its_noise() -> None:
    made = prepared(lr=5e-3)
    data, fresh = rows(2000, noise=0.02), rows(500, 7)
    first = float(made.loss(made.weights, data, made.bounds))
    last = made.fit(data, 1200, generator(4))
    assert last < first - 1
    mean, log_variance = made.outputs(made.weights, fresh.inputs, fresh.action, made.bounds)
    error = mean.mean(dim=0) * made.scale.std - fresh.change
    assert float(error.square().mean().sqrt()) < 0.3 * float(fresh.change.square().mean().sqrt())
    assert float(error.square().mean().sqrt()) < 0.03
    noise = (0.5 * log_variance).exp().mean(dim=(0, 1)) * made.scale.std
    assert bool(((noise > 0.01) & (noise < 0.06)).all()), noise


def test_members_see_rows_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    made, given = prepared(), []
    loss = BodyModel.loss

    def noted(self: BodyModel, weights: Tensor, data: Rows, bounds: Tensor, counts: Tensor | None = None) -> Tensor:
        given.append((data.inputs.clone(), counts))
        return loss(self, weights, data, bounds, counts)

    monkeypatch.setattr(BodyModel, "loss", noted)
    made.fit(rows(40), 30, generator(1))
    seen: dict[tuple[float, ...], set[tuple[float, ...]]] = {}
    for inputs, counts in given:
        assert counts is not None
        for i, row in enumerate(inputs):
            seen.setdefault(tuple(row.tolist()), set()).add(tuple(counts[:, i, 0].tolist()))
    assert all(len(masks) == 1 for masks in seen.values())  # a row belongs to a member, or not, for good
    masks = np.array([next(iter(masks)) for masks in seen.values()])
    assert 0.65 < masks.mean() < 0.95
    assert len(np.unique(masks, axis=0)) > 1


def test_the_training_is_a_function_of_its_generator_and_leaves_the_rest_alone() -> None:
    data = rows(200)
    first, second, other = prepared(), prepared(), prepared()
    before = first.weights.clone()
    assert first.fit(data, 20, generator(1)) == second.fit(data, 20, generator(1))
    other.fit(data, 20, generator(2))
    assert differences(first.state_dict(), second.state_dict()) == []
    assert not torch.equal(first.weights, other.weights)
    assert not torch.equal(first.weights, before)
    assert not first.weights.requires_grad


def test_state_is_restored_to_the_bit_and_training_goes_on_alike() -> None:
    data = rows(200)
    first = prepared()
    first.fit(data, 10, generator(1))
    second = model(seed=8)
    state = first.state_dict()
    second.load_state_dict(state)
    first.fit(data, 10, generator(2))
    second.fit(data, 10, generator(2))
    assert differences(first.state_dict(), second.state_dict()) == []
    observation, action = torch.randn(4, 8), torch.rand(4, 2)
    assert torch.equal(first.predict(observation, action), second.predict(observation, action))
    third = model(seed=3)
    third.load_state_dict(state)  # not changed by what became of the model it came from
    assert not torch.equal(third.weights, first.weights)


def test_normalisers_are_set_once() -> None:
    made = prepared()
    mean, std = made.reads.mean.clone(), made.scale.std.clone()
    made.normalise(Rows(5 + rows(50).inputs, rows(50).action, 100 * rows(50).change))
    assert torch.equal(made.reads.mean, mean)
    assert torch.equal(made.scale.std, std)


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
        config = BodyConfig(hidden=[24, 24], ensemble=2, batch=128)
        made = BodyModel(config, BODY, 2, generator(0), memory=memory)
        data = Rows(made.encode(seen), action[1:], change[1:])
        made.normalise(data)
        made.fit(data, 600, generator(1))
        error = made.predict(seen, action[1:]) - change[1:]
        left[memory] = float(error[:, :2].std() / change[:, :2].std())
        again = BodyModel(config, BODY, 2, generator(7), memory=memory)
        again.load_state_dict(made.state_dict())
        assert torch.equal(again.predict(seen[:5], action[1:6]), made.predict(seen[:5], action[1:6]))
    assert left[True] < 0.05
    assert left[False] > 0.3
