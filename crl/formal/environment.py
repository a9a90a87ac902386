"""Finite environments: hidden states, actions, observations (e : H x A -> Dist(O) of the paper).

An environment is a list of *branches*: from a state, under an action, with a probability, to a next state while an
observation is emitted. That covers T[s, a, s'] with Z[s', o], and observations that tell of the transition itself,
such as the outcome of a bandit's arm.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import sparse
from scipy.sparse import csgraph

from crl.formal.errors import FormalError
from crl.formal.interface import PROBABILITY_TOLERANCE, Bools, Floats, Interface, Ints, check_distribution, unique_names

Outcome = tuple[float, str, str]
"""Probability, next state, observation."""

ALLOWANCES = ("unreachable", "absorbing")


@dataclass(frozen=True, eq=False)
class FiniteEnvironment:
    """A finite environment; built by :meth:`from_tables`, :meth:`from_arrays` or :meth:`from_branches`.

    Attributes:
        interface: Actions and observations.
        states: Names of the S states.
        initial: Probabilities of the first state, float64 [S].
        first: Where the branches of each state begin, int64 [S + 1].
        label: ``action * O + observation`` of each branch, int64 [E], ascending within a state.
        target: Next state of each branch, int64 [E].
        probability: Probability of each branch given its state and action, float64 [E], all positive.
    """

    interface: Interface
    states: tuple[str, ...]
    initial: Floats
    first: Ints
    label: Ints
    target: Ints
    probability: Floats

    @classmethod
    def from_tables(
        cls,
        table: Mapping[str, Mapping[str, Iterable[Outcome]]],
        start: str | Mapping[str, float],
        *,
        interface: Interface | None = None,
        allow: Collection[str] = (),
    ) -> FiniteEnvironment:
        """An environment from ``{state: {action: [(probability, next state, observation), ...]}}``.

        Args:
            table: Every state with all its actions.
            start: The first state, or probabilities of the first state.
            interface: Order of actions and observations; in the order of the table if omitted.
            allow: ``"unreachable"`` and ``"absorbing"`` permit such states, which are mistakes more often than not.

        Raises:
            FormalError: The table does not make sense; the message names the entry.
        """
        outcomes = [
            (state, action, float(p), target, observation)
            for state, row in table.items()
            for action, branches in row.items()
            for p, target, observation in branches
        ]
        if interface is None:
            actions = dict.fromkeys(action for row in table.values() for action in row)
            observations = dict.fromkeys(outcome[4] for outcome in outcomes)
            interface = Interface(tuple(actions), tuple(observations))
        states = tuple(table)
        index = {name: i for i, name in enumerate(states)}
        for state, row in table.items():
            for action in interface.actions:
                if action not in row:
                    raise FormalError(
                        f"environment: state {state!r} has no action {action!r}",
                        "every state lists every action; an action without effect is [(1, the same state, ...)]",
                    )
        columns = [
            (
                index[state],
                interface.action(action),
                _known(index, target, f"state {state!r}, action {action!r}"),
                interface.observation(observation),
                p,
            )
            for state, action, p, target, observation in outcomes
        ]
        source, action_index, target_index, observation_index = (
            np.array([c[i] for c in columns], dtype=np.int64) for i in range(4)
        )
        initial = np.zeros(len(states))
        for name, p in {start: 1.0}.items() if isinstance(start, str) else start.items():
            initial[_known(index, name, "start")] = p
        return cls.from_branches(
            interface,
            source,
            action_index,
            target_index,
            observation_index,
            np.array([c[4] for c in columns]),
            initial,
            states=states,
            allow=allow,
        )

    @classmethod
    def from_arrays(
        cls,
        transitions: ArrayLike,
        observations: ArrayLike,
        initial: ArrayLike = 0,
        *,
        interface: Interface | None = None,
        states: Sequence[str] | None = None,
        allow: Collection[str] = (),
    ) -> FiniteEnvironment:
        """An environment from T [S, A, S] and Z [S, O], the observation being that of the next state.

        Args:
            transitions: Probabilities T[s, a, s'].
            observations: Probabilities Z[s', o].
            initial: The first state, or probabilities [S] of the first state.
            interface: Names of actions and observations; a0, ..., o0, ... if omitted.
            states: Names of the states; s0, ... if omitted.
            allow: As in :meth:`from_tables`.
        """
        t, z = np.asarray(transitions, dtype=float), np.asarray(observations, dtype=float)
        if t.ndim != 3 or t.shape[0] != t.shape[2] or z.ndim != 2 or len(z) != len(t):
            raise FormalError(
                f"transitions {list(t.shape)} and observations {list(z.shape)} do not fit together",
                "expected transitions [S, A, S] and observations [S, O]",
            )
        names = _state_names(states, len(t))
        for row, name in zip(z, names, strict=True):
            check_distribution(row, f"observations of state {name!r}")
        joint = np.einsum("sat,to->sato", t, z)
        source, action, target, observation = np.nonzero(joint)
        first = np.asarray(initial)
        if first.ndim == 0:
            first = np.eye(len(t))[int(first)]
        return cls.from_branches(
            interface or Interface.sized(t.shape[1], z.shape[1]),
            source,
            action,
            target,
            observation,
            joint[source, action, target, observation],
            first,
            states=names,
            allow=allow,
        )

    @classmethod
    def from_branches(
        cls,
        interface: Interface,
        source: NDArray[np.integer],
        action: NDArray[np.integer],
        target: NDArray[np.integer],
        observation: NDArray[np.integer],
        probability: Floats,
        initial: ArrayLike,
        *,
        states: Sequence[str] | None = None,
        allow: Collection[str] = (),
    ) -> FiniteEnvironment:
        """An environment from arrays [E] with one entry per branch: the way for large ones.

        Branches with probability zero are dropped, equal ones are summed.
        """
        start = np.asarray(initial, dtype=float)
        names = _state_names(states, len(start))
        check_distribution(start, "start")
        label = action.astype(np.int64) * len(interface.observations) + observation
        _check_range(source, len(names), "a source state")
        _check_range(target, len(names), "a target state")
        _check_range(action, len(interface.actions), "an action")
        _check_range(observation, len(interface.observations), "an observation")
        _check_rows(interface, names, source, action, probability)
        order = np.lexsort((target, label, source))
        order = order[probability[order] > 0]
        from_state, label, to_state = source[order], label[order], target[order].astype(np.int64)
        new = np.ones(len(order), dtype=bool)
        new[1:] = (np.diff(from_state) != 0) | (np.diff(label) != 0) | (np.diff(to_state) != 0)
        at = np.flatnonzero(new)
        made = cls(
            interface,
            names,
            start,
            np.searchsorted(from_state[at], np.arange(len(names) + 1)).astype(np.int64),
            label[at],
            to_state[at],
            np.add.reduceat(probability[order], at),
        )
        made.check(allow)
        return made

    def check(self, allow: Collection[str]) -> None:
        """Raise if a state can't be reached, or can't be left though there are others; see ``allow``."""
        for word in allow:
            if word not in ALLOWANCES:
                raise FormalError(f"unknown allowance {word!r}", f"allowed are {' and '.join(ALLOWANCES)}")
        if "unreachable" not in allow and not (reached := self.reachable()).all():
            raise FormalError(
                f"environment: no history leads to state {self.states[int(np.argmin(reached))]!r} "
                f"({int((~reached).sum())} of {len(self.states)} states are unreachable)",
                "remove it, or lead there, or permit it with allow: [unreachable]",
            )
        if "absorbing" not in allow and (stuck := self.absorbing()).any():
            raise FormalError(
                f"environment: state {self.states[int(np.argmax(stuck))]!r} can never be left "
                f"({int(stuck.sum())} of {len(self.states)} states are absorbing)",
                "experience never ends here: give the state a way on (a restart, for instance), or permit it with "
                "allow: [absorbing]",
            )

    def reachable(self) -> Bools:
        """Which states some history can lead to, bool [S]."""
        size = len(self.states)
        roots = np.flatnonzero(self.initial > 0)
        graph = sparse.csr_array(
            (
                np.ones(len(self.target) + len(roots), dtype=np.int8),
                np.concatenate([self.target, roots]).astype(np.int32),
                np.append(self.first, len(self.target) + len(roots)).astype(np.int32),
            ),
            shape=(size + 1, size + 1),
        )
        found = np.zeros(size + 1, dtype=bool)
        found[csgraph.breadth_first_order(graph, size, return_predecessors=False)] = True
        return found[:size]

    def absorbing(self) -> Bools:
        """Which states every action leads back to at once, bool [S]; none if there is but one state."""
        size = len(self.states)
        source = np.repeat(np.arange(size), np.diff(self.first))
        leaves = np.bincount(source[self.target != source], minlength=size) > 0
        return ~leaves & (size > 1)


def _state_names(states: Sequence[str] | None, count: int) -> tuple[str, ...]:
    if count == 0:
        raise FormalError("environment: no states", "an environment has at least one state")
    if states is None:
        return tuple(f"s{i}" for i in range(count))
    if len(states) != count:
        raise FormalError(f"environment: {len(states)} names for {count} states")
    unique_names("state", states)
    return tuple(states)


def _known(index: Mapping[str, int], name: str, where: str) -> int:
    if name not in index:
        raise FormalError(
            f"environment: {where}: there is no state {name!r}", f"the states are: {', '.join(list(index)[:20])}"
        )
    return index[name]


def _check_range(values: NDArray[np.integer], size: int, what: str) -> None:
    if len(values) and (int(values.min()) < 0 or int(values.max()) >= size):
        wrong = values[(values < 0) | (values >= size)][0]
        raise FormalError(f"environment: {what} has the index {wrong}", f"indices go from 0 to {size - 1}")


def _check_rows(
    interface: Interface,
    states: Sequence[str],
    source: NDArray[np.integer],
    action: NDArray[np.integer],
    probability: Floats,
) -> None:
    """Raise unless the probabilities of every state and action sum to one."""
    actions = len(interface.actions)
    wrong = ~(np.isfinite(probability) & (probability >= 0))
    row = source.astype(np.int64) * actions + action
    total = np.bincount(row, weights=np.where(wrong, np.nan, probability), minlength=len(states) * actions)
    bad = np.flatnonzero(~(np.abs(total - 1) <= PROBABILITY_TOLERANCE))
    if len(bad):
        state, which = divmod(int(bad[0]), actions)
        where = f"environment: state {states[state]!r}, action {interface.actions[which]!r}"
        entries = probability[row == bad[0]]
        if not len(entries):
            raise FormalError(f"{where}: no outcome", "list at least one outcome, with probability 1")
        check_distribution(entries, where)
