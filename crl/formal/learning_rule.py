"""Finite learning rules (sigma : H -> Lambda_B of the paper): which basis element acts after which history."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from crl.formal.agent import AgentBasis, FiniteAgent, Rule, check_size
from crl.formal.errors import FormalError
from crl.formal.interface import History, Interface, Ints
from crl.formal.limits import Limits
from crl.formal.product import all_histories


@dataclass(frozen=True, eq=False)
class LearningRule:
    """A finite machine whose output is the index of a basis element.

    Attributes:
        name: Name, for the agent it makes.
        interface: Actions and observations.
        choice: Basis element that acts in each memory, integers [M].
        update: Next memory after memory, action and observation, integers [M, A, O].
        initial: Memory before anything happened.
    """

    name: str
    interface: Interface
    choice: NDArray[np.integer]
    update: NDArray[np.integer]
    initial: int = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "choice", np.asarray(self.choice))
        if self.choice.ndim != 1 or not len(self.choice) or not np.issubdtype(self.choice.dtype, np.integer):
            raise FormalError(
                f"learning rule {self.name!r}: its choice is {self.choice.dtype} {list(self.choice.shape)}",
                "expected one basis element's index per memory, integers [M]",
            )
        # An agent with the same memory: its constructor checks the rest.
        object.__setattr__(self, "update", self._selector().update)

    @classmethod
    def from_tables(
        cls,
        name: str,
        basis: AgentBasis,
        table: Mapping[str, tuple[str, Iterable[Rule]]],
        start: str | None = None,
    ) -> LearningRule:
        """A rule from ``{memory: (basis element, [(action, observation, next memory), ...])}``.

        Elements go by their names; for the rest see :meth:`crl.formal.FiniteAgent.from_tables`.

        Args:
            name: Name of the rule.
            basis: What it chooses from.
            table: Every memory with its choice and where it goes.
            start: First memory; the first of the table if omitted.

        Raises:
            FormalError: The table does not make sense; the message names the entry.
        """
        index = {element.name: i for i, element in enumerate(basis)}
        for memory, (element, _) in table.items():
            if element not in index:
                raise FormalError(
                    f"learning rule {name!r}, memory {memory!r}: there is no basis element {element!r}",
                    f"elements: {', '.join(list(index)[:20])}",
                )
        anything = dict.fromkeys(basis.interface.actions, 1 / len(basis.interface.actions))
        moves = {memory: (anything, rules) for memory, (_, rules) in table.items()}
        selector = FiniteAgent.from_tables(name, basis.interface, moves, start)
        choice = np.array([index[element] for element, _ in table.values()])
        return cls(name, basis.interface, choice, selector.update, selector.initial)

    def choose(self, history: History) -> int:
        """sigma(h): the index of the basis element that acts after a history."""
        return int(self.choice[self._selector().memory_after(history)])

    def agent(self, basis: AgentBasis, limits: Limits | None = None) -> FiniteAgent:
        """The agent lambda(h) = sigma(h)(h) as a machine of its own.

        Raises:
            FormalError: The rule names an element that the basis does not have, or has another interface.
            TooLarge: The machine would exceed the limits.
        """
        self.interface.require(basis.interface, f"the basis of the learning rule {self.name!r}")
        if not 0 <= int(self.choice.min()) <= int(self.choice.max()) < len(basis):
            raise FormalError(
                f"learning rule {self.name!r}: it chooses the elements {self.choice.min()} to {self.choice.max()}",
                f"the basis has the elements 0 to {len(basis) - 1}",
            )
        product, place = all_histories(self.interface, (self._selector(), *basis), limits or Limits())
        chosen = self.choice[product.memory(0)]
        policy = np.empty((product.graph.nodes, len(self.interface.actions)))
        for index, element in enumerate(basis):
            at = chosen == index
            policy[at] = element.policy[product.memory(index + 1)[at]]
        return FiniteAgent(
            self.name, self.interface, policy, full_update(self.name, self.interface, product.graph.target, place)
        )

    def _selector(self) -> FiniteAgent:
        policy = np.full((len(self.choice), len(self.interface.actions)), 1 / len(self.interface.actions))
        return FiniteAgent(self.name, self.interface, policy, self.update, self.initial)


def full_update(name: str, interface: Interface, target: Ints, place: Ints) -> Ints:
    """The update table [M, A, O] of a product along all histories; see :func:`crl.formal.product.all_histories`."""
    rows = target.reshape(-1, int(place.max()) + 1)
    check_size(name, interface, len(rows))
    return rows[:, place].reshape(len(rows), len(interface.actions), len(interface.observations))
