"""Generates: does some rule over the basis make the agent?

Definition of the paper: Lambda_B generates Lambda if for every lambda in Lambda there is a learning rule sigma with
lambda(h) = sigma(h)(h) for *all* histories h, unrealizable ones included. With every rule allowed that says: after
every history some basis element acts as lambda does. A history matters only by the memories it leads to, so the
question is decided on the product of the agent with the basis along all actions and observations.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from crl.formal.agent import AgentBasis, FiniteAgent
from crl.formal.errors import FormalError
from crl.formal.interface import Interface, Ints
from crl.formal.learning_rule import LearningRule, full_update
from crl.formal.limits import Limits
from crl.formal.product import agreement, all_histories
from crl.formal.verdict import Rules, Unmatched, Verdict

KEPT_RULE = 20_000_000
"""Entries of an update table up to which a rule is kept as witness."""


def generates(
    basis: AgentBasis | Iterable[FiniteAgent],
    agents: FiniteAgent | Iterable[FiniteAgent],
    *,
    rules: Iterable[LearningRule] | None = None,
    limits: Limits | None = None,
) -> Verdict:
    """Whether a basis generates every one of a finite set of agents.

    Args:
        basis: The agent basis.
        agents: An agent, or several.
        rules: The learning rules that are allowed; every rule, finite or not, if omitted.
        limits: Sizes to stay within.

    Returns:
        The verdict, with a rule per agent, or with a shortest history after which no element acts as some agent does.
        Where only some rules are allowed, it is where the rule parts from the agent that keeps to it longest.

    Raises:
        FormalError: An agent has other actions or observations than the basis.
        TooLarge: A product exceeds the limits.
    """
    basis = basis if isinstance(basis, AgentBasis) else AgentBasis(basis)
    wanted = (agents,) if isinstance(agents, FiniteAgent) else tuple(agents)
    if not wanted:
        raise FormalError("an empty set of agents", "name at least one agent")
    allowed = None if rules is None else tuple(rules)
    states = edges = 0
    found: list[LearningRule | None] = []
    for index, agent in enumerate(wanted):
        basis.interface.require(agent.interface, f"agent {agent.name!r}")
        verdict = (
            _any_rule(basis, agent, index, limits or Limits())
            if allowed is None
            else _one_of(basis, agent, index, allowed, limits or Limits())
        )
        states, edges = states + verdict.states, edges + verdict.edges
        if isinstance(verdict.witness, Rules):
            found.extend(verdict.witness.rules)
        else:
            return Verdict("generates", False, verdict.witness, states, edges)
    return Verdict("generates", True, Rules(tuple(found)), states, edges)


def _any_rule(basis: AgentBasis, agent: FiniteAgent, index: int, limits: Limits) -> Verdict:
    product, place = all_histories(basis.interface, (agent, *basis), limits)
    graph = product.graph
    choice = np.full(graph.nodes, -1, dtype=np.int64)
    for number, element in enumerate(basis):
        agrees = agreement(agent, product.memory(0), element, product.memory(number + 1))
        choice[agrees & (choice < 0)] = number
        if (choice >= 0).all():
            break
    unmatched = np.flatnonzero(choice < 0)
    if len(unmatched):
        history = tuple(map(basis.interface.step, graph.path(0, int(unmatched[0]))))
        return Verdict("generates", False, Unmatched(history, index), graph.nodes, graph.edges)
    rule = _rule(basis.interface, agent.name, choice, graph.target, place)
    return Verdict("generates", True, Rules((rule,)), graph.nodes, graph.edges)


def _rule(interface: Interface, name: str, choice: Ints, target: Ints, place: Ints) -> LearningRule | None:
    if len(choice) * interface.inputs > KEPT_RULE:
        return None
    return LearningRule(f"rule of {name}", interface, choice, full_update(name, interface, target, place))


def _one_of(
    basis: AgentBasis, agent: FiniteAgent, index: int, rules: tuple[LearningRule, ...], limits: Limits
) -> Verdict:
    """An agent is what a rule makes if that one agent, as a basis, generates it."""
    if not rules:
        raise FormalError(
            "an empty set of learning rules", "name at least one rule, or allow every rule by naming none"
        )
    states = edges = 0
    longest: Unmatched | None = None
    for rule in rules:
        verdict = _any_rule(AgentBasis([rule.agent(basis, limits)]), agent, index, limits)
        states, edges = states + verdict.states, edges + verdict.edges
        if isinstance(verdict.witness, Rules):
            return Verdict("generates", True, Rules((rule,)), states, edges)
        assert isinstance(verdict.witness, Unmatched)
        if longest is None or len(verdict.witness.history) > len(longest.history):
            longest = verdict.witness
    assert longest is not None
    return Verdict("generates", False, longest, states, edges)
