"""Replays witnesses, step by step and without any of the machinery that found them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from crl.formal.agent import AgentBasis, FiniteAgent
from crl.formal.environment import FiniteEnvironment
from crl.formal.errors import FormalError
from crl.formal.interface import PROBABILITY_TOLERANCE, Floats, History
from crl.formal.verdict import Departure, Lasso, Rules, Settled, Unmatched, Witness


@dataclass(frozen=True, eq=False)
class Replay:
    """What a history leads to.

    Attributes:
        probability: Probability that the agent's life in the environment begins with this history (a very long one's
            may be rounded to zero).
        states: Environment states that are possible after it; none if it is not realizable.
        memory: The agent's memory after it.
        element_memories: Memory of every basis element after it.
        action: The agent's action probabilities after it, float64 [A].
        element_actions: Those of every basis element, float64 [K, A].
    """

    probability: float
    states: frozenset[int]
    memory: int
    element_memories: tuple[int, ...]
    action: Floats
    element_actions: Floats

    def agrees_with(self, element: int) -> bool:
        """Whether the agent acts as a basis element does."""
        return bool(np.abs(self.action - self.element_actions[element]).max() <= PROBABILITY_TOLERANCE)

    @property
    def place(self) -> tuple[frozenset[int], int, tuple[int, ...]]:
        """All that the future depends on."""
        return self.states, self.memory, self.element_memories


def replay(history: History, agent: FiniteAgent, basis: AgentBasis, environment: FiniteEnvironment) -> Replay:
    """Walk through a history, realizable or not."""
    weights = {state: weight for state, weight in enumerate(environment.initial.tolist()) if weight > 0}
    probability, taken = 1.0, True
    memory = agent.initial
    elements = [element.initial for element in basis]
    for action, observation in history:
        chosen = float(agent.policy[memory, action])
        weights = _step(environment, weights, action, observation)
        seen = sum(weights.values())
        probability *= chosen * seen
        taken = taken and chosen > 0
        weights = {state: weight / seen for state, weight in weights.items()}
        memory = int(agent.update[memory, action, observation])
        elements = [int(e.update[m, action, observation]) for e, m in zip(basis, elements, strict=True)]
    return Replay(
        probability,
        frozenset(weights) if taken else frozenset(),
        memory,
        tuple(elements),
        np.array(agent.policy[memory]),
        np.array([element.policy[m] for element, m in zip(basis, elements, strict=True)]),
    )


def check(
    witness: Witness,
    agent: FiniteAgent,
    basis: AgentBasis,
    environment: FiniteEnvironment,
    limit: int = 100_000,
) -> None:
    """Replay a witness and raise if it does not show what it should.

    That an agent stays settled is followed through up to ``limit`` places, in plain Python. For generation the agent is
    the one that the verdict was asked about, and only :class:`Unmatched` needs a walk: a rule is checked by
    ``generates([rule.agent(basis)], agent)``.

    Raises:
        FormalError: The witness does not hold.
    """
    if isinstance(witness, Settled):
        _check_settled(witness, agent, basis, environment, limit)
    elif isinstance(witness, Departure):
        _require(not _realized(witness.history, agent, basis, environment).agrees_with(witness.element), "no departure")
    elif isinstance(witness, Lasso):
        knot = _realized(witness.prefix, agent, basis, environment)
        around = _realized(witness.prefix + witness.cycle, agent, basis, environment)
        _require(len(witness.cycle) > 0 and knot.place == around.place, "the cycle does not close")
        _require([d.element for d in witness.departures] == list(range(len(basis))), "an element has no departure")
        for departure in witness.departures:
            _require(departure.history[: len(witness.prefix)] == witness.prefix, "a departure leaves from elsewhere")
            check(departure, agent, basis, environment)
    elif isinstance(witness, Unmatched):
        end = replay(witness.history, agent, basis, environment)
        _require(not any(end.agrees_with(element) for element in range(len(basis))), "an element acts as the agent")
    elif isinstance(witness, Rules):
        raise FormalError("a learning rule is not a history", "check it with generates([rule.agent(basis)], agent)")


def _check_settled(
    witness: Settled, agent: FiniteAgent, basis: AgentBasis, environment: FiniteEnvironment, limit: int
) -> None:
    """Follow everything that may come after the history; places with the same future are visited once."""
    element = basis[witness.element]
    end = _realized(witness.history, agent, basis, environment)
    start = (end.states, end.memory, end.element_memories[witness.element])
    seen, waiting = {start}, [start]
    observations = len(environment.interface.observations)
    while waiting:
        states, memory, other = waiting.pop()
        gap = float(np.abs(agent.policy[memory] - element.policy[other]).max())
        _require(gap <= PROBABILITY_TOLERANCE, "the agent departs from the element later on")
        labels = {
            int(label) for s in states for label in environment.label[environment.first[s] : environment.first[s + 1]]
        }
        for action, observation in (divmod(label, observations) for label in labels):
            if agent.policy[memory, action] <= 0:
                continue
            following = frozenset(_step(environment, dict.fromkeys(states, 1.0), action, observation))
            after = (
                following,
                int(agent.update[memory, action, observation]),
                int(element.update[other, action, observation]),
            )
            if after not in seen:
                seen.add(after)
                waiting.append(after)
        if len(seen) > limit:
            raise FormalError(f"more than {limit:,} places follow the witness", "raise the limit of the check")


def _step(environment: FiniteEnvironment, weights: dict[int, float], action: int, observation: int) -> dict[int, float]:
    """Joint weight of each next state with the action's observation."""
    label = action * len(environment.interface.observations) + observation
    following: dict[int, float] = {}
    for state, weight in weights.items():
        begin, end = environment.first[state], environment.first[state + 1]
        labels = environment.label[begin:end]
        left, right = np.searchsorted(labels, label, "left"), np.searchsorted(labels, label, "right")
        for branch in range(begin + left, begin + right):
            target = int(environment.target[branch])
            following[target] = following.get(target, 0.0) + weight * float(environment.probability[branch])
    return following


def _realized(history: History, agent: FiniteAgent, basis: AgentBasis, environment: FiniteEnvironment) -> Replay:
    end = replay(history, agent, basis, environment)
    _require(len(end.states) > 0, "the history is not realizable")
    return end


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise FormalError(f"the witness does not hold: {otherwise}")
