"""Machines: what they hold, and what is wrong with the ones that are refused."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from crl.formal import (
    AgentBasis,
    FiniteAgent,
    FiniteEnvironment,
    FormalError,
    Interface,
    LearningRule,
    fixed_policy,
    reach,
    value,
)
from crl.formal.values import AverageReward, Discounted
from tests.crl.formal.switching import INTERFACE, switching

Table = dict[str, dict[str, list[tuple[float, str, str]]]]


def table() -> Table:
    return {
        "a": {"left": [(0.5, "a", "lose"), (0.5, "b", "win")], "right": [(1.0, "b", "win")]},
        "b": {"left": [(1.0, "a", "lose")], "right": [(1.0, "b", "win")]},
    }


def test_tables_and_arrays_make_the_same_environment() -> None:
    by_table = FiniteEnvironment.from_tables(table(), "a")
    transitions = [[[0.5, 0.5], [0.0, 1.0]], [[1.0, 0.0], [0.0, 1.0]]]
    by_arrays = FiniteEnvironment.from_arrays(transitions, np.eye(2), interface=INTERFACE, states=["a", "b"])
    assert by_table.interface == by_arrays.interface
    for field in ("states", "initial", "first", "label", "target", "probability"):
        assert np.array_equal(getattr(by_table, field), getattr(by_arrays, field))


def test_branches_that_are_the_same_are_summed_and_impossible_ones_dropped() -> None:
    rows = table()
    rows["a"]["left"] = [(0.25, "a", "lose"), (0.25, "a", "lose"), (0.5, "b", "win"), (0.0, "a", "win")]
    environment = FiniteEnvironment.from_tables(rows, {"a": 0.5, "b": 0.5}, interface=INTERFACE)
    assert environment.probability[:2].tolist() == [0.5, 0.5]
    assert len(environment.target) == 5


def broken(state: str, action: str, outcomes: list[tuple[float, str, str]]) -> Table:
    rows = table()
    rows[state][action] = outcomes
    return rows


@pytest.mark.parametrize(
    ("rows", "start", "message"),
    [
        (broken("a", "left", [(0.9, "a", "win")]), "a", "state 'a', action 'left': the probabilities sum to 0.9, not"),
        (broken("a", "left", [(1.5, "a", "win"), (-0.5, "b", "win")]), "a", "-0.5 is not a probability"),
        (broken("a", "left", [(math.nan, "a", "win")]), "a", "nan is not a probability"),
        (broken("b", "right", []), "a", "state 'b', action 'right': no outcome"),
        (broken("a", "left", [(1.0, "c", "win")]), "a", "there is no state 'c'\nthe states are: a, b"),
        ({**table(), "b": {"left": [(1.0, "a", "lose")]}}, "a", "state 'b' has no action 'right'"),
        (table(), "c", "start: there is no state 'c'"),
        (table(), {"a": 0.5}, "start: the probabilities sum to 0.5"),
        ({}, "a", "without action"),
    ],
)
def test_a_broken_environment_is_refused(rows: Table, start: Any, message: str) -> None:
    with pytest.raises(FormalError) as refused:
        FiniteEnvironment.from_tables(rows, start)
    assert message in str(refused.value)


def test_unreachable_and_absorbing_states_are_named_or_allowed() -> None:
    lost = {**table(), "lost": {"left": [(1.0, "a", "lose")], "right": [(1.0, "a", "lose")]}}
    with pytest.raises(FormalError, match=r"no history leads to state 'lost' \(1 of 3.*\n.*allow: \[unreachable\]"):
        FiniteEnvironment.from_tables(lost, "a")
    assert len(FiniteEnvironment.from_tables(lost, "a", allow=["unreachable"]).states) == 3
    stuck = broken("b", "left", [(1.0, "b", "lose")])
    with pytest.raises(FormalError, match=r"state 'b' can never be left \(1 of 2.*\n.*allow: \[absorbing\]"):
        FiniteEnvironment.from_tables(stuck, "a")
    assert FiniteEnvironment.from_tables(stuck, "a", allow=["absorbing"]).absorbing().tolist() == [False, True]
    with pytest.raises(FormalError, match="unknown allowance 'anything'"):
        FiniteEnvironment.from_tables(table(), "a", allow=["anything"])


def test_arrays_and_branches_that_do_not_fit_are_refused() -> None:
    with pytest.raises(FormalError, match="do not fit together"):
        FiniteEnvironment.from_arrays(np.ones((2, 1, 3)), np.eye(2))
    with pytest.raises(FormalError, match="observations of state 's1': the probabilities sum to 2"):
        FiniteEnvironment.from_arrays(np.full((2, 1, 2), 0.5), [[1, 0], [1, 1]])
    with pytest.raises(FormalError, match="a target state has the index 7"):
        FiniteEnvironment.from_branches(
            Interface.sized(1, 1), *(np.array([n]) for n in (0, 0, 7, 0)), np.ones(1), np.ones(1)
        )
    with pytest.raises(FormalError, match="3 names for 2 states"):
        FiniteEnvironment.from_arrays(np.full((2, 1, 2), 0.5), np.eye(2), states=["x", "y", "z"])


def agent(**changes: Any) -> FiniteAgent:
    given: dict[str, Any] = {
        "name": "it",
        "interface": INTERFACE,
        "policy": [[1.0, 0.0], [0.5, 0.5]],
        "update": np.zeros((2, 2, 2), dtype=int),
    }
    return FiniteAgent(**{**given, **changes})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"policy": [[1.0, 0.1], [0.5, 0.5]]}, "agent 'it', memory 'm0': the probabilities sum to 1.1"),
        ({"policy": [[1.0, 0.0], [1.5, -0.5]]}, "memory 'm1': -0.5 is not a probability"),
        ({"policy": [[1.0, 0.0], [math.nan, 1.0]]}, "memory 'm1': nan is not a probability"),
        ({"policy": [[1.0, 0.0, 0.0]] * 2}, "has the shape [2, 3], but there are 2 actions"),
        ({"update": np.zeros((2, 2, 3), dtype=int)}, "expected integers [memories, actions, observations] = [2, 2, 2]"),
        ({"update": np.zeros((2, 2, 2))}, "its update is float64"),
        ({"update": np.full((2, 2, 2), 2)}, "memories go from 0 to 1"),
        ({"update": np.full((2, 2, 2), -1)}, "memories go from 0 to 1"),
        ({"initial": 2}, "starts in memory 2 of 2"),
        ({"memories": ["one"]}, "1 names for 2 memories"),
        ({"memories": ["one", "one"]}, "the name 'one' comes twice"),
    ],
)
def test_a_broken_agent_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(FormalError) as refused:
        agent(**changes)
    assert message in str(refused.value)


def test_agents_from_tables() -> None:
    shy = FiniteAgent.from_tables(
        "shy",
        INTERFACE,
        {
            "bold": ("left", [("left", "win", "bold"), ("any", "any", "shy")]),
            "shy": ({"left": 0.5, "right": 0.5}, [("any", "any", "shy")]),
        },
    )
    assert shy.distribution(INTERFACE.history(("left", "win"))).tolist() == [1, 0]
    assert shy.distribution(INTERFACE.history(("left", "win"), ("left", "lose"))).tolist() == [0.5, 0.5]
    assert shy.distribution(INTERFACE.history(("right", "win"))).tolist() == [0.5, 0.5]


@pytest.mark.parametrize(
    ("rows", "start", "message"),
    [
        ({}, None, "no memory"),
        ({"m": ("up", [("any", "any", "m")])}, None, "memory 'm': unknown action 'up'"),
        ({"m": ("left", [("any", "any", "n")])}, None, "there is no memory 'n'"),
        ({"m": ("left", [("any", "won", "m")])}, None, "unknown observation 'won': did you mean 'win'"),
        ({"m": ("left", [("left", "any", "m")])}, None, "no rule for action 'right' and observation 'lose'"),
        ({"m": ("left", [("any", "any", "m")])}, "n", "it can't start in 'n'"),
    ],
)
def test_broken_tables_of_agents_are_refused(rows: Any, start: Any, message: str) -> None:
    with pytest.raises(FormalError) as refused:
        FiniteAgent.from_tables("it", INTERFACE, rows, start)
    assert message in str(refused.value)


def test_machines_with_another_interface_are_refused() -> None:
    three = Interface(("left", "right", "up"), INTERFACE.observations)
    other = Interface(("left", "up"), INTERFACE.observations)
    swapped = Interface(("right", "left"), INTERFACE.observations)
    blind = Interface(INTERFACE.actions, ("lose",))
    mine = fixed_policy(INTERFACE, "left")
    for interface, message in (
        (three, "basis element 'stranger' has another action set: it has one action more, 'up'"),
        (other, "it has no action 'right'"),
        (swapped, "lists the actions in another order"),
        (blind, "another observation set: it has no observation 'win'"),
    ):
        stranger = fixed_policy(interface, "left", "stranger")
        with pytest.raises(FormalError, match=message):
            reach(mine, [stranger], switching())
        with pytest.raises(FormalError, match=r"another (action|observation) set"):
            AgentBasis([mine, stranger])
        with pytest.raises(FormalError, match="agent 'stranger' has another"):
            value(stranger, switching(), [0, 1], AverageReward())


def test_names_and_numbers_that_make_no_sense_are_refused() -> None:
    with pytest.raises(FormalError, match="without actions"):
        Interface((), ("o",))
    with pytest.raises(FormalError, match="the name 'a' comes twice"):
        Interface(("a", "a"), ("o",))
    with pytest.raises(FormalError, match=r"a discount of 1"):
        Discounted(1.0)
    with pytest.raises(FormalError, match="its choice is float64"):
        LearningRule("rule", INTERFACE, np.array([0.5]), np.zeros((1, 2, 2), dtype=int))
    with pytest.raises(FormalError, match="the name 'always left' comes twice"):
        AgentBasis([fixed_policy(INTERFACE, "left"), fixed_policy(INTERFACE, "left")])
