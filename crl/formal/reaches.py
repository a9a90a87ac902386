"""Reaches: does the agent, acting in the environment, settle on one basis element?

Definitions of the paper, on the product of what histories tell of the environment with all memories:

* the *settled set* of an element b is the greatest set of product states in which the agent acts as b does, closed
  under every successor of positive probability: the states from which no disagreement can be reached;
* **sometimes reaches**: a reachable state is settled for some b; **never reaches**: none is;
* **always reaches**: every infinite realizable path comes to a settled state, that is, no reachable cycle avoids them.

Each is decided in time linear in the product's edges times the number of elements.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from crl.formal.agent import AgentBasis, FiniteAgent
from crl.formal.beliefs import Beliefs
from crl.formal.environment import FiniteEnvironment
from crl.formal.graph import LabelledGraph, cyclic, longest_path
from crl.formal.interface import Bools, History, Ints
from crl.formal.limits import Limits
from crl.formal.product import Product, agreement, realizable
from crl.formal.verdict import Departure, Lasso, Settled, Verdict

LAYERS = 20_000
"""Steps up to which the bound on settling is computed."""


@dataclass(frozen=True, eq=False)
class Reach:
    """All three verdicts on an agent, a basis and an environment, and what they were read from.

    Attributes:
        sometimes: Whether the agent sometimes reaches the basis. Witness: :class:`Settled`; if not, a :class:`Lasso`.
        never: Whether it never does; the same witnesses. The lasso lies where the agent's life must end, in a bottom
            component of the product, which shows that it does not settle there; that all other paths fail as well is
            known from the exhaustive search.
        always: Whether it always does. Witness: :class:`Settled`; if not, a :class:`Lasso`.
        product: The product states.
        told: What histories tell of the environment.
        element: The first basis element that each product state is settled on, -1 where there is none, int64 [N].
    """

    sometimes: Verdict
    never: Verdict
    always: Verdict
    product: Product = field(repr=False)
    told: Beliefs = field(repr=False)
    element: Ints = field(repr=False)


def reach(
    agent: FiniteAgent,
    basis: AgentBasis | Iterable[FiniteAgent],
    environment: FiniteEnvironment,
    limits: Limits | None = None,
) -> Reach:
    """Decide whether an agent sometimes, never, always reaches a basis in an environment.

    Args:
        agent: The agent.
        basis: The agent basis.
        environment: Where the agent acts.
        limits: Sizes to stay within.

    Raises:
        FormalError: The agent or an element has other actions or observations than the environment.
        TooLarge: The product exceeds the limits.
    """
    basis = basis if isinstance(basis, AgentBasis) else AgentBasis(basis)
    product, told = realizable(environment, agent, basis, limits or Limits())
    question = _Question(agent, basis, product)
    element = question.settled()
    graph, some = product.graph, bool((element >= 0).any())
    size = {"states": graph.nodes, "edges": graph.edges, "settled_states": int((element >= 0).sum())}
    unsettled, numbers = graph.subgraph(element < 0)
    on_cycle, component = cyclic(unsettled)
    always = not on_cycle.any()
    shown: Settled | Lasso
    if some:
        first = int(np.argmax(element >= 0))
        shown = Settled(question.history(graph.path(0, first)), int(element[first]))
    else:
        shown = question.lasso(unsettled, numbers, _bottom(unsettled, component), component)
    escape = shown if always or not some else question.lasso(unsettled, numbers, on_cycle, component)
    within = longest_path(unsettled, LAYERS) if always else None
    return Reach(
        Verdict("sometimes reaches", some, shown, **size),
        Verdict("never reaches", not some, shown, **size),
        Verdict("always reaches", always, escape, **size, within=within),
        product,
        told,
        element,
    )


def sometimes_reaches(
    agent: FiniteAgent,
    basis: AgentBasis | Iterable[FiniteAgent],
    environment: FiniteEnvironment,
    limits: Limits | None = None,
) -> Verdict:
    """Whether after some realizable history the agent acts as one basis element for ever; see :func:`reach`."""
    return reach(agent, basis, environment, limits).sometimes


def never_reaches(
    agent: FiniteAgent,
    basis: AgentBasis | Iterable[FiniteAgent],
    environment: FiniteEnvironment,
    limits: Limits | None = None,
) -> Verdict:
    """Whether no realizable history leaves the agent acting as one basis element for ever; see :func:`reach`."""
    return reach(agent, basis, environment, limits).never


def always_reaches(
    agent: FiniteAgent,
    basis: AgentBasis | Iterable[FiniteAgent],
    environment: FiniteEnvironment,
    limits: Limits | None = None,
) -> Verdict:
    """Whether every infinite realizable path comes to such a history; see :func:`reach`."""
    return reach(agent, basis, environment, limits).always


@dataclass(frozen=True, eq=False)
class _Question:
    """An agent, a basis, and their product in an environment."""

    agent: FiniteAgent
    basis: AgentBasis
    product: Product

    def agrees(self, element: int) -> Bools:
        """Where the agent acts as an element does, bool [N]."""
        memory = self.product.memory(element + 1)
        return agreement(self.agent, self.product.memory(0), self.basis[element], memory)

    def settled(self) -> Ints:
        """The first element that each product state is settled on, or -1."""
        found = np.full(self.product.graph.nodes, -1, dtype=np.int64)
        for index in range(len(self.basis)):
            agrees = self.agrees(index)
            if (agrees & (found < 0)).any():
                found[~self.product.graph.can_reach(~agrees) & (found < 0)] = index
        return found

    def history(self, labels: Iterable[int]) -> History:
        return tuple(map(self.agent.interface.step, labels))

    def lasso(self, unsettled: LabelledGraph, numbers: Ints, knots: Bools, component: np.ndarray) -> Lasso:
        """A lasso among unsettled states [n] whose cycle begins in the nearest of the knots, bool [n]."""
        graph = self.product.graph
        knot = int(np.argmax(knots))
        cycle = _cycle(unsettled, knot, component)
        start = int(numbers[knot])
        prefix = graph.path(0, start)
        search = graph.reachable_from(np.array([start]))
        departures = []
        for index in range(len(self.basis)):
            differs = ~self.agrees(index)[search[0]]
            labels = prefix + graph.path(start, int(search[0][np.argmax(differs)]), search)
            departures.append(Departure(self.history(labels), index))
        return Lasso(self.history(prefix), self.history(cycle), tuple(departures))


def _bottom(graph: LabelledGraph, component: np.ndarray) -> Bools:
    """Which nodes lie in a component that no edge leaves, bool [N]."""
    source = graph.sources()
    left = np.zeros(int(component.max()) + 1, dtype=bool)
    left[component[source[component[source] != component[graph.target]]]] = True
    return np.asarray(~left[component])


def _cycle(graph: LabelledGraph, knot: int, component: np.ndarray) -> tuple[int, ...]:
    """Labels of a shortest cycle through a node that lies on one."""
    inner, numbers = graph.subgraph(component == component[knot])
    start = int(np.searchsorted(numbers, knot))
    search = inner.reachable_from(np.array([start]))
    closes = np.zeros(inner.nodes, dtype=bool)
    closes[inner.sources()[inner.target == start]] = True
    last = int(search[0][np.argmax(closes[search[0]])])
    nodes = np.array([last, start])
    return inner.path(start, last, search) + inner.labels_between(nodes)
