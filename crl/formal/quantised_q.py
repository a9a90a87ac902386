"""Epsilon-greedy Q-learning with quantised values (Watkins 1989), as a finite machine.

    Q(s, a) <- round(Q(s, a) + alpha * (r + gamma * max_a' Q(s', a') - Q(s, a)))

where every value is one of L levels, evenly spaced from ``low`` to ``high``. Rounding is to the nearest level, ties
towards the target; a step smaller than half a level is therefore lost, as it is on any computer at some scale. A
memory is the table of all levels with the last state: L^(S A) * S of them, which is why there are at most four states.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike

from crl.formal.agent import FiniteAgent, big, check_size
from crl.formal.errors import FormalError, TooLarge
from crl.formal.interface import Floats, Interface, Ints
from crl.formal.rewards import reward_table

MAX_STATES = 4
TIE = 1e-9
"""Distance to the middle between two levels, in levels, within which a value is on it."""


def q_learning(
    interface: Interface,
    rewards: ArrayLike,
    *,
    levels: int,
    low: float = 0.0,
    high: float = 1.0,
    alpha: float = 0.5,
    gamma: float = 0.0,
    epsilon: float = 0.1,
    states: Mapping[str, int] | None = None,
    start: int = 0,
    initial: float | None = None,
    name: str = "Q-learning",
) -> FiniteAgent:
    """An epsilon-greedy Q-learning agent.

    Args:
        interface: Actions and observations.
        rewards: Rewards r(o, a) [O, A], or [O].
        levels: Number L of levels.
        low: Lowest value.
        high: Highest value.
        alpha: Step size, in (0, 1].
        gamma: Discount, in [0, 1].
        epsilon: Probability of a random action; else the best one, the first of equals.
        states: State that each observation tells; one state, a bandit, if omitted.
        start: State before any observation.
        initial: First value of everything, rounded to a level; ``low`` if omitted.
        name: Its name.

    Raises:
        FormalError: A parameter is out of range.
        TooLarge: There are more than four states, or too many memories; the message gives their number.
    """
    _check(levels, low, high, alpha, gamma, epsilon)
    state_of = _states(interface, states, name)
    count, actions = max(int(state_of.max()), start) + 1, len(interface.actions)
    if start < 0:
        raise FormalError(f"agent {name!r}: it starts in state {start}", "states are numbered from 0")
    if count > MAX_STATES:
        raise TooLarge(
            f"agent {name!r} has {count} states and {actions} actions: it would have "
            f"{big(levels, count * actions, count)} memories "
            f"({levels}^({count} * {actions}) tables, times {count} states)",
            f"Q-learning is built for at most {MAX_STATES} states",
        )
    if count * actions * math.log10(levels) > 12:
        raise TooLarge(
            f"agent {name!r} would have {big(levels, count * actions, count)} memories",
            "use fewer levels or states, or a smaller environment",
        )
    check_size(name, interface, size := levels ** (count * actions) * count)
    grid = np.linspace(low, high, levels)
    tables = size // count
    digits = np.arange(tables)[:, None] // levels ** np.arange(count * actions) % levels  # [tables, S * A]
    best = grid[digits].reshape(tables, count, actions)
    policy = np.full((tables, count, actions), epsilon / actions)
    np.put_along_axis(
        policy,
        greedy := best.argmax(axis=2)[..., None],
        np.take_along_axis(policy, greedy, axis=2) + 1 - epsilon,
        axis=2,
    )
    reward = reward_table(interface, rewards)
    update = np.empty((tables, count, actions, len(interface.observations)), dtype=np.int64)
    for observation, state in enumerate(state_of):
        future = gamma * best[:, state].max(axis=1)
        for last in range(count):
            for action in range(actions):
                entry = last * actions + action
                old = digits[:, entry]
                new = _rounded(old, grid, alpha, reward[observation, action] + future)
                table = np.arange(tables) + (new - old) * levels**entry
                update[:, last, action, observation] = table * count + state
    level = 0 if initial is None else int(np.abs(grid - initial).argmin())
    first = level * sum(levels**entry for entry in range(count * actions))
    return FiniteAgent(
        name, interface, policy.reshape(size, actions), update.reshape(size, actions, -1), first * count + start
    )


def _rounded(old: Ints, grid: Floats, alpha: float, goal: Floats) -> Ints:
    """The level after a step towards the goal, int64 [n]."""
    if len(grid) == 1:
        return np.zeros_like(old)
    width = grid[1] - grid[0]
    exact = (grid[old] + alpha * (goal - grid[old]) - grid[0]) / width
    up = goal >= grid[old]
    level = np.where(up, np.floor(exact + 0.5 + TIE), np.ceil(exact - 0.5 - TIE))
    inside: Ints = np.clip(level, 0, len(grid) - 1).astype(np.int64)
    return inside


def _states(interface: Interface, states: Mapping[str, int] | None, name: str) -> Ints:
    """State of each observation, int64 [O]."""
    if states is None:
        return np.zeros(len(interface.observations), dtype=np.int64)
    for observation in states:
        interface.observation(observation)
    for observation in interface.observations:
        if observation not in states:
            raise FormalError(f"agent {name!r}: no state for observation {observation!r}", "list every observation")
        if not 0 <= states[observation] < 2**31:
            raise FormalError(f"agent {name!r}: state {states[observation]}", "states are numbered from 0")
    return np.array([states[observation] for observation in interface.observations], dtype=np.int64)


def _check(levels: int, low: float, high: float, alpha: float, gamma: float, epsilon: float) -> None:
    for name, number, good, expected in (
        ("levels", levels, levels >= 1, "at least 1"),
        ("high", high, low <= high if levels == 1 else low < high, f"more than low = {low:g}"),
        ("alpha", alpha, 0 < alpha <= 1, "more than 0 and at most 1"),
        ("gamma", gamma, 0 <= gamma <= 1, "from 0 to 1"),
        ("epsilon", epsilon, 0 <= epsilon <= 1, "from 0 to 1"),
    ):
        if not good:
            raise FormalError(f"{name} = {number}", f"{name} must be {expected}")
