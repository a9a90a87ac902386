"""The folded rollout against the unfolded model and against one sample, one member, one step at a time."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from crl.config import DynamicsConfig
from crl.dynamics.model import DynamicsModel, Normalisers
from crl.planning.rollout import Rollout
from crl.types import ObservationField, ObservationSpec
from tests.crl.dynamics.test_model import ACTION, SPECS, observations, trained

ANGLE = ObservationSpec(
    (ObservationField("angle", "rad", kind="angle"), ObservationField("rate", "rad/s", low=-8.0, high=8.0))
)


def unfolded(
    model: DynamicsModel,
    weights: torch.Tensor,
    normalisers: Normalisers,
    observation: torch.Tensor,
    actions: torch.Tensor,
) -> torch.Tensor:
    """The model's own prediction, step by step: normalise, predict per member, mean, scale, apply."""
    states = [observation.expand(len(actions), -1)]
    for step in range(actions.shape[1]):
        mean, _ = model.predict(weights, normalisers, states[-1].unsqueeze(0), actions[:, step].unsqueeze(0))
        states.append(model.features.apply(states[-1], mean.mean(dim=0) * normalisers.changes.std))
    return torch.stack(states, dim=1)


@pytest.mark.parametrize("name", SPECS)
@pytest.mark.parametrize("ensemble", [1, 3])
@pytest.mark.parametrize("out_var", [False, True])
@pytest.mark.parametrize("hidden", [[6], [6, 5], [6, 5, 4]])
def test_folding_changes_nothing(name: str, ensemble: int, out_var: bool, hidden: list[int]) -> None:
    model, _, normalisers, _ = trained(name, ensemble=ensemble, out_var=out_var, hidden=hidden)
    weights = torch.randn(model.network.size, generator=torch.Generator().manual_seed(2)) / 2
    start, actions = observations(name, seed=5).float(), torch.rand(9, 6, 2) * 2 - 1
    with torch.inference_mode():
        folded = Rollout(model, weights, normalisers)(start, actions)
    assert folded.shape == (9, 7, start.shape[0])
    expected = unfolded(model, weights, normalisers, start, actions)
    torch.testing.assert_close(folded, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", SPECS)
@pytest.mark.parametrize("ensemble", [1, 3])
@pytest.mark.parametrize("out_var", [False, True])
def test_rollouts_are_those_of_the_oracle(name: str, ensemble: int, out_var: bool) -> None:
    """Six steps of float32 against float64 loops with SciPy's rotations."""
    model, weights, normalisers, plain = trained(name, ensemble=ensemble, out_var=out_var)
    start = observations(name, seed=5)
    actions = torch.from_numpy(np.random.default_rng(0).uniform(-1, 1, (3, 6, 2)))
    folded = Rollout(model, weights.float(), normalisers)(start.float(), actions.float()).double().numpy()
    expected = plain.rollout(start.numpy(), actions.numpy())
    for k in range(3):
        for step in range(7):
            if name == "mixed":  # one sign of each quaternion
                for one in (folded, expected):
                    one[k, step, 2:6] *= np.sign(one[k, step, 2:6] @ expected[k, step, 2:6])
    np.testing.assert_allclose(folded, expected, atol=2e-4)


def test_angles_wrap_and_bounds_hold_in_a_rollout() -> None:
    model = DynamicsModel(DynamicsConfig(hidden=[4]), ANGLE, ACTION)
    normalisers = model.normalisers()
    weights = torch.zeros(model.network.size)
    weights[-2:] = torch.tensor([0.5, 3.0])  # the last bias: every step adds these
    trajectory = Rollout(model, weights, normalisers)(torch.tensor([3.0, 0.0]), torch.zeros(1, 4, 2))[0]
    np.testing.assert_allclose(
        trajectory[:, 0], [3.0, 3.5 - 2 * np.pi, 4 - 2 * np.pi, 4.5 - 2 * np.pi, 5 - 2 * np.pi], atol=1e-5
    )
    np.testing.assert_allclose(trajectory[:, 1], [0, 3, 6, 8, 8])


def test_a_rollout_records_no_gradients_and_keeps_its_scales() -> None:
    model, _, normalisers, _ = trained("linear")
    rollout = Rollout(model, torch.randn(model.network.size, requires_grad=True), normalisers)
    start, actions = torch.zeros(2), torch.rand(5, 4, 2)
    before = rollout(start, actions)
    assert not before.requires_grad
    normalisers.changes.update(100 * torch.ones(50, 2))  # new data, before the next learning session
    torch.testing.assert_close(rollout(start, actions), before, rtol=0, atol=0)


@pytest.mark.parametrize("name", SPECS)
@pytest.mark.parametrize("ensemble", [1, 3])
@pytest.mark.parametrize("hidden", [[6], [6, 5, 4]])
def test_members_apart_are_each_unrolled_on_their_own(name: str, ensemble: int, hidden: list[int]) -> None:
    model, _, normalisers, _ = trained(name, ensemble=ensemble, hidden=hidden, out_var=True)
    weights = torch.randn(model.network.size, generator=torch.Generator().manual_seed(2)) / 2
    start, actions = observations(name, seed=5).float(), torch.rand(9, 6, 2) * 2 - 1
    states = [start.expand(ensemble, 9, -1)]
    for step in range(6):
        change, _ = model.predict(weights, normalisers, states[-1], actions[:, step].expand(ensemble, -1, -1))
        states.append(model.features.apply(states[-1], change * normalisers.changes.std))
    with torch.inference_mode():
        apart = Rollout(model, weights, normalisers, apart=True)(start, actions)
    torch.testing.assert_close(apart, torch.stack(states, dim=2), rtol=1e-5, atol=1e-5)
    if ensemble > 1:
        assert float((apart[0] - apart[1]).abs().max()) > 0.01
