"""Gymnasium's toy-text environments (FrozenLake, CliffWalking, Taxi), read from their transition tables.

Three differences to what Gymnasium runs, because the paper knows one endless stream of experience and rewards r(o, a):

* an observation is the state *and* the reward that came with it (CliffWalking pays the same state differently);
* at an episode's end either any action leads to a first state again, with reward 0 (``restart``), or nothing changes
  any more (``absorb``);
* a random first state is shown by a first step, whose action does nothing and whose reward is 0.

States that no history leads to are left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from crl.formal.environment import FiniteEnvironment
from crl.formal.errors import FormalError
from crl.formal.interface import Floats, Interface

Table = Mapping[int, Mapping[int, Sequence[tuple[float, int, float, bool]]]]
"""``table[state][action]`` lists (probability, next state, reward, terminated)."""
Branch = tuple[int, int, float, int, float]
"""State, action, probability, next state, reward."""
RESET = -1
"""The state before a random first state is shown."""


def from_toy_text(
    environment: Any, *, at_end: Literal["restart", "absorb"] = "restart", actions: Sequence[str] | None = None
) -> tuple[FiniteEnvironment, Floats]:
    """A finite environment, and its rewards, from a Gymnasium environment with a transition table.

    Args:
        environment: What ``gymnasium.make`` returned; it must have ``P`` and ``initial_state_distrib``.
        at_end: What follows the end of an episode.
        actions: Names of the actions; their numbers if omitted.

    Returns:
        The environment, and the rewards r(o, a) [O, A]. Observation ``5:-1`` is state 5 with reward -1.

    Raises:
        FormalError: The environment has no transition table, or a broken one.
    """
    if at_end not in ("restart", "absorb"):
        raise FormalError(f"at_end = {at_end!r}", "it is restart or absorb")
    bare = getattr(environment, "unwrapped", environment)
    if not hasattr(bare, "P") or not hasattr(bare, "initial_state_distrib"):
        raise FormalError(
            f"{bare} has no transition table",
            "FrozenLake, CliffWalking and Taxi have one (the attributes P and initial_state_distrib)",
        )
    table: Table = bare.P
    weights = np.asarray(bare.initial_state_distrib, dtype=float)
    start = {int(state): float(weights[state] / weights.sum()) for state in np.flatnonzero(weights)}
    branches = _branches(table, start, at_end)
    seen = sorted({(target, reward) for _, _, _, target, reward in branches})
    observation = {pair: i for i, pair in enumerate(seen)}
    states = sorted({branch[0] for branch in branches})
    number = {state: i for i, state in enumerate(states)}
    count = len(next(iter(table.values())))
    interface = Interface(
        tuple(actions) if actions else tuple(map(str, range(count))), tuple(f"{s}:{r:g}" for s, r in seen)
    )
    if len(interface.actions) != count:
        raise FormalError(f"{len(interface.actions)} names for {count} actions")
    initial = np.zeros(len(states))
    first = {RESET: 1.0} if RESET in number else start
    for state, p in first.items():
        initial[number[state]] = p
    made = FiniteEnvironment.from_branches(
        interface,
        np.array([number[branch[0]] for branch in branches]),
        np.array([branch[1] for branch in branches]),
        np.array([number[branch[3]] for branch in branches]),
        np.array([observation[branch[3], branch[4]] for branch in branches]),
        np.array([branch[2] for branch in branches]),
        initial,
        states=["reset" if state == RESET else str(state) for state in states],
        allow=("absorbing",),
    )
    rewards = np.repeat(np.array([[reward] for _, reward in seen]), count, axis=1)
    return made, rewards


def _branches(table: Table, start: Mapping[int, float], at_end: str) -> list[Branch]:
    """The branches of all states that the start leads to, without episodes."""
    count = len(next(iter(table.values())))
    branches: list[Branch] = []
    if len(start) > 1:
        branches += [(RESET, action, p, state, 0.0) for action in range(count) for state, p in start.items()]
    waiting, known, ended = list(start), set(start), set()
    for state in waiting:  # grows while it is walked
        if state in ended:
            follows = start if at_end == "restart" else {state: 1.0}
            branches += [(state, action, p, target, 0.0) for action in range(count) for target, p in follows.items()]
            continue
        for action in range(count):
            for p, target, reward, terminated in table[state][action]:
                target = int(target)
                if p <= 0:
                    continue
                branches.append((state, action, float(p), target, float(reward)))
                if target not in known:
                    known.add(target)
                    waiting.append(target)
                    ended |= {target} if terminated else set()
                elif bool(terminated) != (target in ended):
                    raise FormalError(
                        f"state {target} both ends an episode and does not", "such a table can't be read as it is"
                    )
    return branches
