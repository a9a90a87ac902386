"""CoSO, sculpting and Hebbian projection: what they find, against slow oracles, and what their steps leave alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from crl.continual.gradients.coso import CoSO
from crl.continual.gradients.hebbian import Hebbian, oja, orthonormal
from crl.continual.gradients.projected import with_constant
from crl.continual.gradients.sculpting import Sculpting, large
from crl.continual.gradients.sketching import sketched
from crl.dynamics.network import TargetNetwork
from crl.errors import SettingsError
from tests.crl.continual.trials import error, learn, network_of, part_of, strategy_of

NETWORK = TargetNetwork(2, [12, 12], 2, ensemble=2)


def test_a_sketch_is_within_the_bound_of_frequent_directions() -> None:
    """0 <= |A^T x|^2 - |B^T x|^2 <= |A|_F^2 / r for all unit x (Ghashami et al. 2016, with 2 r columns)."""
    random = np.random.default_rng(0)
    columns = torch.from_numpy(random.normal(size=(10, 80)) * np.geomspace(4, 0.1, 10)[:, None])
    sketch = torch.zeros(10, 6, dtype=torch.float64)
    for start in range(0, 80, 5):
        sketch = sketched(sketch, columns[:, start : start + 5])
    difference = columns @ columns.T - sketch @ sketch.T
    values = torch.linalg.eigvalsh(difference)
    assert float(values[0]) > -1e-8
    assert float(values[-1]) <= float(columns.square().sum()) / 3


def test_coso_moves_in_a_low_rank_orthogonal_to_what_is_protected() -> None:
    strategy = strategy_of("coso", network=NETWORK, options={"coso_rank": 2, "coso_every": 100, "coso_energy": 0.9})
    part = part_of(strategy, CoSO)
    learn(strategy, 0, 60)
    before = part.both(network_of(strategy).trunk.detach().clone())
    learn(strategy, 1, 60, end=False)
    for layer, (old, new) in enumerate(zip(before, part.both(network_of(strategy).trunk.detach()), strict=True)):
        for member in range(2):
            basis, change = part.bases[f"{layer} {member}"], new[member] - old[member]
            assert 0 < basis.shape[1] < basis.shape[0]
            assert float((basis.T @ change).abs().max()) < 1e-5
            lengths = torch.linalg.svdvals(change)
            assert float(lengths[2:].sum()) < 1e-4
            assert float(lengths[0]) > 1e-3


def test_the_large_directions_are_those_of_an_svd() -> None:
    weights = torch.diag(torch.tensor([3.0, 2.0, 1.0, 0.1]))[:, :3]
    left, right = large(weights, 0.9)
    assert left.shape == (4, 2) and right.shape == (3, 2)
    np.testing.assert_allclose((left.T @ weights @ right).abs().numpy(), [[3, 0], [0, 2]], atol=1e-6)


def test_sculpting_keeps_the_block_of_large_directions() -> None:
    strategy = strategy_of("sculpting", network=NETWORK, options={"sculpting_energy": 0.8})
    part = part_of(strategy, Sculpting)
    learn(strategy, 0, 60)
    before = part.both(network_of(strategy).trunk.detach().clone())
    learn(strategy, 1, 60, end=False)
    for layer, (old, new) in enumerate(zip(before, part.both(network_of(strategy).trunk.detach()), strict=True)):
        for member in range(2):
            left, right = part.left[f"{layer} {member}"], part.right[f"{layer} {member}"]
            change = new[member] - old[member]
            assert float((left.T @ change @ right).abs().max()) < 1e-5
            assert float(change.abs().max()) > 1e-3


def test_hebbian_units_find_the_principal_subspace() -> None:
    random = np.random.default_rng(1)
    scales = np.array([4, 3, 1, 0.5, 0.2, 0.1])
    rotation = np.linalg.qr(random.normal(size=(6, 6)))[0]
    inputs = torch.from_numpy(random.normal(size=(500, 6)) * scales @ rotation.T).float()
    units = orthonormal(torch.randn(6, 2, generator=torch.Generator().manual_seed(0)))
    for _ in range(2000):
        units = oja(units, inputs, 0.1)
    principal = torch.linalg.svd(inputs, full_matrices=False).Vh[:2].T
    cosines = torch.linalg.svdvals(principal.T @ orthonormal(units))
    assert float(cosines.min()) > 0.999
    torch.testing.assert_close(units.T @ units, torch.eye(2), atol=1e-2, rtol=0)


def test_hebbian_steps_leave_alone_what_old_units_see() -> None:
    strategy = strategy_of("hebbian", network=NETWORK, options={"hebbian_units": 4, "hebbian_rate": 0.1})
    part = part_of(strategy, Hebbian)
    learn(strategy, 0, 60)
    before = part.both(network_of(strategy).trunk.detach().clone())
    old = {key: value.clone() for key, value in part.old.items()}
    learn(strategy, 1, 60)
    for layer, (was, now) in enumerate(zip(before, part.both(network_of(strategy).trunk.detach()), strict=True)):
        for member in range(2):
            span = old[f"{layer} {member}"]
            seen = with_constant(torch.randn(20, span.shape[0] - 1)) @ span @ span.T
            torch.testing.assert_close(seen @ now[member], seen @ was[member], atol=1e-4, rtol=1e-4)
    for key, all_units in part.old.items():
        torch.testing.assert_close(all_units.T @ all_units, torch.eye(all_units.shape[1]), atol=1e-5, rtol=0)
        assert torch.equal(all_units[:, : old[key].shape[1]], old[key])


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("coso", {"coso_rank": 4, "coso_energy": 0.99}),
        ("sculpting", {"sculpting_energy": 0.9}),
        ("hebbian", {"hebbian_units": 10, "hebbian_rate": 0.1}),
    ],
)
def test_less_is_lost_than_without(name: str, options: dict[str, float]) -> None:
    network = TargetNetwork(2, [40, 40], 2)
    lost = {}
    for chosen in ("finetune_heads", name):
        strategy = strategy_of(chosen, network=network, lr=3e-3, options=options if chosen == name else {})
        learn(strategy, 0, 400)
        before = error(strategy, 0)
        learn(strategy, 2, 400)
        lost[chosen] = error(strategy, 0) - before
        learned = error(strategy, 2)
    assert lost[name] < 0.7 * lost["finetune_heads"]
    assert learned < 0.5


@pytest.mark.parametrize("option", ["coso_rank", "coso_every"])
def test_bad_options_are_refused(option: str) -> None:
    with pytest.raises(SettingsError, match=f"{option} is 0: it must be a number of at least 1"):
        strategy_of("coso", options={option: 0})
