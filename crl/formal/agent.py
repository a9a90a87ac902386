"""Finite agents (lambda : H -> Dist(A) of the paper, as Mealy machines) and bases of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from crl.formal.errors import FormalError, TooLarge
from crl.formal.interface import Floats, History, Interface, check_distribution, unique_names

ANY = "any"
"""In a rule of :meth:`FiniteAgent.from_tables`: every action, or every observation."""
MAX_TABLE = 100_000_000
"""Entries of an update table M * A * O beyond which a machine is refused."""

Rule = tuple[str, str, str]
"""Action or ``any``, observation or ``any``, next memory."""


@dataclass(frozen=True, eq=False)
class FiniteAgent:
    """An agent with M memories. It acts by its memory, and what happens moves the memory.

    Attributes:
        name: Name, for verdicts and errors.
        interface: Actions and observations.
        policy: Action probabilities of each memory, float64 [M, A].
        update: Next memory after memory, action and observation, integers [M, A, O].
        initial: Memory before anything happened.
        memories: Names of the memories; m0, ... if omitted.
    """

    name: str
    interface: Interface
    policy: Floats
    update: NDArray[np.integer]
    initial: int = 0
    memories: Sequence[str] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        policy = np.asarray(self.policy, dtype=float)
        update = np.asarray(self.update)
        object.__setattr__(self, "policy", policy)
        object.__setattr__(self, "update", update)
        actions, observations = len(self.interface.actions), len(self.interface.observations)
        if policy.ndim != 2 or policy.shape[1] != actions or not len(policy):
            raise FormalError(
                f"agent {self.name!r}: its policy has the shape {list(policy.shape)}, but there are {actions} actions",
                f"expected [memories, {actions}]; an agent or basis element has the action set of its environment",
            )
        if update.shape != (len(policy), actions, observations) or not np.issubdtype(update.dtype, np.integer):
            raise FormalError(
                f"agent {self.name!r}: its update is {update.dtype} {list(update.shape)}",
                f"expected integers [memories, actions, observations] = [{len(policy)}, {actions}, {observations}]",
            )
        off = np.flatnonzero(~(np.abs(policy.sum(axis=1) - 1) <= 1e-9) | ~(policy >= 0).all(axis=1))
        if len(off):
            check_distribution(policy[off[0]], f"agent {self.name!r}, memory {self.memory_name(int(off[0]))!r}")
        if not 0 <= int(update.min()) <= int(update.max()) < len(policy):
            raise FormalError(
                f"agent {self.name!r}: its update names the memories {update.min()} to {update.max()}",
                f"its memories go from 0 to {len(policy) - 1}",
            )
        if not 0 <= self.initial < len(policy):
            raise FormalError(f"agent {self.name!r}: it starts in memory {self.initial} of {len(policy)}")
        if self.memories is not None:
            if len(self.memories) != len(policy):
                raise FormalError(f"agent {self.name!r}: {len(self.memories)} names for {len(policy)} memories")
            unique_names("memory", self.memories)

    @classmethod
    def from_tables(
        cls,
        name: str,
        interface: Interface,
        table: Mapping[str, tuple[str | Mapping[str, float], Iterable[Rule]]],
        start: str | None = None,
    ) -> FiniteAgent:
        """An agent from ``{memory: (action or {action: probability}, [(action, observation, next memory), ...])}``.

        Of the rules of a memory the first that fits counts; ``any`` fits every action, or every observation.

        Args:
            name: Name of the agent.
            interface: Actions and observations.
            table: Every memory with how it acts and where it goes.
            start: First memory; the first of the table if omitted.

        Raises:
            FormalError: The table does not make sense; the message names the entry.
        """
        memories = tuple(table)
        if not memories:
            raise FormalError(f"agent {name!r}: no memory", "an agent has at least one memory, however it acts")
        check_size(name, interface, len(memories))
        index = {memory: i for i, memory in enumerate(memories)}
        actions, observations = len(interface.actions), len(interface.observations)
        policy = np.zeros((len(memories), actions))
        update = np.full((len(memories), actions, observations), -1, dtype=np.int64)
        for i, (memory, (act, rules)) in enumerate(table.items()):
            where = f"agent {name!r}, memory {memory!r}"
            for action, p in {act: 1.0}.items() if isinstance(act, str) else act.items():
                policy[i, _found(interface.action, action, where)] = p
            for action, observation, target in reversed(list(rules)):
                at = slice(None) if action == ANY else _found(interface.action, action, where)
                seen = slice(None) if observation == ANY else _found(interface.observation, observation, where)
                if target not in index:
                    raise FormalError(f"{where}: there is no memory {target!r}", f"memories: {', '.join(memories)}")
                update[i, at, seen] = index[target]
            if (update[i] < 0).any():
                a, o = np.argwhere(update[i] < 0)[0]
                raise FormalError(
                    f"{where}: no rule for action {interface.actions[a]!r} and observation "
                    f"{interface.observations[o]!r}",
                    f"add one; ({ANY}, {ANY}, {memory}) at the end stays where it is",
                )
        if start is not None and start not in index:
            raise FormalError(f"agent {name!r}: it can't start in {start!r}", f"memories: {', '.join(memories)}")
        return cls(name, interface, policy, update, 0 if start is None else index[start], memories)

    def same_as(self, other: FiniteAgent) -> bool:
        """Whether it is the same machine, whatever it and its memories are called."""
        return self is other or (
            self.initial == other.initial
            and np.array_equal(self.policy, other.policy)
            and np.array_equal(self.update, other.update)
        )

    @property
    def size(self) -> int:
        """Number M of memories."""
        return len(self.policy)

    def memory_name(self, memory: int) -> str:
        """Name of a memory."""
        return f"m{memory}" if self.memories is None else self.memories[memory]

    def memory_after(self, history: History) -> int:
        """The memory after a history."""
        memory = self.initial
        for action, observation in history:
            memory = int(self.update[memory, action, observation])
        return memory

    def distribution(self, history: History) -> Floats:
        """lambda(h): the action probabilities after a history, float64 [A]."""
        return np.array(self.policy[self.memory_after(history)])


@dataclass(frozen=True, eq=False)
class AgentBasis:
    """A finite agent basis: the behaviours that an agent searches over."""

    elements: tuple[FiniteAgent, ...]

    def __init__(self, elements: Iterable[FiniteAgent]) -> None:
        object.__setattr__(self, "elements", tuple(elements))
        if not self.elements:
            raise FormalError("an empty basis", "a basis holds at least one agent, a fixed policy for instance")
        unique_names("basis element", (element.name for element in self.elements))
        for element in self.elements[1:]:
            self.interface.require(element.interface, f"basis element {element.name!r}")

    @property
    def interface(self) -> Interface:
        """Actions and observations of all elements."""
        return self.elements[0].interface

    def __len__(self) -> int:
        return len(self.elements)

    def __iter__(self) -> Iterator[FiniteAgent]:
        return iter(self.elements)

    def __getitem__(self, index: int) -> FiniteAgent:
        return self.elements[index]


def without_memory(name: str, interface: Interface, distribution: ArrayLike) -> FiniteAgent:
    """An agent that always acts by one distribution [A]; it takes no room, however many observations there are."""
    update = np.broadcast_to(np.int64(0), (1, len(interface.actions), len(interface.observations)))
    return FiniteAgent(name, interface, np.asarray(distribution, dtype=float)[None], update)


def check_size(name: str, interface: Interface, memories: int) -> None:
    """Raise if an agent's update table would be too large, naming its size."""
    entries = memories * interface.inputs
    if entries > MAX_TABLE:
        raise TooLarge(
            f"agent {name!r} would have {big(memories)} memories and an update table of {big(entries)} entries",
            f"at most {MAX_TABLE:,} entries are built: use fewer levels, a shorter window or a smaller environment",
        )


def big(base: int, exponent: int = 1, times: int = 1) -> str:
    """The number times * base^exponent such that it can be read, however large it is: 26,244 or about 10^57."""
    try:
        magnitude = exponent * math.log10(base) + math.log10(times)
    except OverflowError:
        return "more than 10^308"
    return f"{times * base**exponent:,}" if magnitude < 12 else f"about 10^{int(magnitude)}"


def _found(find: Callable[[str], int], name: str, where: str) -> int:
    try:
        return find(name)
    except FormalError as error:
        raise FormalError(f"{where}: {error}") from error
