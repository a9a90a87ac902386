"""Generates and reaches, by walking through histories in plain Python, and values by dense matrices.

Everything follows the definitions of Abel et al. (2023) word by word. Histories after which the environment's possible
states and all memories are the same have the same future and are walked through once; :func:`agrees_on_every_history`
does not even use that.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

World = tuple[list[list[list[float]]], list[list[float]], list[float]]
"""T[s][a][s'], Z[s'][o], and the probabilities of the first state."""
Place = tuple[frozenset[int], int, tuple[int, ...]]
"""Possible states, the agent's memory, the elements' memories."""


@dataclass(frozen=True)
class Machine:
    policy: list[list[float]]
    update: list[list[list[int]]]
    initial: int = 0

    def acts_as(self, memory: int, other: Machine, other_memory: int) -> bool:
        pairs = zip(self.policy[memory], other.policy[other_memory], strict=True)
        return all(abs(p - q) < 1e-9 for p, q in pairs)


def start(world: World, agent: Machine, basis: list[Machine]) -> Place:
    possible = frozenset(s for s, p in enumerate(world[2]) if p > 0)
    return possible, agent.initial, tuple(b.initial for b in basis)


def step(world: World, agent: Machine, basis: list[Machine], place: Place, a: int, o: int) -> Place | None:
    """The place after an action and an observation; ``None`` if that can't happen."""
    possible, memory, memories = place
    if agent.policy[memory][a] == 0:
        return None
    transition, emission, _ = world
    following = frozenset(
        t for t in range(len(emission)) if emission[t][o] > 0 and any(transition[s][a][t] > 0 for s in possible)
    )
    if not following:
        return None
    return following, agent.update[memory][a][o], tuple(b.update[m][a][o] for b, m in zip(basis, memories, strict=True))


def successors(world: World, agent: Machine, basis: list[Machine], place: Place) -> Iterator[Place]:
    for a in range(len(world[0][0])):
        for o in range(len(world[1][0])):
            after = step(world, agent, basis, place, a, o)
            if after is not None:
                yield after


@dataclass
class Reached:
    """Length of a shortest history to every place, where each element is settled, and what follows from it."""

    depth: dict[Place, int]
    settled: list[set[Place]]
    sometimes: bool
    always: bool
    shortest: int | None
    within: int | None


def reach(world: World, agent: Machine, basis: list[Machine]) -> Reached:
    root = start(world, agent, basis)
    depth = {root: 0}
    queue = [root]
    after: dict[Place, list[Place]] = {}
    for place in queue:
        after[place] = list(successors(world, agent, basis, place))
        for following in after[place]:
            if following not in depth:
                depth[following] = depth[place] + 1
                queue.append(following)
    settled = []
    for index, element in enumerate(basis):
        # Agreement now, then along all histories of one step, of two, ...; with n places n steps say it all.
        agreeing = {place for place in queue if agent.acts_as(place[1], element, place[2][index])}
        for _ in queue:
            kept = {place for place in agreeing if all(following in agreeing for following in after[place])}
            if kept == agreeing:
                break
            agreeing = kept
        settled.append(agreeing)
    anywhere = set().union(*settled)
    # Places that begin a realizable path of one, two, ... unsettled places.
    avoiding, within = {place for place in queue if place not in anywhere}, 0
    while root in avoiding and within <= len(queue):
        avoiding = {p for p in avoiding if any(following in avoiding for following in after[p])}
        within += 1
    always = root not in avoiding
    return Reached(
        depth,
        settled,
        bool(anywhere),
        always,
        min((depth[place] for place in anywhere), default=None),
        within if always else None,
    )


def agrees_on_every_history(
    world: World, agent: Machine, basis: list[Machine], place: Place, element: int, length: int
) -> bool:
    """Whether the agent acts as an element does now and along all realizable histories of a length, one by one."""
    if not agent.acts_as(place[1], basis[element], place[2][element]):
        return False
    return length == 0 or all(
        agrees_on_every_history(world, agent, basis, following, element, length - 1)
        for following in successors(world, agent, basis, place)
    )


def shortest_unmatched(agent: Machine, basis: list[Machine]) -> int | None:
    """Length of a shortest history, realizable or not, after which no element acts as the agent does."""
    root = (agent.initial, tuple(b.initial for b in basis))
    depth = {root: 0}
    queue = [root]
    for memory, memories in queue:
        if not any(agent.acts_as(memory, b, m) for b, m in zip(basis, memories, strict=True)):
            return depth[memory, memories]
        for a, row in enumerate(agent.update[memory]):
            for o, following in enumerate(row):
                after = (following, tuple(b.update[m][a][o] for b, m in zip(basis, memories, strict=True)))
                if after not in depth:
                    depth[after] = depth[memory, memories] + 1
                    queue.append(after)
    return None


def dense_chain(world: World, agent: Machine, rewards: list[list[float]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Transition matrix, expected rewards and first distribution of all pairs of state and memory."""
    transition, emission, first = world
    memories = len(agent.policy)
    size = len(first) * memories
    chain, reward, initial = np.zeros((size, size)), np.zeros(size), np.zeros(size)
    for s, p in enumerate(first):
        initial[s * memories + agent.initial] = p
        for m in range(memories):
            for a, chosen in enumerate(agent.policy[m]):
                for t, moved in enumerate(transition[s][a]):
                    for o, seen in enumerate(emission[t]):
                        weight = chosen * moved * seen
                        chain[s * memories + m, t * memories + agent.update[m][a][o]] += weight
                        reward[s * memories + m] += weight * rewards[o][a]
    return chain, reward, initial


def discounted(world: World, agent: Machine, rewards: list[list[float]], gamma: float) -> float:
    """The discounted sum, step by step until nothing is left to add."""
    chain, reward, weights = dense_chain(world, agent, rewards)
    total, factor = 0.0, 1.0
    while factor > 1e-18:
        total += factor * float(weights @ reward)
        weights, factor = weights @ chain, factor * gamma
    return total


def average(world: World, agent: Machine, rewards: list[list[float]], doublings: int = 34) -> float:
    """The mean reward of the first 2^34 steps, by doubling: mean over 2n = (mean over n + P^n mean over n) / 2."""
    chain, mean, weights = dense_chain(world, agent, rewards)
    for _ in range(doublings):
        mean = (mean + chain @ mean) / 2
        chain = chain @ chain
        chain /= chain.sum(axis=1, keepdims=True)
    return float(weights @ mean)


def random_case(
    rng: np.random.Generator,
) -> tuple[World, Machine, list[Machine]]:
    """A small random environment, agent and basis; elements are often close to the agent: all verdicts occur."""
    states, actions, observations = (int(rng.integers(low, 4)) for low in (1, 1, 1))
    world: World = (
        [[random_weights(rng, states) for _ in range(actions)] for _ in range(states)],
        [random_weights(rng, observations) for _ in range(states)],
        random_weights(rng, states) if rng.random() < 0.3 else [1.0] + [0.0] * (states - 1),
    )
    agent = random_machine(rng, actions, observations)
    basis = []
    for _ in range(int(rng.integers(1, 4))):
        kind = rng.random()
        element = random_machine(rng, actions, observations)
        if kind < 0.3:  # the agent, from a memory of its own
            element = Machine(agent.policy, agent.update, int(rng.integers(len(agent.policy))))
        elif kind < 0.5:  # it moves as the agent does, and acts like it in some memories
            rows = [mine if rng.random() < 0.6 else random_policy(rng, actions) for mine in agent.policy]
            element = Machine(rows, agent.update, agent.initial)
        elif kind < 0.8:  # a fixed policy
            row = agent.policy[int(rng.integers(len(agent.policy)))]
            element = Machine([row], [[[0] * observations] * actions])
        basis.append(element)
    return world, agent, basis


def random_weights(rng: np.random.Generator, size: int) -> list[float]:
    """Probabilities, most of them zero."""
    count = min(size, int(rng.choice([1, 1, 2, 3])))
    weights = np.zeros(size)
    weights[rng.choice(size, count, replace=False)] = rng.integers(1, 4, size=count)
    return list(weights / weights.sum())


def random_policy(rng: np.random.Generator, actions: int) -> list[float]:
    """One action, or all of them alike."""
    if rng.random() < 0.3:
        return [1 / actions] * actions
    return list(np.eye(actions)[rng.integers(actions)])


def random_machine(rng: np.random.Generator, actions: int, observations: int) -> Machine:
    memories = int(rng.integers(1, 4))
    return Machine(
        [random_policy(rng, actions) for _ in range(memories)],
        rng.integers(memories, size=(memories, actions, observations)).tolist(),
        int(rng.integers(memories)),
    )
