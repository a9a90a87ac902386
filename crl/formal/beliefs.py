"""What a history tells of the environment's state: a graph with one edge per action and observation.

A node is the set of states possible after a history. Where every action and observation leaves one state possible, the
nodes are the states themselves, plus one for an uncertain start, and nothing is enumerated. Else the sets are
constructed one by one (the subset construction), which is exponential at worst and has a limit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from crl.formal.environment import FiniteEnvironment
from crl.formal.errors import TooLarge
from crl.formal.graph import LabelledGraph, pointers, ranges
from crl.formal.interface import Bools, Ints
from crl.formal.limits import Limits


@dataclass(frozen=True, eq=False)
class Beliefs:
    """The environment as histories see it: after a node, a label leads to one node.

    Attributes:
        graph: One root; one edge per node and label that is possible there.
        members: States that are possible at a node; a node that is not listed is the state of its own number.
    """

    graph: LabelledGraph
    members: Mapping[int, tuple[int, ...]]

    def states(self, node: int) -> tuple[int, ...]:
        """The environment states that are possible at a node."""
        return self.members.get(node, (node,))


def beliefs(environment: FiniteEnvironment, taken: Bools, limits: Limits) -> Beliefs:
    """The sets of states that histories lead to.

    Args:
        environment: The environment.
        taken: Which actions are ever taken, bool [A]; histories with others are left out.
        limits: Sizes to stay within.

    Raises:
        TooLarge: There are more sets than ``limits.beliefs``.
    """
    row = np.repeat(np.arange(len(environment.states)), np.diff(environment.first))
    keep = taken[environment.label // len(environment.interface.observations)]
    row, label, target = row[keep], environment.label[keep], environment.target[keep]
    start = np.flatnonzero(environment.initial > 0)
    first = pointers(np.bincount(row, minlength=len(environment.states)))
    states = LabelledGraph(first, label, target, start)
    if not ((np.diff(row) == 0) & (np.diff(label) == 0)).any():  # branches are sorted by state, label and target
        if len(start) == 1:
            return Beliefs(states, {})
        if (told := _told(states)) is not None:
            return told
    return _subsets(states, limits)


def _told(states: LabelledGraph) -> Beliefs | None:
    """One node more for the uncertain start, if whatever happens first tells the state."""
    label, target = _outgoing(states, states.roots)
    if (np.diff(label) == 0).any():
        return None
    graph = LabelledGraph(
        np.append(states.first, states.edges + len(label)),
        np.concatenate([states.label, label]),
        np.concatenate([states.target, target]),
        np.array([states.nodes]),
    )
    return Beliefs(graph, {states.nodes: tuple(states.roots.tolist())})


def _subsets(states: LabelledGraph, limits: Limits) -> Beliefs:
    """The subset construction, set by set."""
    number = {tuple(states.roots.tolist()): 0}
    waiting = list(number)
    counts: list[int] = []
    labels: list[int] = []
    targets: list[int] = []
    for members in waiting:  # grows while it is walked
        label, target = _outgoing(states, np.array(members, dtype=np.int64))
        begins = np.flatnonzero(np.diff(label, prepend=-1))
        for part in np.split(target, begins[1:]):
            successor = tuple(part.tolist())
            if successor not in number:
                number[successor] = len(number)
                waiting.append(successor)
            targets.append(number[successor])
        labels.extend(label[begins].tolist())
        counts.append(len(begins))
        if len(number) > limits.beliefs:
            raise TooLarge(
                f"observations do not tell the environment's state, and histories lead to more than "
                f"{limits.beliefs:,} different sets of possible states",
                "let the observations tell more, use fewer states, or raise the limit (beliefs: ...)",
            )
    graph = LabelledGraph(
        pointers(np.array(counts, dtype=np.int64)),
        np.array(labels, dtype=np.int64),
        np.array(targets, dtype=np.int64),
        np.zeros(1, dtype=np.int64),
    )
    return Beliefs(graph, dict(enumerate(waiting)))


def _outgoing(states: LabelledGraph, members: Ints) -> tuple[Ints, Ints]:
    """Distinct (label, next state) of a set of states, sorted."""
    edge = ranges(states.first[members], states.first[members + 1] - states.first[members])
    pairs = np.unique(states.label[edge] * states.nodes + states.target[edge])
    return pairs // states.nodes, pairs % states.nodes
