"""The dynamics model's prediction and loss against one sample, one member, one step at a time."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from crl.config import DynamicsConfig
from crl.dynamics.buffer import Windows
from crl.dynamics.model import DynamicsModel, Normalisers
from crl.types import ActionSpec
from tests.crl.dynamics.test_features import LINEAR, MIXED
from tests.oracles.dynamics import PlainModel
from tests.oracles.target_network import members

ACTION = ActionSpec(("a", "b"), ("1", "1"), (-1.0, -1.0), (1.0, 1.0))
SPECS = {"linear": LINEAR, "mixed": MIXED}


def observations(name: str, *shape: int, seed: int = 0) -> torch.Tensor:
    """Random observations [..., S] inside their bounds, float64."""
    random = np.random.default_rng(seed)
    if name == "linear":
        return torch.from_numpy(random.uniform(-1, 1, (*shape, 2)))
    q = random.normal(size=(*shape, 4))
    q /= np.linalg.norm(q, axis=-1, keepdims=True)
    plain = random.uniform(-2, 2, (*shape, 3))
    return torch.from_numpy(np.concatenate([plain[..., :2], q, plain[..., 2:]], axis=-1))


def trained(name: str, **changes: object) -> tuple[DynamicsModel, torch.Tensor, Normalisers, PlainModel]:
    """A model with random weights and normalisers, and the same in plain numbers."""
    config = DynamicsConfig(hidden=[6, 5])
    for key, value in changes.items():
        setattr(config, key, value)
    model = DynamicsModel(config, SPECS[name], ACTION)
    generator = torch.Generator().manual_seed(1)
    weights = torch.randn(model.network.size, generator=generator, dtype=torch.float64) / 2
    normalisers = model.normalisers()
    before, after = observations(name, 40), observations(name, 40, seed=1)
    normalisers.features.update(model.features.encode(before))
    normalisers.actions.update(torch.randn(40, 2, generator=generator))
    normalisers.changes.update(0.2 * model.features.change(before, after))
    if model.bounds is not None:
        model.bounds = torch.randn(2, model.features.changes, generator=generator) * 0.3 + torch.tensor([[-3.0], [0.4]])
    widths = [model.network.layers[0][0], *config.hidden, model.network.layers[-1][1]]
    plain = PlainModel(
        SPECS[name],
        members(weights, widths, config.activation, config.ensemble),
        (normalisers.features.mean.double().numpy(), normalisers.features.std.double().numpy()),
        (normalisers.actions.mean.double().numpy(), normalisers.actions.std.double().numpy()),
        normalisers.changes.std.double().numpy(),
        None if model.bounds is None else tuple(model.bounds.double().numpy()),
        config.loss,
    )
    return model, weights, normalisers, plain


@pytest.mark.parametrize("name", SPECS)
@pytest.mark.parametrize("ensemble", [1, 3])
@pytest.mark.parametrize("out_var", [False, True])
def test_predictions_are_those_of_each_member_and_sample(name: str, ensemble: int, out_var: bool) -> None:
    model, weights, normalisers, plain = trained(name, ensemble=ensemble, out_var=out_var)
    observation, action = observations(name, ensemble, 4), torch.randn(ensemble, 4, 2, dtype=torch.float64)
    mean, log_variance = model.predict(weights, normalisers, observation, action)
    for member in range(ensemble):
        for row in range(4):
            expected = plain.predict(member, observation[member, row].numpy(), action[member, row].numpy())
            np.testing.assert_allclose(mean[member, row], expected[0], atol=1e-10)
            if out_var:
                np.testing.assert_allclose(log_variance[member, row], expected[1], atol=1e-10)
    assert (log_variance is None) is not out_var


@pytest.mark.parametrize("name", SPECS)
@pytest.mark.parametrize("length", [1, 3])
@pytest.mark.parametrize(
    "changes", [{}, {"ensemble": 3}, {"loss": "smooth_l1"}, {"out_var": True}, {"ensemble": 2, "out_var": True}]
)
def test_the_loss_is_that_of_the_unrolled_oracle(name: str, length: int, changes: dict) -> None:
    model, weights, normalisers, plain = trained(name, **changes)
    members, rows = model.network.ensemble, 3
    start = observations(name, members * rows, seed=2)
    actions = torch.randn(length, members * rows, 2, dtype=torch.float64)
    # Small steps, so that the loss has both quadratic and linear parts.
    afters = torch.stack(
        [
            model.features.apply(start, 0.1 * torch.randn(len(start), model.features.changes, dtype=torch.float64))
            for _ in range(length)
        ]
    )
    loss = model.loss(weights, normalisers, Windows(start, actions, afters))
    # Row i is seen by member i mod E.
    expected = plain.loss(
        np.stack([start[member::members].numpy() for member in range(members)]),
        np.stack([actions[:, member::members].numpy() for member in range(members)], axis=1),
        np.stack([afters[:, member::members].numpy() for member in range(members)], axis=1),
    )
    assert loss.dtype == torch.float64
    assert float(loss) == pytest.approx(expected, rel=1e-9)


def test_the_unrolled_loss_has_the_gradient_of_the_whole_chain() -> None:
    model, weights, normalisers, _ = trained("mixed", ensemble=2)
    start = observations("mixed", 6, seed=3)
    windows = Windows(
        start,
        torch.randn(3, 6, 2, dtype=torch.float64),
        torch.stack([observations("mixed", 6, seed=seed) for seed in (4, 5, 6)]),
    )
    some = torch.zeros(model.network.size, dtype=torch.float64)
    some[::37] = 1  # a direction in which to differentiate
    weights = weights * 0.2
    losses = [float(model.loss(weights + step * some, normalisers, windows)) for step in (-1e-6, 1e-6)]
    leaf = weights.clone().requires_grad_()
    model.loss(leaf, normalisers, windows).backward()
    assert float(leaf.grad @ some) == pytest.approx((losses[1] - losses[0]) / 2e-6, rel=1e-5)


def test_members_see_their_own_rows() -> None:
    model, weights, normalisers, _ = trained("linear", ensemble=2)
    start, actions = observations("linear", 4), torch.zeros(1, 4, 2, dtype=torch.float64)
    afters = start.unsqueeze(0).clone()
    leaf = weights.clone().requires_grad_()
    afters[:, 1::2] = float("nan")  # the second member's
    model.loss(leaf, normalisers, Windows(start, actions, afters)).backward()
    finite = torch.isfinite(leaf.grad)
    assert int(finite.sum()) == model.network.size // 2


def test_events_are_changes_of_an_event_field_by_its_threshold() -> None:
    model = DynamicsModel(DynamicsConfig(hidden=[4]), MIXED, ACTION)  # height 0.1 m, heading 0.2 rad
    before = torch.zeros(5, 7)
    before[:, 2] = 1
    after = before.clone()
    after[1, 0] = 0.11
    after[2, 0] = -0.09
    after[3, 6] = 100.0  # a field without a threshold
    before[4, 1], after[4, 1] = 3.1, -3.1  # 0.083 rad across the cut
    assert model.is_event(before, after).tolist() == [False, True, False, False, False]


def test_state_round_trip_of_scales_and_bounds() -> None:
    model, _, normalisers, _ = trained("mixed", out_var=True)
    fresh = DynamicsModel(model.config, MIXED, ACTION)
    fresh.load_state_dict(model.state_dict())
    assert torch.equal(fresh.bounds, model.bounds)
    again = fresh.normalisers()
    again.load_state_dict(normalisers.state_dict())
    for name, part in normalisers.parts().items():
        assert torch.equal(again.parts()[name].mean, part.mean)
        assert torch.equal(again.parts()[name].std, part.std)
    normalisers.freeze()
    assert all(part.frozen for part in normalisers.parts().values())


@pytest.mark.parametrize("members", [2, 3])
def test_every_member_gets_its_share_of_uniform_and_of_event_rows(members: int) -> None:
    """Samplers put uniform rows first and events last: each member must see both."""
    model, weights, normalisers, _ = trained("linear", ensemble=members)
    count = 4 * members
    start, actions = observations("linear", count), torch.zeros(1, count, 2, dtype=torch.float64)
    for block in (slice(0, count // 2), slice(count // 2, count)):
        afters = start.unsqueeze(0).clone()
        afters[:, block] += 1.0  # only this block pulls at the weights differently
        gradients = []
        for after in (start.unsqueeze(0), afters):
            leaf = weights.clone().requires_grad_()
            model.loss(leaf, normalisers, Windows(start, actions, after)).backward()
            gradients.append(leaf.grad)
        difference = model.network.unpack(gradients[1] - gradients[0])
        assert all(float(matrix[member].abs().max()) > 0 for matrix, _ in difference[-1:] for member in range(members))
