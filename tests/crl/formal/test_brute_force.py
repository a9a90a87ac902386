"""Every verdict and value against brute force, on random small machines."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from crl.formal import (
    AgentBasis,
    AverageReward,
    Discounted,
    FiniteAgent,
    FiniteEnvironment,
    Interface,
    Lasso,
    LearningRule,
    Rules,
    Settled,
    Unmatched,
    check,
    generates,
    is_continual_learner,
    is_continual_rl_problem,
    reach,
    replay,
    value,
)
from tests.oracles import formal_brute_force as oracle

Case = tuple[oracle.World, oracle.Machine, list[oracle.Machine]]


def built(case: Case) -> tuple[FiniteEnvironment, FiniteAgent, AgentBasis]:
    """The package's machines of a case."""
    (transitions, observations, initial), agent, basis = case
    allow = ("unreachable", "absorbing")
    environment = FiniteEnvironment.from_arrays(transitions, observations, initial, allow=allow)
    elements = AgentBasis(machine(f"b{i}", environment.interface, b) for i, b in enumerate(basis))
    return environment, machine("agent", environment.interface, agent), elements


def machine(name: str, interface: Interface, plain: oracle.Machine) -> FiniteAgent:
    return FiniteAgent(name, interface, np.array(plain.policy), np.array(plain.update), plain.initial)


def compare_reach(case: Case) -> tuple[bool, bool]:
    """Compare verdicts, sizes and witnesses of reaching; returns the verdicts."""
    environment, agent, basis = built(case)
    found, expected = reach(agent, basis, environment), oracle.reach(*case)
    verdicts = (found.sometimes.holds, found.never.holds, found.always.holds)
    assert verdicts == (expected.sometimes, not expected.sometimes, expected.always)
    assert found.always.within == expected.within
    assert found.always.states == len(expected.depth)
    anywhere = set().union(*expected.settled)
    assert found.always.settled_states == len(anywhere)
    for verdict in (found.sometimes, found.never, found.always):
        check(verdict.witness, agent, basis, environment)
        if isinstance(verdict.witness, Settled):
            end = replay(verdict.witness.history, agent, basis, environment)
            assert len(verdict.witness.history) == expected.shortest
            assert end.place in expected.settled[verdict.witness.element]
        else:
            assert isinstance(verdict.witness, Lasso)
            whole = verdict.witness.prefix + verdict.witness.cycle
            for length in range(len(whole) + 1):
                assert replay(whole[:length], agent, basis, environment).place not in anywhere
    return expected.sometimes, expected.always


def compare_generates(case: Case) -> bool:
    """Compare the verdict and the witness of generating; returns the verdict."""
    environment, agent, basis = built(case)
    found, expected = generates(basis, agent), oracle.shortest_unmatched(*case[1:])
    assert found.holds == (expected is None)
    if isinstance(found.witness, Unmatched):
        assert len(found.witness.history) == expected
        check(found.witness, agent, basis, environment)
    else:
        assert isinstance(found.witness, Rules)
        (rule,) = found.witness.rules
        assert rule is not None
        assert oracle.shortest_unmatched(case[1], [plain(rule.agent(basis))]) is None
    learner = is_continual_learner(agent, basis, environment)
    assert learner.holds == (expected is None and not oracle.reach(*case).sometimes)
    return found.holds


def compare_problem(index: int) -> bool:
    """Compare the verdict on a whole problem; every other one has but agents that rules over the basis make."""
    rng = np.random.default_rng([4, index])
    world, agent, basis = oracle.random_case(rng)
    environment, mine, elements = built((world, agent, basis))
    interface = environment.interface
    rewards = rng.integers(3, size=(len(interface.observations), len(interface.actions)))
    candidates = [mine, *elements]
    if index % 2:
        # The best of some rules: one drawn at random is seldom better than all of the basis.
        rules = []
        for _ in range(60):
            update = rng.integers(2, size=(2, len(interface.actions), len(interface.observations)))
            choice = rng.integers(len(elements), size=2)
            rules.append(LearningRule("a rule", interface, choice, update).agent(elements))
        worth = [value(rule, environment, rewards, Discounted(0.8)).number for rule in rules]
        candidates = [rules[int(np.argmax(worth))]]
    machines = [plain(candidate) for candidate in candidates]
    found = is_continual_rl_problem(environment, rewards, Discounted(0.8), candidates, elements, tolerance=1e-7)
    everyone = [*machines, *(plain(each) for each in elements if each not in candidates)]  # the basis is part of Lambda
    values = [oracle.discounted(world, machine, rewards.tolist(), 0.8) for machine in everyone]
    best = [i for i, number in enumerate(values) if number >= max(values) - 1e-7]
    generated = all(oracle.shortest_unmatched(machine, basis) is None for machine in machines)
    settles = any(oracle.reach(world, everyone[i], basis).sometimes for i in best)
    assert [i for i in found.best if i < found.given] == [i for i in best if i < len(candidates)]
    assert found.holds == (generated and not settles)
    return found.holds


@pytest.mark.parametrize("number", [50, pytest.param(2000, marks=pytest.mark.slow)])
def test_continual_problems(number: int) -> None:
    seen = Counter(compare_problem(index) for index in range(number))
    assert seen[True] >= number // 100
    assert seen[False] >= number // 6


def plain(agent: FiniteAgent) -> oracle.Machine:
    return oracle.Machine(agent.policy.tolist(), agent.update.tolist(), agent.initial)


def compare_many(seed: int, number: int) -> Counter[tuple[str, object]]:
    seen: Counter[tuple[str, object]] = Counter()
    for index in range(number):
        case = oracle.random_case(np.random.default_rng([seed, index]))
        try:
            seen["reach", compare_reach(case)] += 1
            seen["generates", compare_generates(case)] += 1
        except AssertionError as error:
            raise AssertionError(f"machine {index} of seed {seed}") from error
    return seen


def test_verdicts_and_witnesses() -> None:
    seen = compare_many(seed=0, number=400)
    for outcome in [(False, False), (True, False), (True, True)]:
        assert seen["reach", outcome] >= 15
    for holds in [True, False]:
        assert seen["generates", holds] >= 20


@pytest.mark.slow
def test_verdicts_and_witnesses_of_ten_thousand_machines() -> None:
    seen = compare_many(seed=1, number=10_000)
    assert sum(count for (what, _), count in seen.items() if what == "reach") == 10_000


def test_the_oracle_merges_only_histories_with_the_same_future() -> None:
    """Settled is agreement along every history, and without agreement there is a history that shows it."""
    compared = 0
    for index in range(120):
        case = oracle.random_case(np.random.default_rng([2, index]))
        found = oracle.reach(*case)
        if len(found.depth) > 6:
            continue
        for place in found.depth:
            for element, settled in enumerate(found.settled):
                agrees = oracle.agrees_on_every_history(*case, place, element, length=min(5, len(found.depth)))
                assert agrees == (place in settled)
                compared += 1
    assert compared > 200


def test_values() -> None:
    for index in range(200):
        rng = np.random.default_rng([3, index])
        case = oracle.random_case(rng)
        environment, agent, _ = built(case)
        rewards = rng.normal(size=(len(environment.interface.observations), len(environment.interface.actions)))
        discounted = value(agent, environment, rewards, Discounted(0.8))
        expected = oracle.discounted(case[0], case[1], rewards.tolist(), 0.8)
        assert discounted.number == pytest.approx(expected, abs=1e-12 + discounted.error)
        average = value(agent, environment, rewards, AverageReward())
        assert average.number == pytest.approx(oracle.average(case[0], case[1], rewards.tolist()), abs=1e-7)
        assert average.error < 1e-12
