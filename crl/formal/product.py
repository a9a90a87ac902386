"""The product of an environment, or of all histories, with an agent and a basis.

Machines whose memories move alike (the same update table from the same first memory) share one memory, and machines
with a single memory take none: a basis of a hundred fixed policies adds nothing to the product's size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from crl.formal.agent import AgentBasis, FiniteAgent
from crl.formal.beliefs import Beliefs, beliefs
from crl.formal.environment import FiniteEnvironment
from crl.formal.following import follow
from crl.formal.graph import LabelledGraph
from crl.formal.interface import PROBABILITY_TOLERANCE, Bools, Interface, Ints
from crl.formal.limits import Limits


@dataclass(frozen=True, eq=False)
class Product:
    """Product states, breadth-first from the empty history (state 0).

    Attributes:
        graph: What leads where.
        base: Node of the belief graph at each product state, int64 [N].
        memories: The distinct memories that run along, each int64 [N].
        slot: For every machine its place in ``memories``; ``None`` if it has a single memory.
    """

    graph: LabelledGraph
    base: Ints
    memories: tuple[Ints, ...]
    slot: tuple[int | None, ...]

    def memory(self, machine: int) -> Ints:
        """Memory of a machine at each product state, int64 [N]."""
        slot = self.slot[machine]
        return np.zeros(len(self.base), dtype=np.int64) if slot is None else self.memories[slot]


def realizable(
    environment: FiniteEnvironment, agent: FiniteAgent, basis: AgentBasis, limits: Limits
) -> tuple[Product, Beliefs]:
    """The product along the histories that have non-zero probability when the agent acts in the environment."""
    environment.interface.require(agent.interface, f"agent {agent.name!r}")
    for element in basis:
        environment.interface.require(element.interface, f"basis element {element.name!r}")
    told = beliefs(environment, np.any(agent.policy > 0, axis=0), limits)
    return run_along(told.graph, (agent, *basis), agent.policy > 0, limits), told


def all_histories(interface: Interface, machines: Sequence[FiniteAgent], limits: Limits) -> tuple[Product, Ints]:
    """The product along all histories, realizable or not.

    Labels that move all machines alike are taken as one.

    Returns:
        The product, and for every label [A * O] the position of the edge, in each row, that stands for it.
    """
    distinct = [tables(machine) for machine in {id(machine.update): machine for machine in machines}.values()]
    columns = np.concatenate([table for table in distinct if len(table) > 1] or [np.zeros((1, interface.inputs), int)])
    _, representative, group = np.unique(columns, axis=1, return_index=True, return_inverse=True)
    order = np.argsort(representative)
    label = representative[order].astype(np.int64)
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    zero = np.zeros(1, dtype=np.int64)
    anything = LabelledGraph(np.array([0, len(label)]), label, np.zeros(len(label), dtype=np.int64), zero)
    return run_along(anything, machines, None, limits), place[group.ravel()]


def run_along(graph: LabelledGraph, machines: Sequence[FiniteAgent], allowed: Bools | None, limits: Limits) -> Product:
    """The product of a graph with machines; ``allowed`` [M, A] says which actions the first one takes."""
    observations = len(machines[0].interface.observations)
    base: Ints = np.arange(graph.nodes)
    memories: list[Ints] = []
    slots: list[int | None] = []
    known: dict[tuple[int, tuple[int, ...], bytes], int] = {}
    for place, machine in enumerate(machines):
        if machine.size == 1 and place > 0:
            slots.append(None)
            continue
        moves = tables(machine)
        key = (machine.initial, moves.shape, moves.astype(np.int64).tobytes())
        if key not in known:
            permitted = allowed if place == 0 else None
            found = follow(graph, moves, machine.initial, observations, allowed=permitted, limits=limits)
            graph, base = found.graph, base[found.node]
            memories = [memory[found.node] for memory in memories] + [found.memory]
            known[key] = len(memories) - 1
        slots.append(known[key])
    return Product(graph, base, tuple(memories), tuple(slots))


def tables(machine: FiniteAgent) -> Ints:
    """Next memory after memory and label, integers [M, A * O]."""
    return machine.update.reshape(machine.size, -1).astype(np.int64, copy=False)


def agreement(agent: FiniteAgent, memory: Ints, element: FiniteAgent, element_memory: Ints) -> Bools:
    """Where the agent acts as the element does: the same distribution, within the tolerance, bool [N]."""
    if agent.size * element.size <= 4 * len(memory):
        gap = np.abs(agent.policy[:, None] - element.policy[None]).max(axis=2)
        return np.asarray((gap <= PROBABILITY_TOLERANCE)[memory, element_memory])
    agrees = np.ones(len(memory), dtype=bool)
    for mine, other in zip(agent.policy.T, element.policy.T, strict=True):
        agrees &= np.abs(mine[memory] - other[element_memory]) <= PROBABILITY_TOLERANCE
    return agrees
