"""Theorems and examples of Abel et al. (2023)."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from crl.formal import (
    AgentBasis,
    AverageReward,
    Discounted,
    FiniteAgent,
    FormalError,
    Interface,
    LearningRule,
    Rules,
    Settled,
    always_reaches,
    fixed_policies,
    fixed_policy,
    generates,
    is_continual_learner,
    is_continual_rl_problem,
    never_reaches,
    reach,
    sometimes_reaches,
    win_stay_lose_shift,
    window_bandit,
)
from tests.crl.formal.switching import INTERFACE, REWARDS, frozen, switching
from tests.crl.formal.test_brute_force import built
from tests.oracles import formal_brute_force as oracle

SMALL = Interface.sized(2, 2)


def some_agents(rng: np.random.Generator, name: str, number: int) -> list[FiniteAgent]:
    agents = []
    for index in range(number):
        plain = oracle.random_machine(rng, 2, 2)
        policy = np.eye(2)[rng.integers(2, size=len(plain.policy))]
        agents.append(FiniteAgent(f"{name}{index}", SMALL, policy, np.array(plain.update), plain.initial))
    return agents


@pytest.mark.parametrize("seed", range(20))
def test_generates_is_reflexive(seed: int) -> None:
    agents = some_agents(np.random.default_rng(seed), "a", 3)
    assert generates(agents, agents)


def test_generates_is_transitive_and_monotone() -> None:
    chains = failures = 0
    for seed in range(150):
        rng = np.random.default_rng(seed)
        first, second, third = (some_agents(rng, name, 2) for name in "abc")
        down, on, across = generates(first, second), generates(second, third), generates(first, third)
        if down and on:
            chains += 1
            assert across
        if across:
            assert generates([*first, *some_agents(rng, "more", 1)], third)
        else:
            failures += 1
            assert not generates(first, [*third, *first])
    assert chains >= 5
    assert failures >= 20


@pytest.mark.parametrize("seed", range(10))
def test_every_basis_element_always_reaches_its_own_basis(seed: int) -> None:
    case = oracle.random_case(np.random.default_rng(seed))
    environment, _, basis = built(case)
    for element in basis:
        found = reach(element, basis, environment)
        assert found.sometimes
        assert found.always
        assert not found.never
        assert isinstance(found.sometimes.witness, Settled)
        assert found.sometimes.witness.history == ()
        assert found.always.within == 0
        assert not is_continual_learner(element, basis, environment)


def test_the_best_agent_of_a_switching_environment_never_settles() -> None:
    basis = fixed_policies(INTERFACE)
    agents = [*basis, win_stay_lose_shift(INTERFACE, REWARDS), window_bandit(INTERFACE, REWARDS, 2)]
    for criterion in (AverageReward(), Discounted(0.9)):
        verdict = is_continual_rl_problem(switching(), REWARDS, criterion, agents, basis)
        assert verdict
        assert [verdict.agents[i] for i in verdict.best] == ["win-stay-lose-shift"]
    # It wins whenever the arm did not change: 0.9; a fixed arm wins half of the time.
    values = is_continual_rl_problem(switching(), REWARDS, AverageReward(), agents, basis).values
    assert [v.number for v in values[:3]] == pytest.approx([0.5, 0.5, 0.9])
    assert is_continual_learner(agents[2], basis, switching())


def test_the_same_environment_frozen_is_no_continual_problem() -> None:
    basis = fixed_policies(INTERFACE)
    agents = [*basis, win_stay_lose_shift(INTERFACE, REWARDS)]
    verdict = is_continual_rl_problem(frozen(), REWARDS, AverageReward(), agents, basis)
    assert not verdict
    assert isinstance(verdict.witness, Settled)
    assert [verdict.agents[i] for i in verdict.best] == ["always left", "win-stay-lose-shift"]
    assert always_reaches(agents[2], basis, frozen())
    assert not is_continual_learner(agents[2], basis, frozen())


def alternator() -> FiniteAgent:
    """Pulls left and right in turn, whatever happens."""
    rules = {"left": ("left", [("any", "any", "right")]), "right": ("right", [("any", "any", "left")])}
    return FiniteAgent.from_tables("alternator", INTERFACE, rules)


def test_the_basis_belongs_to_the_agents_whether_or_not_it_is_named() -> None:
    """Definition 4.3 asks for a basis inside of Lambda: where the left arm is good for ever, pulling it is the best."""
    basis = fixed_policies(INTERFACE)
    assert never_reaches(alternator(), basis, frozen()) and generates(basis, alternator())
    alone = is_continual_rl_problem(frozen(), REWARDS, AverageReward(), [alternator()], basis)
    together = is_continual_rl_problem(frozen(), REWARDS, AverageReward(), [alternator(), *basis], basis)
    for verdict in (alone, together):
        assert not verdict and verdict.reason == "always left is best and sometimes reaches the basis"
        assert verdict.agents == ("alternator", "always left", "always right")
        assert [value.number for value in verdict.values] == pytest.approx([0.5, 1.0, 0.0])
    assert (alone.given, together.given) == (1, 3)
    # Named alike, and another machine: both count. The same machine under another name counts once.
    impostor = dataclasses.replace(alternator(), name="always left")
    renamed = dataclasses.replace(basis[1], name="right for ever")
    verdict = is_continual_rl_problem(frozen(), REWARDS, AverageReward(), [impostor, renamed], basis)
    assert verdict.agents == ("always left", "right for ever", "always left (of the basis)")
    assert not verdict and verdict.best == (2,)


def test_leaving_the_basis_out_changes_no_answer() -> None:
    for seed in range(60):
        rng = np.random.default_rng(seed)
        environment, _, basis = built(oracle.random_case(rng))
        interface = environment.interface
        rewards = rng.integers(3, size=len(interface.observations)).astype(float)
        update = rng.integers(2, size=(2, len(interface.actions), len(interface.observations)))
        agent = LearningRule("rule", interface, rng.integers(len(basis), size=2), update).agent(basis)
        with_basis = is_continual_rl_problem(environment, rewards, AverageReward(), [agent, *basis], basis)
        without = is_continual_rl_problem(environment, rewards, AverageReward(), [agent], basis)
        assert bool(with_basis) == bool(without), seed


def test_an_agent_that_never_reaches_but_is_not_generated_is_no_continual_learner() -> None:
    coin = fixed_policy(INTERFACE, [0.5, 0.5], "coin")
    basis = fixed_policies(INTERFACE)
    assert never_reaches(coin, basis, switching())
    assert not generates(basis, coin)
    assert not is_continual_learner(coin, basis, switching())
    verdict = is_continual_rl_problem(switching(), REWARDS, AverageReward(), [coin], basis)
    assert not verdict
    assert "not generate" in verdict.reason


def test_the_basis_is_always_among_the_agents() -> None:
    """A best agent that never settles is no continual problem's if an element of the basis is better."""
    basis = fixed_policies(INTERFACE)
    alternator = FiniteAgent.from_tables(
        "alternator",
        INTERFACE,
        {"a": ("left", [("any", "any", "b")]), "b": ("right", [("any", "any", "a")])},
        start="a",
    )
    alone = is_continual_rl_problem(frozen(), REWARDS, AverageReward(), [alternator], basis)
    whole = is_continual_rl_problem(frozen(), REWARDS, AverageReward(), [alternator, *basis], basis)
    assert never_reaches(alternator, basis, frozen())
    assert not alone
    assert not whole
    assert alone.agents == whole.agents == ("alternator", "always left", "always right")
    assert alone.best == whole.best == (1,)


def test_generation_asks_about_unrealizable_histories_too() -> None:
    """After its own action the agent is left; after one that it never takes it mixes, and no element does."""
    odd = FiniteAgent.from_tables(
        "odd",
        INTERFACE,
        {
            "plain": ("left", [("left", "any", "plain"), ("right", "any", "mixed")]),
            "mixed": ({"left": 0.5, "right": 0.5}, [("any", "any", "mixed")]),
        },
    )
    basis = fixed_policies(INTERFACE)
    assert not generates(basis, odd)
    assert always_reaches(odd, basis, switching())


def test_settling_asks_about_realizable_histories_only() -> None:
    """Where nobody ever wins, an agent that would leave after a win has settled."""
    agent = win_stay_lose_shift(INTERFACE, [1.0, 0.0])  # a win makes it shift
    losing = frozen()
    assert not sometimes_reaches(agent, [fixed_policy(INTERFACE, "left")], losing)
    assert sometimes_reaches(agent, fixed_policies(INTERFACE), losing)


def test_a_rule_makes_its_agent() -> None:
    basis = fixed_policies(INTERFACE)
    agent = win_stay_lose_shift(INTERFACE, REWARDS)
    verdict = generates(basis, agent)
    assert isinstance(verdict.witness, Rules)
    (rule,) = verdict.witness.rules
    assert rule is not None
    for history in [(), ((0, 1),), ((0, 0),), ((0, 0), (1, 0)), ((1, 0), (1, 1))]:
        assert basis[rule.choose(history)].distribution(history) == pytest.approx(agent.distribution(history))
    assert generates([rule.agent(basis)], agent)
    assert generates([agent], rule.agent(basis))


def test_a_rule_from_a_table_makes_win_stay_lose_shift() -> None:
    basis = fixed_policies(INTERFACE)
    shift = {
        "l": ("always left", [("left", "lose", "r"), ("right", "win", "r"), ("any", "any", "l")]),
        "r": ("always right", [("right", "lose", "l"), ("left", "win", "l"), ("any", "any", "r")]),
    }
    rule = LearningRule.from_tables("shift", basis, shift)
    assert rule.choose(INTERFACE.history(("left", "lose"))) == 1
    agent = win_stay_lose_shift(INTERFACE, REWARDS)
    assert never_reaches(rule.agent(basis), basis, switching())
    assert generates(basis, agent, rules=[rule])
    # Who heeds its own arm only acts alike wherever it goes, but not after what it never does: there the two part.
    plain = {m: (choice, [rules[0], ("any", "any", m)]) for m, (choice, rules) in shift.items()}
    other = LearningRule.from_tables("plain", basis, plain, start="r")
    assert other.choose(()) == 1
    assert not generates(basis, agent, rules=[LearningRule.from_tables("plain", basis, plain)])
    with pytest.raises(FormalError, match=r"memory 'l': there is no basis element 'up'\nelements: always left"):
        LearningRule.from_tables("wrong", basis, {"l": ("up", [("any", "any", "l")])})
    with pytest.raises(FormalError, match="there is no memory 'x'"):
        LearningRule.from_tables("wrong", basis, {"l": ("always left", [("any", "any", "x")])})


def test_a_set_of_rules_may_fail_where_all_rules_succeed() -> None:
    basis = fixed_policies(INTERFACE)
    agent = win_stay_lose_shift(INTERFACE, REWARDS)
    update = np.zeros((1, 2, 2), dtype=int)
    stubborn = LearningRule("stubborn", INTERFACE, np.array([0]), update)
    assert generates(basis, agent)
    assert not generates(basis, agent, rules=[stubborn])
    assert generates(basis, basis[0], rules=[stubborn])
    with pytest.raises(FormalError, match="chooses the elements 5 to 5"):
        generates(basis, agent, rules=[LearningRule("wild", INTERFACE, np.array([5]), update)])
    with pytest.raises(FormalError, match="empty set of learning rules"):
        generates(basis, agent, rules=[])


def test_what_a_hidden_state_cannot_show_counts_as_possible() -> None:
    """The state is never seen, so after every history both arms may be the good one: beliefs, not states."""
    transitions = [[[0.9, 0.1], [0.9, 0.1]], [[0.1, 0.9], [0.1, 0.9]]]
    blind = [[1.0], [1.0]]
    from crl.formal import FiniteEnvironment

    environment = FiniteEnvironment.from_arrays(transitions, blind)
    agent = fixed_policy(environment.interface, "a0")
    found = reach(agent, [agent], environment)
    assert found.always
    assert found.always.states == 2  # {s0}, then {s0, s1}
    assert found.told.states(1) == (0, 1)


def test_the_basis_may_be_any_iterable_but_not_empty() -> None:
    with pytest.raises(FormalError, match="an empty basis"):
        AgentBasis([])
    with pytest.raises(FormalError, match="an empty set of agents"):
        generates(fixed_policies(INTERFACE), [])
