"""Values where the answer is known, and the solver's ways to it."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from crl.formal import (
    AverageReward,
    Discounted,
    FiniteEnvironment,
    Interface,
    Limits,
    TooLarge,
    fixed_policy,
    linear,
    value,
)
from crl.formal.cyclic import Phases, period
from crl.formal.spanning import Forest


def ring(size: int) -> FiniteEnvironment:
    here = np.arange(size)
    return FiniteEnvironment.from_branches(
        Interface.sized(1, size),
        here,
        here * 0,
        (here + 1) % size,
        (here + 1) % size,
        np.ones(size),
        np.eye(1, size)[0],
    )


def test_a_periodic_chain() -> None:
    environment = ring(4)
    agent = fixed_policy(environment.interface, "a0")
    rewards = [4.0, 0.0, 0.0, 0.0]
    assert value(agent, environment, rewards, AverageReward()).number == pytest.approx(1.0)
    assert value(agent, environment, rewards, Discounted(0.5)).number == pytest.approx(4 * 0.5**3 / (1 - 0.5**4))
    assert value(agent, environment, rewards, Discounted(0.0)).number == 0


def test_several_recurrent_classes_count_by_the_chance_to_end_there() -> None:
    transitions = np.zeros((4, 1, 4))
    transitions[0, 0] = [0.5, 0.3, 0.2, 0]  # ends in state 1, or in the pair 2, 3
    transitions[1, 0, 1] = transitions[2, 0, 3] = 1
    transitions[3, 0, [2, 3]] = 0.5
    environment = FiniteEnvironment.from_arrays(transitions, np.eye(4), allow=["absorbing"])
    agent = fixed_policy(environment.interface, "a0")
    found = value(agent, environment, [0, 10, 3, 0], AverageReward())
    assert found.number == pytest.approx(0.6 * 10 + 0.4 * (1 / 3) * 3)
    assert found.error < 1e-12


def mixing(size: int, lazy: bool = True) -> FiniteEnvironment:
    """A random graph: with a self-loop, or with steps from even to odd states and back, that is with two phases."""
    rng = np.random.default_rng(0)
    source = np.repeat(np.arange(size), 4)
    target = rng.integers(size, size=len(source))
    target[::4] = (np.arange(size) + 1) % size
    if not lazy:
        target += (target + source + 1) % 2
        target %= size
    chance = rng.dirichlet(np.ones(4), size=size).ravel()
    return FiniteEnvironment.from_branches(
        Interface.sized(1, size), source, source * 0, target, target, chance, np.eye(1, size)[0]
    )


@pytest.mark.parametrize("lazy", [True, False])
def test_the_iteration_agrees_with_the_factors(lazy: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    size = 400
    environment = mixing(size, lazy)
    agent, rewards = fixed_policy(environment.interface, "a0"), np.random.default_rng(1).normal(size=size)
    for criterion in (Discounted(0.99), AverageReward()):
        direct = value(agent, environment, rewards, criterion)
        monkeypatch.setattr(linear, "DIRECT", 0)
        monkeypatch.setattr(linear.linalg, "splu", None)  # the iteration must do
        iterated = value(agent, environment, rewards, criterion)
        assert iterated.number == pytest.approx(direct.number, abs=1e-9)
        monkeypatch.undo()


def line(size: int, up: float) -> sparse.csr_array:
    """A walk on a line, up with a probability and else down, that stays where the line ends."""
    chain = sparse.diags_array([np.full(size - 1, 1 - up), np.full(size - 1, up)], offsets=[-1, 1]).tolil()
    chain[0, 0], chain[size - 1, size - 1] = 1 - up, up
    return chain.tocsr()


@pytest.mark.parametrize("direct", [0, linear.DIRECT])
def test_where_the_iteration_stalls_the_factors_take_over(direct: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A walk along a line of 5,000 states needs the square of that many steps to mix."""
    monkeypatch.setattr(linear, "DIRECT", direct)
    inner = line(5_000, up=0.5)[1:-1][:, 1:-1]  # it ends at both ends
    exact = np.linspace(1, 2, inner.shape[0])
    solution, residual = linear.solve(inner, exact - inner @ exact)
    assert residual < 1e-12
    assert solution == pytest.approx(exact, rel=1e-6)


@pytest.mark.parametrize("up", [0.3, 0.5, 0.7])
def test_a_stationary_distribution_over_many_orders_of_magnitude(up: float) -> None:
    """By detailed balance the weights are powers of up / down: from one end of the line to the other about 10^1100."""
    size = 3_000
    shares, residual = linear.stationary(line(size, up).T.tocsr(), np.zeros(size, dtype=np.int64))
    logarithm = np.arange(size) * np.log(up / (1 - up))
    exact = np.exp(logarithm - logarithm.max())
    assert shares == pytest.approx(exact / exact.sum(), abs=1e-9)
    assert residual < 1e-12


def test_phases_are_found_and_used() -> None:
    """A counter modulo 6 beside a random walk: six phases; a self-loop anywhere leaves one."""
    rng = np.random.default_rng(2)
    walk = sparse.random_array((20, 20), density=0.2, rng=rng) + sparse.identity(20)
    counter = sparse.csr_array(np.roll(np.eye(6), 1, axis=1))
    step = sparse.csr_array(0.9 * sparse.kron(counter, sparse.diags_array(1 / walk.sum(axis=1)) @ walk))
    shuffle = rng.permutation(120)
    step = step[shuffle][:, shuffle]
    phases = Phases.of(step, Forest.of(step))
    assert [len(member) for member in phases.members] == [20] * 6
    right = rng.normal(size=120)
    exact = np.linalg.solve(np.eye(120) - step.toarray(), right)
    assert phases.all(exact[phases.members[0]], right) == pytest.approx(exact)
    assert phases.around(exact[phases.members[0]]) == pytest.approx(
        np.linalg.matrix_power(step.toarray(), 6)[phases.members[0]] @ exact
    )
    lazy = sparse.csr_array(step + sparse.coo_array(([0.05], ([0], [0])), shape=step.shape))
    assert period(Forest.of(lazy)) == 1


def test_a_chain_that_ends_everywhere_needs_no_iteration() -> None:
    """Without a cycle every state is a phase of its own, one of which is empty: once around is the solution."""
    step = sparse.csr_array(sparse.diags_array(np.full(99, 0.5), offsets=1, shape=(100, 100)))
    phases = Phases.of(step, Forest.of(step))
    assert phases.size == 0
    exact = 2 - 0.5 ** np.arange(99, -1, -1)
    assert phases.all(np.zeros(0), np.ones(100)) == pytest.approx(exact)


def test_values_have_a_limit() -> None:
    environment = ring(100)
    agent = fixed_policy(environment.interface, "a0")
    with pytest.raises(TooLarge, match=r"the value of agent 'always a0'.*more than 50 states.*\n.*value_states"):
        value(agent, environment, np.zeros(100), AverageReward(), Limits(value_states=50))
